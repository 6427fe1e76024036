//! Prune: never what a way back needs, never what somebody still runs from.

use std::collections::BTreeSet;
use std::fs;

use rollback_deploy_core::model::{Failure, ReleaseId, ReleaseState};
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
    let held = cx.state.lock()?;
    let needed = needed(cx, keep)?;
    let (mut removed, mut kept) = (Vec::new(), Vec::new());
    for row in store::releases(cx.state) {
        let id = &row.id;
        if needed.contains(id) {
            continue;
        }
        let Ok(Some(lock)) = cx.state.try_lock(&names::stage(id)) else {
            kept.push(format!("{id}: it is being staged"));
            continue;
        };
        let recent = time_of(&row.at).is_none_or(|at| at.duration_until(jiff::Timestamp::now()).as_secs() < RECENT);
        let was_used = row.proven || matches!(row.state, ReleaseState::Bad { .. } | ReleaseState::Interrupted { .. });
        if recent && !was_used {
            kept.push(format!("{id}: it was staged within a day"));
        } else if let Some(who) = used_by(cx, id) {
            kept.push(format!("{id}: {who}"));
        } else if !row.present {
            // Its records stay: a release that failed here is known to be bad however old it is.
        } else if stage::remove_files(cx.state, id)
            || (super::running::prune_as_root(cx, id) && stage::remove_files(cx.state, id))
        {
            if row.state == ReleaseState::Staged && !row.proven {
                stage::remove_release(cx.state, id);
            }
            cx.state.forget(&names::stage(id));
            removed.push(id.clone());
        } else {
            kept.push(format!(
                "{id}: files of another user lie in it; remove {} as root",
                store::folder(cx.state, id).display()
            ));
        }
        drop(lock);
    }
    drop(held);
    let open = match store::open(cx.state) {
        OpenTxn::Pending(txn) | OpenTxn::Aborting(txn) => Some(txn.agent),
        OpenTxn::Nothing | OpenTxn::Torn { .. } => None,
    };
    super::program::prune(cx, open.as_ref());
    prune_evidence(cx);
    if !super::room::is_short(cx.state) {
        cx.state.keep_reserve();
    }
    Ok(Answer::Done(Box::new(Report::Pruned { removed, kept })))
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
        OpenTxn::Torn { .. } => {
            return Err(Failure::refused("a change is open that cannot be read: nothing is pruned"));
        }
        OpenTxn::Nothing => {}
    }
    let mut proven = Vec::new();
    if let Some(txn) = &confirmed {
        needed.insert(txn.release.clone());
        needed.extend(txn.previous.clone());
        needed.extend(store::way_back(cx.state, txn).map(|txn| txn.release));
        proven.push(txn.release.clone());
    }
    for txn in store::history(cx.state) {
        let bad = matches!(store::release_state(cx.state, &txn.release), ReleaseState::Bad { .. });
        if !bad && !proven.contains(&txn.release) {
            proven.push(txn.release);
        }
    }
    needed.extend(proven.into_iter().take(usize::try_from(keep.max(1)).unwrap_or(usize::MAX)));
    Ok(needed)
}

/// A process that runs from the release; one whose place cannot be read counts when the root face cannot say either.
fn used_by(cx: Cx<'_>, id: &ReleaseId) -> Option<String> {
    let folder = store::folder(cx.state, id);
    for entry in fs::read_dir("/proc").ok()?.flatten() {
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
