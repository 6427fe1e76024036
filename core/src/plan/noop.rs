//! "Already live" is decided by commit, content digest and settings, never by name.

use crate::model::{Commit, Digest, Facts, ReleaseId};

/// The release that is live and proven with exactly this commit, content and settings; nothing when a change is open,
/// the link drifted, or a human is needed.
#[must_use]
pub fn already_live(facts: &Facts, commit: Option<&Commit>, content: &Digest, settings: &Digest) -> Option<ReleaseId> {
    let status = &facts.status;
    let live = status.confirmed.as_ref()?;
    let calm = status.open.is_none() && status.drift.is_none() && status.failed.is_none();
    let same = live.content == *content && live.settings == *settings && live.commit.as_ref() == commit;
    (calm && same).then(|| live.release.clone())
}
