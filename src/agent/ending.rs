//! How an undo ended, in words that outlive it. The names `aborted` and `failed` decide; this only explains.

use rollback_deploy_core::model::{Ending, Record, Txn};

use super::state::State;
use super::store::{self, names};

/// The record that explains an ending.
#[must_use]
pub fn to_record(ending: &Ending) -> Record {
    Record::new()
        .with("txn", &ending.txn)
        .with("release", &ending.release)
        .with_some("now", ending.now.as_ref())
        .with("healthy", if ending.healthy { "yes" } else { "no" })
        .with("why", &ending.why)
        .with("marked-bad", if ending.marked_bad { "yes" } else { "no" })
        .with("recovered-seconds", ending.recovered_seconds)
        .with_some("evidence", ending.evidence.as_ref())
}

/// The line that says whether the undone change had begun to move the database one way.
pub const SCHEMA_MOVED: &str = "schema-moved";

/// Whether it is known of this undone change that it did not begin to move the database.
#[must_use]
pub fn left_the_schema(state: &State, txn: &Txn) -> bool {
    let recorded = state.read(names::ENDING).ok().flatten();
    recorded.is_some_and(|record| record.get("txn") == Some(txn.id.as_str()) && record.get(SCHEMA_MOVED) == Some("no"))
}

fn from_record(record: &Record) -> Option<Ending> {
    Some(Ending {
        txn: record.parse("txn").ok()?,
        release: record.parse("release").ok()?,
        now: record.parse_some("now").ok()?,
        healthy: record.get("healthy") == Some("yes"),
        why: record.get("why").unwrap_or_default().to_owned(),
        marked_bad: record.get("marked-bad") == Some("yes"),
        recovered_seconds: record.parse("recovered-seconds").unwrap_or_default(),
        evidence: record.get("evidence").map(str::to_owned),
    })
}

/// How the last undo ended, when nothing was confirmed since: of two records the later change counts.
#[must_use]
pub fn last(state: &State) -> Option<Ending> {
    let confirmed = store::confirmed(state).ok().flatten().map_or(0, |txn| txn.seq);
    let ended = [(names::FAILED, false), (names::ABORTED, true)].into_iter().filter_map(|(name, healthy)| {
        let txn = store::txn(state, name).ok().flatten()?;
        (txn.seq > confirmed).then_some((txn, healthy))
    });
    ended.max_by_key(|(txn, _)| txn.seq).map(|(txn, healthy)| of(state, &txn, healthy))
}

/// Whether a human is needed: an undo did not end well, and nothing was confirmed since.
#[must_use]
pub fn needs_a_human(state: &State) -> bool {
    let confirmed = store::confirmed(state).ok().flatten().map_or(0, |txn| txn.seq);
    match store::txn(state, names::FAILED) {
        Ok(Some(txn)) => txn.seq > confirmed,
        Ok(None) => false,
        Err(_) => true,
    }
}

/// How the undo of this change ended.
#[must_use]
pub fn of(state: &State, txn: &Txn, healthy: bool) -> Ending {
    let recorded = state.read(names::ENDING).ok().flatten().and_then(|record| from_record(&record));
    recorded.filter(|ending| ending.txn == txn.id).unwrap_or_else(|| Ending {
        txn: txn.id.clone(),
        release: txn.release.clone(),
        now: txn.previous.clone(),
        healthy,
        why: "its words could not be written (full disk?)".to_owned(),
        marked_bad: false,
        recovered_seconds: 0,
        evidence: None,
    })
}

/// Why a human is needed.
#[must_use]
pub fn words(state: &State) -> String {
    last(state).map_or_else(|| "an undo did not end well".to_owned(), |ending| ending.why)
}
