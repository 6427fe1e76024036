//! What a deploy would meet on a target, by what the target said of itself: the same rules as those of the acts that
//! would refuse it, or use what is there.

use super::order::{Plan, TargetPlan, Wanted};
use crate::model::{Allow, Commit, Digest, Facts, Failure, Kind, Open, ReleaseId, ReleaseRow, ReleaseState};
use crate::wire::Staging;

/// The release that is there already with this content, these settings and this commit.
#[must_use]
pub fn same<'a>(
    rows: &'a [ReleaseRow],
    content: &Digest,
    settings: &Digest,
    commit: Option<&Commit>,
) -> Option<&'a ReleaseRow> {
    let same = |row: &&ReleaseRow| {
        row.content == *content && row.settings == *settings && row.commit.as_ref() == commit && row.present
    };
    rows.iter().filter(same).find(|row| row.state != ReleaseState::Building)
}

/// Refuses a release that is known to be bad here.
///
/// # Errors
/// It is bad, and that is not lifted.
pub fn not_known_bad(row: &ReleaseRow, allow: &[Allow]) -> Result<(), Failure> {
    match &row.state {
        ReleaseState::Bad { why, .. } if !allow.contains(&Allow::KnownBad) => Err(Failure::liftable(
            Allow::KnownBad,
            format!("{} was deployed here before and failed: {why}", row.version),
        )
        .hint("Deploy another version, or the same one after its content changed.")),
        _ => Ok(()),
    }
}

/// Everything that would stop the deploy on this target now, and that no override in force lifts.
#[must_use]
pub fn stops(plan: &Plan, target: &TargetPlan, facts: &Facts) -> Vec<Failure> {
    let lifted = |failure: &&Failure| failure.lifted_by().is_some_and(|allow| plan.allow.contains(&allow));
    let mut stops: Vec<Failure> = facts.obstacles.iter().filter(|failure| !lifted(failure)).cloned().collect();
    if let Wanted::Staged(staging) = &target.wanted {
        match there(staging, facts) {
            Some(row) if row.is_bad() => stops.extend(not_known_bad(row, &plan.allow).err()),
            Some(_) => {}
            None => stops.extend(facts.room.fits(&staging.manifest, &staging.settings.root).err()),
        }
        if let Some(open) = busy(facts).filter(|_| plan.wait.0 == 0) {
            stops.push(Failure::new(
                Kind::Busy,
                format!("a {} of {} is open, by {} since {}", open.operation, open.release, open.by, open.at),
            ));
        }
    }
    stops
}

fn there<'a>(staging: &Staging, facts: &'a Facts) -> Option<&'a ReleaseRow> {
    let (content, settings) = (staging.manifest.digest(), staging.settings.fingerprint());
    same(&facts.releases, &content, &settings, staging.info.commit.as_ref())
}

/// Somebody else's change that still has time.
fn busy(facts: &Facts) -> Option<&Open> {
    facts.status.open.as_ref().filter(|open| !open.aborting && open.settles_in.0 > 0)
}

/// How the release comes to be there, line by line; and whether it is new there.
pub(super) fn staging(plan: &Plan, staging: &Staging, facts: &Facts) -> (Vec<String>, bool) {
    let (version, root) = (&staging.info.version, &staging.settings.root);
    let mut lines = Vec::new();
    if let Some(open) = busy(facts) {
        lines.push(format!("wait up to {} for the open {} of {}", plan.wait, open.operation, open.release));
    }
    if let Some(row) = there(staging, facts).filter(|row| !row.is_bad()) {
        lines.push(format!("use {} again: its files are there, nothing is sent or built", row.id));
        return (lines, false);
    }
    let taken = |id: &ReleaseId| facts.releases.iter().any(|row| row.id == *id);
    let id = (1..=1000).map(|n| version.nth(n)).find(|id| !taken(id));
    let named = id.filter(|id| id != version).map_or_else(String::new, |id| format!(", as {id}"));
    lines.push(format!("stage {version} under {root}/releases{named}"));
    let (bytes, entries) = (staging.manifest.bytes(), staging.manifest.inodes());
    let kept = facts.releases.iter().any(|row| row.present);
    let less = if kept { "; what a kept release has is not sent" } else { "" };
    lines.push(format!("send at most {} KiB in {entries} entries{less}", bytes.div_ceil(1024)));
    (lines, true)
}

/// Which releases would go once this one is permanent: what is beyond the newest proven ones, and what failed here.
pub(super) fn pruned(target: &TargetPlan, facts: &Facts) -> String {
    let reused = match &target.wanted {
        Wanted::Staged(staging) => there(staging, facts).filter(|row| !row.is_bad()).map(|row| &row.id),
        Wanted::There { release, .. } | Wanted::AlreadyLive(release) => Some(release),
    };
    let old = || facts.releases.iter().filter(|row| row.present && !row.live && Some(&row.id) != reused);
    // The new one and the live one are proven then, and stay whatever is kept.
    let live = facts.releases.iter().any(|row| row.live && row.proven);
    let stay = usize::try_from(target.keep.max(1)).unwrap_or(usize::MAX).saturating_sub(1 + usize::from(live));
    let proven = old().filter(|row| row.proven).skip(stay);
    let bad = old().filter(|row| row.is_bad());
    let gone: Vec<&str> = proven.chain(bad).map(|row| row.id.as_str()).collect();
    let keep = format!("prune to {} proven releases", target.keep);
    if gone.is_empty() { keep } else { format!("{keep}: {} would go, unless something runs from it", gone.join(", ")) }
}

#[cfg(test)]
#[path = "foresee_tests.rs"]
mod tests;
