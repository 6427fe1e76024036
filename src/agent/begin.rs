//! Opens a change: everything that confirm and abort will need is created now, then the intent is published.

use std::io;

use rollback_deploy_core::model::{
    Allow, Ending, Failure, Kind, Operation, Record, ReleaseState, SchemaVerdict, SharedPath, Txn, Uptime,
};
use rollback_deploy_core::wire::act::Holder;
use rollback_deploy_core::wire::{Answer, Intent, Report};

use super::cx::Cx;
use super::state::{Held, Taken, explain};
use super::store::{self, OpenTxn, names};
use super::{abort, arm, clock, environment, fingerprint, link, program, recover, room, schema, setup};

/// Opens a change.
pub fn begin(cx: Cx<'_>, intent: &Intent) -> Answer {
    match open(cx, intent) {
        Ok(answer) => answer,
        Err(failure) => Answer::Refused(failure),
    }
}

fn open(cx: Cx<'_>, intent: &Intent) -> Result<Answer, Failure> {
    let mut preempted = None;
    // Each round settles one thing that somebody left, or is the last.
    for _ in 0..ROUNDS {
        match store::open(cx.state) {
            OpenTxn::Nothing => {
                // What came first may have taken long: who asked may have given up meanwhile.
                if cx.tell.cancelled() {
                    return Err(Failure::new(Kind::Cancelled { signal: 15 }, "cancelled before the change was begun"));
                }
                if let Some(answer) = publish(cx, intent, preempted.clone())? {
                    return Ok(answer);
                }
            }
            OpenTxn::Pending(txn) if txn.id == intent.txn => return Ok(begun(cx, &txn, None)),
            OpenTxn::Pending(txn) if store::remaining(cx.state, &txn).is_some() => {
                // A rollback does not wait for somebody else's deploy.
                if !(intent.operation == Operation::Rollback && txn.operation == Operation::Deploy) {
                    return Ok(Answer::Busy(holder(cx, &txn)));
                }
                // What would be refused afterwards ends nothing.
                schema::guard(cx.state, intent, store::confirmed(cx.state)?.as_ref(), Some(&txn))?;
                cx.tell.step(&format!("undo the open deploy of {} first", txn.release));
                let why = format!("a rollback by {} came first", intent.by);
                preempted = abort::preempt(cx, &txn, &why)?.or(preempted);
            }
            OpenTxn::Unreadable { name, why } => return Err(store::newer_or_broken(cx.state, name, &why)),
            OpenTxn::Pending(_) | OpenTxn::Aborting(_) | OpenTxn::Torn { .. } => drop(recover::settle(cx)?),
        }
    }
    Err(Failure::new(Kind::Busy, "changes follow one another on this host without end").hint("Try again."))
}

/// How often others may be first before we give up.
const ROUNDS: u32 = 10;

/// Publishes the intent; nothing when somebody was first and everything has to be looked at again.
fn publish(cx: Cx<'_>, intent: &Intent, preempted: Option<Ending>) -> Result<Option<Answer>, Failure> {
    let held = cx.state.lock()?;
    if store::open(cx.state) != OpenTxn::Nothing {
        return Ok(None);
    }
    if store::was_confirmed(cx.state, &intent.txn) {
        return match store::confirmed(cx.state)? {
            Some(txn) if txn.id == intent.txn => {
                let proven = store::proven_now(cx.state, &txn)?;
                Ok(Some(Answer::Done(Box::new(Report::Confirmed(proven)))))
            }
            _ => Err(Failure::refused("this change was confirmed, and replaced by a later one")),
        };
    }
    if let Some(ending) = super::ending::last(cx.state).filter(|ending| ending.txn == intent.txn) {
        return Ok(Some(Answer::Undone(ending)));
    }
    // A rollback must be possible when the disk is full: often that is why.
    if intent.operation == Operation::Rollback && room::is_short(cx.state) {
        cx.tell.step("the disk is full: the room kept for this is used");
        cx.state.spend_reserve();
    }
    let published =
        prepare(cx, &held, intent).and_then(|txn| match held.publish(names::PENDING, &txn.to_record().to_text()) {
            Ok(Taken::Ours) => Ok(Some(begun(cx, &txn, preempted))),
            Ok(Taken::Theirs) => Ok(None),
            Err(error) => {
                // It may stand there without being safe on disk: nobody can have acted on it while we hold the mutex.
                let _taken_back = held.remove(names::PENDING);
                Err(explain("the change cannot be recorded", &cx.state.path(names::PENDING), &error))
            }
        });
    if !matches!(published, Ok(Some(_))) && store::open(cx.state) == OpenTxn::Nothing {
        forget_ready(cx, intent);
    }
    published
}

/// What was made ready for a change that did not begin is taken away; an environment file may hold secrets.
fn forget_ready(cx: Cx<'_>, intent: &Intent) {
    if let Ok(story) = store::story(cx.state, &intent.release) {
        link::remove_ready(&story.settings.link, &intent.txn);
        environment::remove_ready(cx.state, &story, &intent.txn);
    }
    if let Ok(Some(txn)) = store::confirmed(cx.state)
        && let Ok(old) = store::story(cx.state, &txn.release)
    {
        link::remove_ready(&old.settings.link, &intent.txn);
    }
    for name in ["spare.bad", "spare.interrupted"] {
        cx.state.forget(name);
    }
}

fn begun(cx: Cx<'_>, txn: &Txn, preempted: Option<rollback_deploy_core::model::Ending>) -> Answer {
    let settles_in = store::remaining(cx.state, txn).unwrap_or(rollback_deploy_core::model::Seconds(0));
    let environment = match store::story(cx.state, &txn.release) {
        Ok(story) if txn.operation == Operation::Rollback => fingerprint::changed(cx.state, &story),
        _ => Vec::new(),
    };
    Answer::Done(Box::new(Report::Begun { previous: txn.previous.clone(), settles_in, preempted, environment }))
}

/// Who holds the host.
pub fn holder(cx: Cx<'_>, txn: &Txn) -> Holder {
    Holder {
        txn: txn.id.clone(),
        operation: txn.operation,
        release: txn.release.clone(),
        by: txn.by.clone(),
        at: txn.at.clone(),
        settles_in: store::remaining(cx.state, txn).unwrap_or(rollback_deploy_core::model::Seconds(0)),
    }
}

/// Everything that confirm and abort will need, made now: afterwards both are renames of names that exist.
fn prepare(cx: Cx<'_>, held: &Held<'_>, intent: &Intent) -> Result<Txn, Failure> {
    let state = cx.state;
    let story = store::story(state, &intent.release)?;
    let settings = &story.settings;
    usable(cx, intent)?;
    let confirmed = store::confirmed(state)?;
    let old = confirmed.as_ref().map(|txn| store::story(state, &txn.release)).transpose()?;
    let old_link = old.as_ref().map_or(&settings.link, |old| &old.settings.link);
    check_drift(cx, intent, confirmed.as_ref(), old_link)?;
    if *old_link != settings.link {
        check_elsewhere(cx, intent, &settings.link)?;
    }
    schema::guard(state, intent, confirmed.as_ref(), None)?;
    if intent.schema == SchemaVerdict::OneWay && !intent.allow.contains(&Allow::OneWay) {
        return Err(Failure::liftable(
            Allow::OneWay,
            "the migration cannot be undone: the old release could not run any more",
        ));
    }

    // Whoever accepted it for the release that runs has accepted it for the way back from there.
    let accepted = intent.operation == Operation::Rollback && confirmed.as_ref().is_some_and(|txn| txn.weak_watchdog);
    let weak_watchdog = accepted || intent.allow.contains(&Allow::WeakWatchdog);
    if !weak_watchdog && setup::installed(settings).is_none() {
        return Err(arm::too_weak(state.root()));
    }

    let broken = |name: &str, error: &io::Error| explain("the way back cannot be prepared", &state.path(name), error);
    if let Some(txn) = &confirmed {
        let name = names::history(&txn.id);
        held.link(names::CONFIRMED, &name).map_err(|error| broken(&name, &error))?;
        link::make_ready(state, old_link, &intent.txn, "old", &txn.release)?;
    }
    // An undo takes this lock: with no inode left it could not be made any more.
    drop(state.try_lock(names::STEP).map_err(|error| broken(names::STEP, &error))?);
    link::make_ready(state, &settings.link, &intent.txn, "new", &intent.release)?;
    let spares = [
        (
            "spare.bad",
            ReleaseState::Bad {
                why: "it failed here; the disk was too full to say how".into(),
                txn: intent.txn.to_string(),
            },
        ),
        (
            "spare.interrupted",
            ReleaseState::Interrupted { why: "its change was undone; the disk was too full to say why".into() },
        ),
    ];
    for (name, spare) in spares {
        held.put(name, &spare.to_record()).map_err(|error| broken(name, &error))?;
    }
    schema::carry(held)?;
    program::keep(cx)?;
    environment::keep(state, &story)?;
    if intent.with_env {
        environment::make_ready(state, &story, &intent.txn)?;
    }
    for name in [names::LEASE, names::HELD, names::TICK, names::ACTIVATED, names::MIGRATION, names::REASON] {
        held.remove(name).map_err(|error| broken(name, &error))?;
    }

    let now = clock::uptime()?;
    Ok(Txn {
        id: intent.txn.clone(),
        seq: store::next_seq(state)?,
        operation: intent.operation,
        release: intent.release.clone(),
        previous: confirmed.map(|txn| txn.release),
        on_expiry: intent.on_expiry,
        schema: intent.schema,
        boot: clock::boot(),
        deadline: now.plus(intent.window),
        hard_limit: Uptime(now.0.saturating_add(intent.hard_limit.0)),
        with_env: intent.with_env,
        weak_watchdog,
        unchecked: is_unchecked(settings, intent),
        agent: cx.session.digest.clone(),
        by: intent.by.clone(),
        at: clock::wall(),
    })
}

/// Whether confirming this change will prove nothing: nothing can be asked, here or by whoever allows that. A rollback
/// adds no proof to what its target had.
fn is_unchecked(settings: &rollback_deploy_core::model::Settings, intent: &Intent) -> bool {
    let allowed = intent.operation == Operation::Rollback || intent.allow.contains(&Allow::Unchecked);
    settings.is_unchecked() && allowed
}

/// Only a complete release may be switched to; a bad or unproven target of a rollback needs a word of its own.
fn usable(cx: Cx<'_>, intent: &Intent) -> Result<(), Failure> {
    let (state, id) = (cx.state, &intent.release);
    if !store::folder(state, id).is_dir() {
        return Err(
            Failure::refused(format!("the folder of release {id} is gone")).on_host(store::folder(state, id).display())
        );
    }
    match store::release_state(state, id) {
        ReleaseState::Building => Err(Failure::refused(format!("release {id} is not completely staged"))),
        ReleaseState::Bad { why, .. } if !intent.allow.contains(&Allow::KnownBad) => {
            Err(Failure::liftable(Allow::KnownBad, format!("release {id} failed here before: {why}")))
        }
        _ if intent.operation == Operation::Rollback && !intent.allow.contains(&Allow::Unproven) => {
            // An entry that cannot be read is no release that was never confirmed.
            store::whole_history(state)?;
            match store::releases(state).into_iter().find(|row| row.id == *id) {
                Some(row) if row.proven => Ok(()),
                _ => Err(Failure::liftable(Allow::Unproven, format!("release {id} was never proven on this host"))),
            }
        }
        _ => Ok(()),
    }
}

/// Drift stops here and is explained; never guessed.
fn check_drift(
    cx: Cx<'_>,
    intent: &Intent,
    confirmed: Option<&Txn>,
    at: &rollback_deploy_core::model::AbsPath,
) -> Result<(), Failure> {
    let now = link::read(cx.state, at.as_path());
    match (confirmed, &now) {
        (_, link::Live::NotALink) => Err(link::not_a_link(at)),
        (Some(txn), now) if now.release() == Some(&txn.release) => Ok(()),
        (None, link::Live::Absent) => Ok(()),
        (_, now) if recover::left_by_schema(cx.state, now) => Ok(()),
        _ if intent.allow.contains(&Allow::Drift) => Ok(()),
        (confirmed, now) => Err(recover::drift(cx.state.root(), at, confirmed, now)),
    }
}

/// A release may have its link elsewhere than the one before it: nothing of others may stand there.
fn check_elsewhere(cx: Cx<'_>, intent: &Intent, at: &rollback_deploy_core::model::AbsPath) -> Result<(), Failure> {
    match link::read(cx.state, at.as_path()) {
        link::Live::Absent | link::Live::Release(_) => Ok(()),
        link::Live::NotALink => Err(link::not_a_link(at)),
        _ if intent.allow.contains(&Allow::Drift) => Ok(()),
        other => Err(recover::drift(cx.state.root(), at, None, &other)),
    }
}

/// The shared environment file of a release, if it has one.
pub fn environment_file(
    settings: &rollback_deploy_core::model::Settings,
) -> Option<&rollback_deploy_core::model::RelPath> {
    let file = settings.environment_file.as_ref()?;
    settings.shared.iter().any(|shared| matches!(shared, SharedPath::File(path) if path == file)).then_some(file)
}

/// Extends the window of an open change, up to its hard limit.
pub fn renew(
    cx: Cx<'_>,
    id: &rollback_deploy_core::model::TxnId,
    window: rollback_deploy_core::model::Seconds,
    name: &str,
) -> Answer {
    let extended = (|| {
        let held = cx.state.lock()?;
        let txn = match super::own(cx, id) {
            Ok(txn) => txn,
            Err(answer) => return Ok(answer),
        };
        let deadline = clock::uptime()?.plus(window);
        let record = if name == names::HELD {
            recover::hold_record(id, deadline)
        } else {
            Record::new().with("txn", id).with("deadline", deadline.0).with("at", clock::wall())
        };
        // A full disk cannot extend: the deadline that stands is said instead.
        if let Err(error) = held.put(name, &record) {
            return Ok(Answer::Refused(explain("the window cannot be extended", &cx.state.path(name), &error)));
        }
        let settles_in = store::remaining(cx.state, &txn).unwrap_or(rollback_deploy_core::model::Seconds(0));
        let report = if name == names::HELD { Report::Holding { settles_in } } else { Report::Renewed { settles_in } };
        Ok(Answer::Done(Box::new(report)))
    })();
    extended.unwrap_or_else(Answer::Refused)
}
