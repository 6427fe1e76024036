//! One thing that is changed and confirmed as a unit. Each kind is a file here.

use async_trait::async_trait;
use rollback_deploy_core::model::{CheckResult, Failure, Label, Proof, ReleaseId, Seconds};
use rollback_deploy_core::wire::{Act, Answer, Query, SetupRequest};
use tokio_util::sync::CancellationToken;

use crate::engine::Events;

#[cfg(test)]
pub(crate) mod fake;
pub mod host;
mod keeper;

pub use host::HostTarget;

/// What a kind of target can promise; plan and summary show it.
#[expect(clippy::struct_excessive_bools, reason = "four independent promises, each shown by its name")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// Two changes at once are impossible.
    pub exclusive: bool,
    /// The switch is one step.
    pub atomic: bool,
    /// It goes back by itself when nobody confirms.
    pub self_undo: bool,
    /// Going back needs no network, registry or CI.
    pub offline_way_back: bool,
}

/// What an act may use while it runs.
#[derive(Clone)]
pub struct Cx {
    /// Where facts are told.
    pub events: Events,
    /// Asks everything under way to end.
    pub stop: CancellationToken,
}

/// The wall-clock time in so many seconds, for people: `14:05 UTC`.
#[must_use]
pub fn by(left: Seconds) -> String {
    let span = jiff::SignedDuration::from_secs(i64::try_from(left.0).unwrap_or(i64::MAX));
    match jiff::Zoned::now().checked_add(span) {
        Ok(at) => at.strftime("%H:%M %Z").to_string(),
        Err(_) => format!("now and {left}"),
    }
}

/// One target.
#[async_trait]
pub trait Target: Send + Sync {
    /// What it is called.
    fn label(&self) -> &Label;

    /// What its kind can promise.
    fn promise(&self) -> Promise;

    /// Performs an act. An answer is the truth.
    ///
    /// # Errors
    /// No answer could be had, however often the act was repeated: what happened is not known.
    async fn perform(&self, act: &Act, cx: &Cx) -> Result<Answer, Failure>;

    /// Makes a change permanent, on a connection made after activation.
    ///
    /// # Errors
    /// As for [`Self::perform`].
    async fn confirm(&self, proof: Proof, cx: &Cx) -> Result<Answer, Failure>;

    /// Asks something; nothing changes.
    ///
    /// # Errors
    /// As for [`Self::perform`].
    async fn ask(&self, query: &Query, cx: &Cx) -> Result<Answer, Failure>;

    /// Sets the target up, or looks whether it is.
    ///
    /// # Errors
    /// As for [`Self::perform`].
    async fn setup(&self, request: &SetupRequest, cx: &Cx) -> Result<Answer, Failure>;

    /// Asks the checks that are asked from where the controller runs, of this version.
    async fn check_outside(&self, version: &ReleaseId) -> Vec<CheckResult>;

    /// How long from now until an open change settles itself at the latest, when one is open.
    fn settles_in(&self) -> Option<Seconds> {
        None
    }

    /// Ends connections that are still open.
    async fn close(&self);
}
