//! Going back past a one-way migration: never without a word, also when the change that migrated was never confirmed.

use rollback_deploy_core::model::{Allow, Failure, Operation, SchemaVerdict, Txn};
use rollback_deploy_core::wire::Intent;

use super::state::{Held, State, explain};
use super::store::{self, names};
use super::{ending, heads};

/// Refuses a rollback past a change that moved the database one way: the old release does not know that database.
/// `open` is a change that would be ended first.
///
/// # Errors
/// It goes past one; or a record that must be known cannot be read.
pub fn guard(state: &State, intent: &Intent, confirmed: Option<&Txn>, open: Option<&Txn>) -> Result<(), Failure> {
    if intent.operation != Operation::Rollback || intent.allow.contains(&Allow::OneWay) {
        return Ok(());
    }
    let history = store::whole_history(state)?;
    let since = history.iter().filter(|txn| txn.release == intent.release).map(|txn| txn.seq).min().unwrap_or_default();
    let failed = failed(state)?;
    let moved = store::ended(state, names::MOVED)?;
    let open = open.filter(|txn| store::migration_begun(state, txn));
    let all = confirmed.into_iter().chain(&history).chain(&failed).chain(&moved).chain(open);
    // Whoever moved it knows it.
    let mut later: Vec<&Txn> = all.filter(|txn| txn.seq > since && txn.release != intent.release).collect();
    later.sort_by_key(|txn| txn.seq);
    let Some(first) = later.iter().find(|txn| moves(state, txn)) else { return Ok(()) };
    let then = heads::of(state, first).and_then(|heads| heads.before);
    let now = later.iter().rev().find_map(|txn| heads::of(state, txn)?.after);
    let failure = Failure::liftable(
        Allow::OneWay,
        format!("{} moved the database one way: {} cannot run on it by itself", first.release, intent.release),
    )
    .hint("Bring the database back first (a restore), or deploy a fix instead.");
    Err(match (then, now) {
        (Some(then), Some(now)) => {
            failure.hint(format!("It stood at {then} for {}, and stands at {now} since.", intent.release))
        }
        _ => failure,
    })
}

/// A migration that is known to have left the database where it stood moved nothing.
fn moves(state: &State, txn: &Txn) -> bool {
    txn.schema == SchemaVerdict::OneWay && !heads::of(state, txn).is_some_and(|heads| heads.unmoved())
}

/// The change that ended as `failed`, when its migration moved the database or may have.
fn failed(state: &State) -> Result<Option<Txn>, Failure> {
    let failed = store::ended(state, names::FAILED)?;
    Ok(failed.filter(|txn| moves(state, txn) && !ending::left_the_schema(state, txn)))
}

/// The next confirm removes `failed`; that the database moved is still known afterwards.
///
/// # Errors
/// It cannot be recorded.
pub fn carry(held: &Held<'_>) -> Result<(), Failure> {
    let state = held.state();
    let Some(failed) = failed(state)? else { return Ok(()) };
    if store::ended(state, names::MOVED)?.is_some_and(|moved| moved.seq >= failed.seq) {
        return Ok(());
    }
    held.put(names::MOVED, &failed.to_record())
        .map_err(|error| explain("that the database moved cannot be recorded", &state.path(names::MOVED), &error))
}
