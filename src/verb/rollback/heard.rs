//! What the hosts of a rollback said of themselves so far.

use std::time::Duration;

use rollback_deploy_core::model::{ReleaseId, Status};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::{To, takes_back};

/// What was said so far.
pub(super) struct Heard {
    said: watch::Sender<Said>,
    until: Instant,
}

struct Said {
    /// How many hosts have not answered yet.
    silent: usize,
    /// What the deploys that are open go back to.
    back: Vec<ReleaseId>,
}

impl Heard {
    /// Nothing of so many hosts; what comes later than this is not waited for.
    pub(super) fn of(hosts: usize, grace: Duration) -> Self {
        Self { said: watch::Sender::new(Said { silent: hosts, back: Vec::new() }), until: Instant::now() + grace }
    }

    /// A host answered, or cannot be reached.
    pub(super) fn note(&self, to: &To, status: Option<&Status>) {
        let open =
            status.and_then(|status| status.open.as_ref()).filter(|open| to.version.is_none() && takes_back(open));
        let previous = open.and_then(|open| open.previous.clone());
        self.said.send_modify(|said| {
            said.silent = said.silent.saturating_sub(1);
            said.back.extend(previous);
        });
    }

    /// What the deploys that are open go back to, once all have answered or it is late.
    pub(super) async fn back(&self) -> Vec<ReleaseId> {
        let mut all = self.said.subscribe();
        let _late = timeout_at(self.until, all.wait_for(|said| said.silent == 0)).await;
        self.said.borrow().back.clone()
    }
}
