//! Keeps an open change alive: while a controller lives, the window of what it opened does not run out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollback_deploy_core::model::{Label, Seconds, TxnId};
use rollback_deploy_core::wire::{Act, Answer, Report, Request};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::transport::{Channel, Link};

/// The longest step by which a window is extended: so soon after a controller died a host settles itself.
const STEP: Seconds = Seconds(60);
/// Between two renewals, at least.
const PAUSE: Duration = Duration::from_secs(1);

/// When the open change of a host settles itself at the latest; known to all who ask that host.
#[derive(Debug, Clone, Default)]
pub(super) struct Settles(Arc<Mutex<Option<Instant>>>);

impl Settles {
    /// When, if a change is open.
    pub(super) fn at(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now.
    pub(super) fn left(&self) -> Option<Seconds> {
        self.at().map(|at| Seconds(at.saturating_duration_since(Instant::now()).as_secs()))
    }

    /// What an answer says of it.
    pub(super) fn note(&self, answer: &Answer) {
        let mut at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *at = match answer {
            Answer::Done(report) => match report.as_ref() {
                Report::Begun { settles_in, .. }
                | Report::Activated { settles_in, .. }
                | Report::Renewed { settles_in }
                | Report::Holding { settles_in } => Some(Instant::now() + Duration::from_secs(settles_in.0)),
                Report::Confirmed(_) | Report::NothingOpen => None,
                _ => *at,
            },
            Answer::Undone(_) => None,
            _ => *at,
        };
    }
}

/// A renewal in the background; it ends with this value.
pub(super) struct Keeper(JoinHandle<()>);

impl Keeper {
    /// Renews from now on, on a connection of its own, until it is stopped or the change is not open any more.
    pub(super) fn start(label: Label, link: Arc<dyn Link>, txn: TxnId, window: Seconds, settles: Settles) -> Self {
        Self(tokio::spawn(async move {
            let window = window.min(STEP);
            let mut channel = None;
            while let Some(deadline) = settles.at().filter(|at| *at > Instant::now()) {
                let left = deadline.saturating_duration_since(Instant::now());
                sleep((left / 3).max(PAUSE)).await;
                let act = Request::Act(Act::Renew { txn: txn.clone(), window });
                let asked = timeout_at(deadline, ask(link.as_ref(), &mut channel, act)).await;
                let Ok(Some(answer)) = asked else {
                    // Best effort: the host goes by its own clock when a renewal does not arrive.
                    tracing::debug!(host = %label, "the window was not extended");
                    channel = None;
                    continue;
                };
                // What comes late says nothing about a change that is gone.
                if settles.at().is_none() {
                    return;
                }
                settles.note(&answer);
                if !matches!(&answer, Answer::Done(_) | Answer::Refused(_) | Answer::Failed(_)) {
                    return;
                }
            }
        }))
    }

    /// Stops renewing; nothing is sent any more once this is over.
    pub(super) async fn stop(mut self) {
        self.0.abort();
        let _ended = (&mut self.0).await;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn ask(link: &dyn Link, kept: &mut Option<Box<dyn Channel>>, act: Request) -> Option<Answer> {
    let mut channel = match kept.take() {
        Some(channel) => channel,
        None => link.connect().await.ok()?,
    };
    let answer = channel.call(act, None, &mut |_| {}).await.ok()?;
    *kept = Some(channel);
    Some(answer)
}
