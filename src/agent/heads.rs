//! Where the database stood before and after a migration, as the release's own command says. Kept with the release: what
//! moved nothing is in nobody's way later.

use std::path::Path;

use rollback_deploy_core::model::{Heads, ReleaseId, Seconds, Txn};

use super::state::State;
use super::store::names;
use crate::ask::command::{Spec, take};

/// How long the question may take.
const LIMIT: Seconds = Seconds(60);
/// The most characters that are kept of an answer.
const LONGEST: usize = 200;

/// Asks a release's command; nothing when it fails or says nothing.
#[must_use]
pub fn ask(run: Option<&str>, folder: &Path, release: &ReleaseId, root: &str) -> Option<String> {
    let spec = Spec::script(run?)
        .in_folder(folder)
        .within(LIMIT)
        .with("ROLLBACK_DEPLOY_RELEASE", release.as_str())
        .with("ROLLBACK_DEPLOY_ROOT", root);
    let ended = take(&spec).ok().filter(crate::ask::command::Ended::ok)?;
    let said = String::from_utf8_lossy(&ended.whole);
    let plain: Vec<&str> = said.split_whitespace().collect();
    let head: String = plain.join(" ").chars().filter(|char| !char.is_control()).take(LONGEST).collect();
    (!head.is_empty()).then_some(head)
}

/// What is recorded for a change; nothing when there is nothing, or it is of another change of the same release.
#[must_use]
pub fn of(state: &State, txn: &Txn) -> Option<Heads> {
    let heads = of_release(state, &txn.release)?;
    (heads.txn == txn.id).then_some(heads)
}

/// The last ones that are recorded for a release.
#[must_use]
pub fn of_release(state: &State, id: &ReleaseId) -> Option<Heads> {
    // One that cannot be read proves nothing, and then the declared verdict stands.
    Heads::from_record(&state.read(&names::heads(id)).ok()??).ok()
}

/// Records them; best effort: without them the declared verdict stands.
pub fn keep(state: &State, id: &ReleaseId, heads: &Heads) {
    if (heads.before.is_some() || heads.after.is_some())
        && let Err(error) = state.put(&names::heads(id), &heads.to_record())
    {
        tracing::warn!(%error, "where the database stands could not be recorded");
    }
}
