//! Records, typed: what is confirmed, what is open, which releases there are. Reads only.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rollback_deploy_core::model::record::RecordError;
use rollback_deploy_core::model::{
    BootToken, Failure, Foreign, Kind, Open, Proven, Record, ReleaseId, ReleaseRow, ReleaseState, SameBoot,
    SchemaVerdict, Seconds, Status, Story, Txn, TxnId, Uptime,
};

use super::state::{ReadError, State, earlier};
use super::{clock, ending, heads, link};

/// Names in the state folder.
pub mod names {
    use rollback_deploy_core::model::{ReleaseId, TxnId};

    /// What this host must run.
    pub const CONFIRMED: &str = "confirmed";
    /// A change is open.
    pub const PENDING: &str = "pending";
    /// An undo is under way.
    pub const ABORTING: &str = "aborting";
    /// The last undo ended well.
    pub const ABORTED: &str = "aborted";
    /// The last undo did not end well.
    pub const FAILED: &str = "failed";
    /// The last change that moved the database one way without being confirmed.
    pub const MOVED: &str = "moved";
    /// How the last undo ended, in words.
    pub const ENDING: &str = "ending";
    /// Why an undo was begun.
    pub const REASON: &str = "reason";
    /// An extended deadline.
    pub const LEASE: &str = "lease";
    /// The change is held for a person.
    pub const HELD: &str = "held";
    /// The watchdog is ready for a change.
    pub const TICK: &str = "tick";
    /// Who switched, and when.
    pub const ACTIVATED: &str = "activated";
    /// A migration that was begun.
    pub const MIGRATION: &str = "migration";
    /// What the idle watchdog told of a link that was moved by hand; decides nothing.
    pub const DRIFT: &str = "drift";
    /// Whose root this is.
    pub const IDENTITY: &str = "identity";
    /// What fingerprints are keyed with; never leaves this host.
    pub const KEY: &str = "key";
    /// The flock of a step that runs commands.
    pub const STEP: &str = "step";

    /// Whether a name in `releases/` belongs to a release instead of being one. No release is called so.
    #[must_use]
    pub fn is_beside(name: &str) -> bool {
        [".state", ".manifest", ".env", ".assets", ".heads"].iter().any(|suffix| name.ends_with(suffix))
            || name.contains(".tmp.")
    }

    /// The story of a release.
    #[must_use]
    pub fn story(id: &ReleaseId) -> String {
        format!("releases/{id}")
    }
    /// The state of a release.
    #[must_use]
    pub fn state(id: &ReleaseId) -> String {
        format!("releases/{id}.state")
    }
    /// The manifest of a release.
    #[must_use]
    pub fn manifest(id: &ReleaseId) -> String {
        format!("releases/{id}.manifest")
    }
    /// Where the database stood before and after its migration.
    #[must_use]
    pub fn heads(id: &ReleaseId) -> String {
        format!("releases/{id}.heads")
    }

    /// The environment file a release was confirmed with.
    #[must_use]
    pub fn environment(id: &ReleaseId) -> String {
        format!("releases/{id}.env")
    }
    /// The flock of whoever stages a release.
    #[must_use]
    pub fn stage(id: &ReleaseId) -> String {
        format!("stage/{id}")
    }
    /// A change that was confirmed once.
    #[must_use]
    pub fn history(id: &TxnId) -> String {
        format!("history/{id}")
    }
}

/// What is open, if anything.
#[derive(Debug, Clone, PartialEq)]
pub enum OpenTxn {
    /// Nothing.
    Nothing,
    /// A change waits to be confirmed.
    Pending(Txn),
    /// An undo is under way.
    Aborting(Txn),
    /// A torn record stands there: it is undone as if its deadline were over.
    Torn {
        /// Which name.
        name: &'static str,
        /// Why it cannot be read.
        why: String,
    },
    /// A record stands there that a newer program wrote, or that the disk does not give: nothing may be guessed.
    Unreadable {
        /// Which name.
        name: &'static str,
        /// Why it cannot be read.
        why: String,
    },
}

/// What to say of a record that a newer program wrote, or that the disk does not give.
#[must_use]
pub fn newer_or_broken(state: &State, name: &str, why: &str) -> Failure {
    Failure::refused(format!("the record {name} of the open change cannot be read"))
        .on_host(state.path(name).display())
        .because(why)
        .hint("A newer rollback-deploy wrote it, or the disk is broken: use that program, and look at `dmesg`.")
}

/// A record that must be readable and is not.
fn unreadable(state: &State, name: &str, error: &ReadError) -> Failure {
    Failure::new(Kind::FailedBack, format!("the record {name} cannot be read"))
        .on_host(state.path(name).display())
        .because(error.to_string())
        .hint("Compare it with its neighbours in the state folder; `docs/by-hand.md` says what each line means.")
}

/// Reads a record of a change.
///
/// # Errors
/// It is there and cannot be read.
pub fn txn(state: &State, name: &str) -> Result<Option<Txn>, ReadError> {
    match state.read(name)? {
        Some(record) => Ok(Some(Txn::from_record(&record)?)),
        None => Ok(None),
    }
}

/// What this host must run.
///
/// # Errors
/// The record is there and cannot be read: nothing may be guessed then.
pub fn confirmed(state: &State) -> Result<Option<Txn>, Failure> {
    txn(state, names::CONFIRMED).map_err(|error| unreadable(state, names::CONFIRMED, &error))
}

/// What is open.
#[must_use]
pub fn open(state: &State) -> OpenTxn {
    for (name, aborting) in [(names::ABORTING, true), (names::PENDING, false)] {
        match txn(state, name) {
            Ok(Some(txn)) if aborting => return OpenTxn::Aborting(txn),
            Ok(Some(txn)) => return OpenTxn::Pending(txn),
            Ok(None) => {}
            Err(ReadError::Record(error @ RecordError::Newer { .. })) => {
                return OpenTxn::Unreadable { name, why: error.to_string() };
            }
            Err(ReadError::Record(error)) => return OpenTxn::Torn { name, why: error.to_string() },
            Err(ReadError::Io(error)) => return OpenTxn::Unreadable { name, why: error.to_string() },
        }
    }
    OpenTxn::Nothing
}

/// When the window of a change ends, with its lease, never later than its hard limit.
fn deadline(state: &State, txn: &Txn) -> Uptime {
    // One that cannot be read extends nothing: an early end is the safe side.
    let lease = state.read(names::LEASE).ok().flatten().filter(|record| record.get("txn") == Some(txn.id.as_str()));
    let extended = lease.and_then(|record| record.parse("deadline").ok().map(Uptime));
    earlier(extended.unwrap_or(txn.deadline).max(txn.deadline), txn.hard_limit)
}

// The same holds for a hold: then the change's own rule decides now.
fn hold_record(state: &State, txn: &Txn) -> Option<Record> {
    state.read(names::HELD).ok().flatten().filter(|record| record.get("txn") == Some(txn.id.as_str()))
}

/// Whether a change is held for a person.
#[must_use]
pub fn is_held(state: &State, txn: &Txn) -> bool {
    hold_record(state, txn).is_some()
}

/// How long a change still has; nothing when its time is over or the host restarted since. A held change goes by the
/// boot and the deadline of its hold.
#[must_use]
pub fn remaining(state: &State, txn: &Txn) -> Option<Seconds> {
    /// No window is set further ahead: a deadline beyond it is from another boot, whatever its token says.
    const FARTHEST: u64 = 24 * 3600;
    let now = clock::uptime().ok()?;
    let hold = hold_record(state, txn);
    let (boot, deadline) = match &hold {
        Some(hold) => {
            (BootToken::from_word(hold.get("boot").unwrap_or_default()), Uptime(hold.parse("deadline").ok()?))
        }
        None => (txn.boot.clone(), deadline(state, txn)),
    };
    let left = now.until(deadline);
    let possible = hold.is_some() || left.0 <= FARTHEST;
    (boot.same(&clock::boot()) != SameBoot::No && left.0 > 0 && possible).then_some(left)
}

/// The story of a release.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn story(state: &State, id: &ReleaseId) -> Result<Story, Failure> {
    let name = names::story(id);
    let read = state.read(&name).and_then(|record| match record {
        Some(record) => Ok(Some(Story::from_record(&record)?)),
        None => Ok(None),
    });
    match read {
        Ok(Some(story)) => Ok(story),
        Ok(None) => Err(Failure::refused(format!("no release {id} is recorded on this host"))
            .on_host(state.path(&name).display())
            .hint("`list` shows the releases of this host.")),
        Err(error) => Err(Failure::refused(format!("the record of release {id} cannot be read"))
            .on_host(state.path(&name).display())
            .because(error.to_string())),
    }
}

/// What is recorded of a release's state; a record that cannot be read counts as building.
#[must_use]
pub fn release_state(state: &State, id: &ReleaseId) -> ReleaseState {
    let record = state.read(&names::state(id)).ok().flatten();
    record.and_then(|record| ReleaseState::from_record(&record).ok()).unwrap_or(ReleaseState::Building)
}

/// Every release that a record of a change names: none of them is ever rubbish. Nothing when one cannot be read: then
/// any may be named.
#[must_use]
pub fn named(state: &State) -> Option<BTreeSet<ReleaseId>> {
    let now = confirmed(state).ok()?;
    let open = match open(state) {
        OpenTxn::Pending(txn) | OpenTxn::Aborting(txn) => Some(txn),
        OpenTxn::Nothing => None,
        OpenTxn::Torn { .. } | OpenTxn::Unreadable { .. } => return None,
    };
    Some(now.into_iter().chain(open).flat_map(|txn| [Some(txn.release), txn.previous]).flatten().collect())
}

/// The folder of a release.
#[must_use]
pub fn folder(state: &State, id: &ReleaseId) -> PathBuf {
    state.root().as_path().join("releases").join(id.as_str())
}

/// Every change that was confirmed once and replaced since, newest first by the host's own count. What cannot be read is
/// left out: only for showing; decisions go by [`whole_history`].
#[must_use]
pub fn history(state: &State) -> Vec<Txn> {
    let mut all: Vec<Txn> = state
        .names("history")
        .unwrap_or_default()
        .iter()
        .filter_map(|name| txn(state, &format!("history/{name}")).ok().flatten())
        .collect();
    all.sort_by_key(|txn| std::cmp::Reverse(txn.seq));
    all
}

/// The same, where nothing may be overlooked.
///
/// # Errors
/// An entry cannot be read.
pub fn whole_history(state: &State) -> Result<Vec<Txn>, Failure> {
    let broken = |name: &str, error: &ReadError| unreadable(state, name, error);
    let names = state.names("history").map_err(|error| broken("history", &error.into()))?;
    let mut all = Vec::new();
    for name in names.iter().filter(|name| TxnId::new(name.as_str()).is_ok() && !name.contains(".tmp.")) {
        let name = format!("history/{name}");
        all.extend(txn(state, &name).map_err(|error| broken(&name, &error))?);
    }
    all.sort_by_key(|txn| std::cmp::Reverse(txn.seq));
    Ok(all)
}

/// The number of the next change.
///
/// # Errors
/// A record of an earlier one cannot be read: its number might be given twice.
pub fn next_seq(state: &State) -> Result<u64, Failure> {
    let confirmed = confirmed(state)?.map(|txn| txn.seq);
    let once = whole_history(state)?.first().map(|txn| txn.seq);
    let mut all = vec![confirmed, once];
    for name in [names::ABORTED, names::FAILED, names::MOVED] {
        all.push(ended(state, name)?.map(|txn| txn.seq));
    }
    Ok(all.into_iter().flatten().max().unwrap_or_default() + 1)
}

/// The record of a change that ended without being confirmed.
///
/// # Errors
/// It is there and cannot be read.
pub fn ended(state: &State, name: &str) -> Result<Option<Txn>, Failure> {
    match txn(state, name) {
        Ok(txn) => Ok(txn),
        // Torn: what it was about is over, and nothing goes by it.
        Err(ReadError::Record(error)) if !matches!(error, RecordError::Newer { .. }) => Ok(None),
        Err(error) => Err(unreadable(state, name, &error)),
    }
}

/// Whether a change was confirmed, now or once.
#[must_use]
pub fn was_confirmed(state: &State, id: &TxnId) -> bool {
    state.has(&names::history(id)) || matches!(txn(state, names::CONFIRMED), Ok(Some(txn)) if txn.id == *id)
}

/// All releases, newest first.
#[must_use]
pub fn releases(state: &State) -> Vec<ReleaseRow> {
    let confirmed = confirmed(state).ok().flatten();
    let history = history(state);
    let mut rows: Vec<ReleaseRow> = state
        .names("releases")
        .unwrap_or_default()
        .iter()
        .filter(|name| !names::is_beside(name))
        .filter_map(|name| story(state, &ReleaseId::new(name.as_str()).ok()?).ok())
        .map(|story| {
            let recorded = release_state(state, &story.id);
            let live = confirmed.as_ref().is_some_and(|txn| txn.release == story.id);
            let was = live || history.iter().any(|txn| txn.release == story.id);
            ReleaseRow {
                present: folder(state, &story.id).is_dir(),
                proven: was && !matches!(recorded, ReleaseState::Bad { .. }),
                live,
                state: recorded,
                version: story.info.version,
                commit: story.info.commit,
                content: story.content,
                settings: story.settings.fingerprint(),
                at: story.at,
                by: story.by,
                id: story.id,
            }
        })
        .collect();
    rows.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| b.id.cmp(&a.id)));
    rows
}

/// Whether a release was confirmed here, now or once, and is not bad; also when that cannot be told: only for leaving
/// alone what may be needed.
#[must_use]
pub fn may_be_proven(state: &State, id: &ReleaseId) -> bool {
    let readable = confirmed(state).is_ok() && whole_history(state).is_ok();
    !readable || releases(state).iter().any(|row| row.id == *id && row.proven)
}

/// A confirmed change with what its release is.
fn proven(state: &State, txn: &Txn) -> Option<Proven> {
    proven_now(state, txn).ok()
}

/// What a rollback without a name goes to: the newest proven release that is there and is not the one confirmed now.
///
/// After a rollback the release that was left is not offered again: going back twice goes back twice (B13).
#[must_use]
pub fn way_back_in(state: &State, confirmed: &Txn, history: &[Txn]) -> Option<Txn> {
    let usable = |txn: &&Txn| {
        txn.release != confirmed.release
            && !matches!(release_state(state, &txn.release), ReleaseState::Bad { .. } | ReleaseState::Building)
            && folder(state, &txn.release).is_dir()
    };
    // What ran before the confirmed release was first confirmed here.
    let first = history.iter().rev().find(|txn| txn.release == confirmed.release).map_or(confirmed.seq, |txn| txn.seq);
    history.iter().filter(usable).find(|txn| txn.seq < first).cloned()
}

/// What runs now and what may be happening to it.
///
/// # Errors
/// `confirmed` cannot be read.
pub fn status(state: &State, live_link: &std::path::Path) -> Result<Status, Failure> {
    let confirmed = confirmed(state)?;
    let now = link::read(state, live_link);
    let open = match open(state) {
        OpenTxn::Pending(txn) => Some(opened(state, &txn, &now, false)),
        OpenTxn::Aborting(txn) => Some(opened(state, &txn, &now, true)),
        OpenTxn::Nothing | OpenTxn::Torn { .. } | OpenTxn::Unreadable { .. } => None,
    };
    let drift = match (&confirmed, &open) {
        (_, Some(_)) => None,
        (Some(txn), None) if now.release() == Some(&txn.release) => None,
        (Some(_), None) => Some(now.words().into()),
        (None, None) => (!now.is_absent()).then(|| now.words().into()),
    };
    let failed = ending::needs_a_human(state).then(|| ending::words(state));
    // An entry that is overlooked would make an older release the way back.
    let (history, way_back_unknown) = match whole_history(state) {
        Ok(history) => (history, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    Ok(Status {
        way_back: confirmed
            .as_ref()
            .and_then(|txn| way_back_in(state, txn, &history))
            .and_then(|txn| proven(state, &txn)),
        way_back_unknown,
        confirmed: confirmed.as_ref().and_then(|txn| proven(state, txn)),
        link: now.release().cloned(),
        drift,
        open,
        last_undo: ending::last(state),
        failed,
    })
}

fn opened(state: &State, txn: &Txn, now: &link::Live, aborting: bool) -> Open {
    Open {
        txn: txn.id.clone(),
        operation: txn.operation,
        release: txn.release.clone(),
        previous: txn.previous.clone(),
        by: txn.by.clone(),
        at: txn.at.clone(),
        switched: now.release() == Some(&txn.release),
        aborting,
        held: is_held(state, txn),
        settles_in: remaining(state, txn).unwrap_or(Seconds(0)),
    }
}

/// The proven form of what was just confirmed.
///
/// # Errors
/// Its story cannot be read.
pub fn proven_now(state: &State, txn: &Txn) -> Result<Proven, Failure> {
    let story = story(state, &txn.release)?;
    Ok(Proven {
        version: story.info.version,
        commit: story.info.commit,
        content: story.content,
        settings: story.settings.fingerprint(),
        release: txn.release.clone(),
        txn: txn.id.clone(),
        at: txn.at.clone(),
        by: txn.by.clone(),
        schema: txn.schema,
        head: heads::of_release(state, &txn.release).and_then(|heads| heads.after).map(Foreign::new),
    })
}

/// Whether the migration of a change was begun.
#[must_use]
pub fn migration_begun(state: &State, txn: &Txn) -> bool {
    txn.schema != SchemaVerdict::None
        && match state.read(names::MIGRATION) {
            Ok(record) => record.is_some_and(|record| record.get("txn") == Some(txn.id.as_str())),
            // Better held for a person than an old release on a schema that has moved.
            Err(_) => true,
        }
}
