//! What a killed process left and nothing needs any more: temporary files, spare records, ready-made links. Only while
//! no change is open, under the mutex; best effort, because none of it decides anything.

use std::collections::BTreeSet;

use rollback_deploy_core::model::{AbsPath, TxnId};

use super::cx::Cx;
use super::store::{self, OpenTxn, names};
use super::{clock, ending, environment, link, migrate};

/// What belongs to an open change only.
const OF_A_CHANGE: [&str; 8] = [
    names::LEASE,
    names::HELD,
    names::TICK,
    names::ACTIVATED,
    names::MIGRATION,
    names::REASON,
    "spare.bad",
    "spare.interrupted",
];

/// Where temporary files may lie.
const FOLDERS: [&str; 5] = [".", "history", "releases", "evidence", "agent"];

/// Takes the leftovers away.
pub fn sweep(cx: Cx<'_>) {
    let Ok(_held) = cx.state.lock() else { return };
    if store::open(cx.state) != OpenTxn::Nothing {
        return;
    }
    for folder in FOLDERS {
        for name in cx.state.names(folder).unwrap_or_default() {
            if is_leftover(cx, folder, &name) {
                cx.state.forget(&format!("{folder}/{name}"));
            }
        }
    }
    let mut links: BTreeSet<AbsPath> = BTreeSet::new();
    for row in store::releases(cx.state) {
        let Ok(story) = store::story(cx.state, &row.id) else { continue };
        environment::sweep(cx.state, &story);
        links.insert(story.settings.link);
    }
    links.iter().for_each(link::sweep);
}

fn is_leftover(cx: Cx<'_>, folder: &str, name: &str) -> bool {
    match folder {
        "." if OF_A_CHANGE.contains(&name) => true,
        "." if let Some(id) = migrate::of_log(name) => is_old_log(cx, &id),
        // Evidence is written while a change is undone only.
        "evidence" if name.ends_with(".making") => true,
        "agent" => name.strip_prefix(".making.").and_then(|pid| pid.parse().ok()).is_some_and(|pid| {
            // Its writer is gone; a process that took its number since only delays this.
            clock::started(pid).is_none()
        }),
        _ => is_of_the_dead(name),
    }
}

/// `NAME.tmp.PID.TICKS`, of a process that is no more.
fn is_of_the_dead(name: &str) -> bool {
    let Some((_, writer)) = name.rsplit_once(".tmp.") else { return false };
    let Some((pid, ticks)) = writer.split_once('.') else { return false };
    match (pid.parse::<u32>(), ticks.parse::<u64>()) {
        (Ok(pid), Ok(ticks)) => clock::started(pid) != Some(ticks),
        _ => false,
    }
}

/// The log of a migration stays until another change was confirmed or undone.
fn is_old_log(cx: Cx<'_>, id: &TxnId) -> bool {
    let Ok(confirmed) = store::confirmed(cx.state) else { return false };
    confirmed.is_none_or(|txn| txn.id != *id) && ending::last(cx.state).is_none_or(|ending| ending.txn != *id)
}
