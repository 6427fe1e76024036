//! Prune: never what a way back needs, never what somebody still runs from.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;

use rollback_deploy_core::model::{Failure, ReleaseId, ReleaseRow, ReleaseState};
use rollback_deploy_core::wire::{Answer, Report};

use super::cx::Cx;
use super::store::{self, OpenTxn, names};
use super::{stage, time_of};

/// What was staged this recently stays, in seconds: somebody may be about to begin.
const RECENT: i64 = 24 * 3600;

/// Removes releases that nothing needs.
pub fn prune(cx: Cx<'_>, keep: u32) -> Answer {
    pruned(cx, keep).unwrap_or_else(Answer::Failed)
}

fn pruned(cx: Cx<'_>, keep: u32) -> Result<Answer, Failure> {
    let (mut removed, mut kept) = (Vec::new(), Vec::new());
    // Who uses what is asked before the mutex is taken: it may take a while.
    let needed_now = needed(cx, keep)?;
    let candidates: Vec<ReleaseRow> =
        store::releases(cx.state).into_iter().filter(|row| row.present && !needed_now.contains(&row.id)).collect();
    let free: Vec<ReleaseRow> = candidates
        .into_iter()
        .filter(|row| match stays(cx, row) {
            Some(why) => {
                kept.push(format!("{}: {why}", row.id));
                false
            }
            None => true,
        })
        .collect();
    for (row, lock) in condemn(cx, keep, free)? {
        let id = &row.id;
        if stage::remove_files(cx.state, id)
            || (super::running::prune_as_root(cx, id) && stage::remove_files(cx.state, id))
        {
            // The records of what failed here stay: it is known to be bad however old it is.
            if !matches!(row.state, ReleaseState::Bad { .. }) {
                stage::remove_release(cx.state, id);
            }
            cx.state.forget(&names::stage(id));
            removed.push(id.clone());
        } else {
            let place = store::folder(cx.state, id);
            kept.push(format!("{id}: files of another user lie in it; remove {} as root", place.display()));
        }
        drop(lock);
    }
    prune_evidence(cx);
    if !super::room::is_short(cx.state) {
        cx.state.keep_reserve();
    }
    Ok(Answer::Done(Box::new(Report::Pruned { removed, kept })))
}

/// Why an old release stays all the same.
fn stays(cx: Cx<'_>, row: &ReleaseRow) -> Option<String> {
    let recent = time_of(&row.at).is_none_or(|at| at.duration_until(jiff::Timestamp::now()).as_secs() < RECENT);
    if recent && !row.proven && !matches!(row.state, ReleaseState::Bad { .. }) {
        return Some("it was staged within a day".to_owned());
    }
    used_by(cx, &row.id)
}

/// Under the mutex: what is still not needed is recorded as rubbish, so that nothing can begin with it while it is taken
/// away, and so that whoever comes after a crash takes the rest away.
fn condemn(cx: Cx<'_>, keep: u32, free: Vec<ReleaseRow>) -> Result<Vec<(ReleaseRow, OwnedFd)>, Failure> {
    let held = cx.state.lock()?;
    let needed = needed(cx, keep)?;
    let mut condemned = Vec::new();
    for row in free.into_iter().filter(|row| !needed.contains(&row.id)) {
        let Ok(Some(lock)) = cx.state.try_lock(&names::stage(&row.id)) else { continue };
        let bad = matches!(row.state, ReleaseState::Bad { .. });
        if bad || held.put(&names::state(&row.id), &ReleaseState::Building.to_record()).is_ok() {
            condemned.push((row, lock));
        }
    }
    let open = match store::open(cx.state) {
        OpenTxn::Pending(txn) | OpenTxn::Aborting(txn) => Some(txn.agent),
        OpenTxn::Nothing | OpenTxn::Torn { .. } | OpenTxn::Unreadable { .. } => None,
    };
    super::program::prune(cx, open.as_ref());
    Ok(condemned)
}

/// Confirmed, its predecessor, every way back of an open change, the newest proven ones.
fn needed(cx: Cx<'_>, keep: u32) -> Result<BTreeSet<ReleaseId>, Failure> {
    let mut needed = BTreeSet::new();
    let confirmed = store::confirmed(cx.state)?;
    match store::open(cx.state) {
        OpenTxn::Pending(txn) | OpenTxn::Aborting(txn) => {
            needed.insert(txn.release);
            needed.extend(txn.previous);
        }
        OpenTxn::Torn { .. } | OpenTxn::Unreadable { .. } => {
            return Err(Failure::refused("a change is open that cannot be read: nothing is pruned"));
        }
        OpenTxn::Nothing => {}
    }
    let history = store::whole_history(cx.state)?;
    let mut proven = Vec::new();
    if let Some(txn) = &confirmed {
        needed.insert(txn.release.clone());
        needed.extend(txn.previous.clone());
        needed.extend(store::way_back_in(cx.state, txn, &history).map(|txn| txn.release));
        proven.push(txn.release.clone());
    }
    for txn in history {
        let bad = matches!(store::release_state(cx.state, &txn.release), ReleaseState::Bad { .. });
        if !bad && !txn.unchecked && !proven.contains(&txn.release) {
            proven.push(txn.release);
        }
    }
    needed.extend(proven.into_iter().take(usize::try_from(keep.max(1)).unwrap_or(usize::MAX)));
    Ok(needed)
}

/// A process that runs from the release; one whose place cannot be read counts when the root face cannot say either.
fn used_by(cx: Cx<'_>, id: &ReleaseId) -> Option<String> {
    let folder = store::folder(cx.state, id);
    let Ok(processes) = fs::read_dir("/proc") else { return Some("the processes cannot be read".to_owned()) };
    for entry in processes.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        for what in ["cwd", "exe"] {
            if fs::read_link(entry.path().join(what)).is_ok_and(|target| target.starts_with(&folder)) {
                return Some(format!("process {pid} still runs from it"));
            }
        }
    }
    super::running::used_by_others(cx, id)
}

/// Evidence of the newest ten undone changes stays.
fn prune_evidence(cx: Cx<'_>) {
    let mut aged: Vec<_> = cx
        .state
        .names("evidence")
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| {
            let name = format!("evidence/{name}");
            let modified = fs::metadata(cx.state.path(&name)).and_then(|meta| meta.modified()).ok()?;
            Some((modified, name))
        })
        .collect();
    aged.sort_by(|a, b| b.cmp(a));
    for (_, name) in aged.into_iter().skip(10) {
        cx.state.forget(&name);
    }
}
