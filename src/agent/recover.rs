//! Settles what an earlier run left: an expired change by its own rule, an undo from the top, rubbish. Drift is
//! explained, never guessed.

use std::collections::BTreeSet;
use std::io;

use rollback_deploy_core::model::{
    AbsPath, Allow, Ending, Failure, OnExpiry, Record, ReleaseId, ReleaseState, SameBoot, SchemaVerdict, Seconds,
    Story, Txn, TxnId, Uptime, Verdict,
};
use rollback_deploy_core::wire::{Answer, Report};

use super::activate::{Activated, stop_left};
use super::cx::Cx;
use super::state::{State, explain};
use super::store::{self, OpenTxn, names};
use super::{abort, clock, confirm, link, running, stage, sweep};
use crate::ask::Since;

/// How long a one-way change that is healthy but was never confirmed waits for a person.
const HOLD: Seconds = Seconds(24 * 3600);

/// Settles everything that can be settled without a person.
pub fn recover(cx: Cx<'_>, allow: &[Allow]) -> Answer {
    let recovered = (|| {
        let ending = settle(cx)?;
        let rubbish = collect_rubbish(cx);
        sweep::sweep(cx);
        if !allow.contains(&Allow::Drift)
            && let Some((txn, story, live)) = moved(cx.state)?
        {
            return Err(drift(cx.state.root(), &story.settings.link, Some(&txn), &live));
        }
        let strangers = stage::strangers(cx.state);
        Ok(Answer::Done(Box::new(Report::Recovered { ending, rubbish, strangers })))
    })();
    recovered.unwrap_or_else(Answer::Refused)
}

/// What is confirmed and where the link leads instead, when nothing is open.
fn moved(state: &State) -> Result<Option<(Txn, Story, link::Live)>, Failure> {
    let Some(txn) = store::confirmed(state)?.filter(|_| store::open(state) == OpenTxn::Nothing) else {
        return Ok(None);
    };
    let story = store::story(state, &txn.release)?;
    let live = link::read(state, story.settings.link.as_path());
    let stands = live.release() == Some(&txn.release) || left_by_schema(state, &live);
    Ok((!stands).then_some((txn, story, live)))
}

/// The same in words, as far as it can be told.
#[must_use]
pub fn drifted(state: &State) -> Option<String> {
    let (txn, story, live) = moved(state).ok()??;
    Some(format!("{} should lead to {}, but {}", story.settings.link, txn.release, live.words()))
}

/// What to say of a link that is not where it should be.
#[must_use]
pub fn drift(root: &AbsPath, at: &AbsPath, confirmed: Option<&Txn>, live: &link::Live) -> Failure {
    let what = match confirmed {
        Some(txn) => {
            format!("somebody moved the live link by hand: it should lead to {}, but {}", txn.release, live.words())
        }
        None => format!("something stands where the live link shall be: {}", live.words()),
    };
    let back = confirmed.map(|txn| {
        format!("To take the change by hand back: `ln -sfn {root}/releases/{} {at}` on the host.", txn.release)
    });
    let failure = Failure::liftable(Allow::Drift, what).on_host(at);
    back.into_iter().fold(failure, Failure::hint)
}

/// Whether the link leads to a release that had to stay because the database moved one way: a person fixes forward.
#[must_use]
pub fn left_by_schema(state: &State, live: &link::Live) -> bool {
    let failed = store::txn(state, names::FAILED).ok().flatten();
    failed.is_some_and(|txn| txn.schema == SchemaVerdict::OneWay && live.release() == Some(&txn.release))
}

/// Finishes an undo; expires a change whose time is over or whose host restarted. An open change with time left is
/// left alone.
///
/// # Errors
/// It could not be settled now; it can be tried again.
pub fn settle(cx: Cx<'_>) -> Result<Option<Ending>, Failure> {
    match store::open(cx.state) {
        OpenTxn::Nothing => Ok(None),
        OpenTxn::Aborting(_) => abort::finish(cx).map(Some),
        OpenTxn::Pending(txn) if store::remaining(cx.state, &txn).is_some() => Ok(None),
        OpenTxn::Pending(txn) => expire(cx, &txn),
        OpenTxn::Torn { name, why } => torn(cx, name, &why).map(|()| None),
        OpenTxn::Unreadable { name, why } => Err(store::newer_or_broken(cx.state, name, &why)),
    }
}

/// The deadline is over, or the host restarted: the change's own rule decides.
fn expire(cx: Cx<'_>, txn: &Txn) -> Result<Option<Ending>, Failure> {
    let why = match clock::boot().same(&txn.boot) {
        SameBoot::No => "the host restarted before anyone confirmed it",
        _ => "nobody confirmed it in time",
    };
    let one_way = txn.schema == SchemaVerdict::OneWay && store::migration_begun(cx.state, txn);
    let live = store::story(cx.state, &txn.release)
        .is_ok_and(|story| link::read(cx.state, story.settings.link.as_path()).release() == Some(&txn.release));
    if (txn.on_expiry == OnExpiry::Keep || one_way) && live {
        let step = super::step::take_for_undo(cx)?;
        // Whoever had the step before may have settled it, or given it more time.
        if !is_expired(cx, txn) {
            return Ok(None);
        }
        let passes = target_passes(cx, txn);
        drop(step);
        if passes {
            if !(one_way && txn.on_expiry == OnExpiry::Undo) {
                return keep(cx, txn).map(|()| None);
            }
            // It waits for a person, once; where even that cannot be recorded, a person is needed now.
            if !store::is_held(cx.state, txn) && hold(cx, txn).is_ok() {
                return Ok(None);
            }
            return abort::undo_expired(cx, txn, why);
        }
        return abort::undo_expired(cx, txn, &format!("{why}, and its checks do not pass"));
    }
    abort::undo_expired(cx, txn, why)
}

/// Whether it is still open, and its time is over.
fn is_expired(cx: Cx<'_>, txn: &Txn) -> bool {
    matches!(store::open(cx.state), OpenTxn::Pending(open) if open.id == txn.id)
        && store::remaining(cx.state, txn).is_none()
}

/// Whether what is live is proven to run and passes its checks. Its services take it first when the activation was not
/// finished, or did not survive a restart: what still runs from before proves nothing.
fn target_passes(cx: Cx<'_>, txn: &Txn) -> bool {
    let Ok(story) = store::story(cx.state, &txn.release) else { return false };
    let activated = Activated::read(cx, &txn.id);
    let same_boot = clock::boot().same(&txn.boot) != SameBoot::No;
    let passes = |since: &Since| {
        let mut results = running::prove(cx, &story, since, &|| false);
        results.extend(running::check(cx, &story, Some(since), &|| false));
        !results.is_empty() && results.iter().all(|result| result.verdict == Verdict::Pass)
    };
    if let Some(activated) = activated.as_ref().filter(|activated| activated.finished && same_boot)
        && passes(&activated.since)
    {
        return true;
    }
    let since = Since::now(&story.settings.checks, cx.state.root(), story.settings.link.as_path());
    stop_left(cx, txn, &story, activated.as_ref(), &|| false).is_ok()
        && running::activate(cx, &story, &since, &|| false).is_ok()
        && passes(&since)
}

/// Nobody confirmed a rollback, and its target passes: keep what works.
fn keep(cx: Cx<'_>, txn: &Txn) -> Result<(), Failure> {
    let held = cx.state.lock()?;
    if is_expired(cx, txn) {
        return confirm::permanent(cx, &held, txn, "kept by the watchdog: its checks pass");
    }
    Ok(())
}

/// The record of a hold: it ends by its own deadline, and with this boot.
#[must_use]
pub fn hold_record(id: &TxnId, deadline: Uptime) -> Record {
    Record::new().with("txn", id).with("deadline", deadline.0).with("boot", clock::boot().to_word())
}

/// A one-way change is healthy but nobody confirmed it: it waits for a person.
fn hold(cx: Cx<'_>, txn: &Txn) -> Result<(), Failure> {
    let held = cx.state.lock()?;
    if !is_expired(cx, txn) {
        return Ok(());
    }
    let deadline = clock::uptime()?.plus(HOLD);
    let record = hold_record(&txn.id, deadline).with("why", "the database moved one way");
    held.put(names::HELD, &record)
        .map_err(|error| explain("the change cannot be held", &cx.state.path(names::HELD), &error))
}

/// A record that cannot be read is as good as expired. Which release it named is not known: what is confirmed runs.
fn torn(cx: Cx<'_>, name: &'static str, why: &str) -> Result<(), Failure> {
    let _step = super::step::take_for_undo(cx)?;
    let mut moved = None;
    {
        let _held = cx.state.lock()?;
        if let Some(txn) = store::confirmed(cx.state)? {
            let story = store::story(cx.state, &txn.release)?;
            let live = link::read(cx.state, story.settings.link.as_path());
            if live.release() != Some(&txn.release) {
                link::make_ready(cx.state, &story.settings.link, &txn.id, "old", &txn.release)?;
                link::point(cx.state, &story.settings.link, &txn.id, "old", &txn.release)?;
                let left = live.release().and_then(|id| store::story(cx.state, id).ok());
                moved = Some((story, left));
            }
        }
    }
    // Commands run under the step lock alone.
    let activated = moved.map_or(Ok(()), |(story, left)| {
        let since = Since::now(&story.settings.checks, cx.state.root(), story.settings.link.as_path());
        let stopped = left.map_or(Ok(()), |left| running::stop_undone(cx, &left, &story));
        running::activate(cx, &story, &since, &|| false).and(stopped)
    });
    let held = cx.state.lock()?;
    held.rename(name, "torn")
        .map_err(|error| explain("a torn record cannot be put aside", &cx.state.path(name), &error))?;
    drop(held);
    let healthy =
        activated.as_ref().err().map_or(String::new(), |failure| format!("; it does not start: {}", failure.what));
    cx.state.log_line(&format!("the record {name} could not be read ({why}); what was confirmed runs{healthy}"));
    activated
}

/// Rubbish: folders with our own `building` record whose stage lock is free.
fn collect_rubbish(cx: Cx<'_>) -> Vec<ReleaseId> {
    let mut gone = Vec::new();
    let Some(named) = store::named(cx.state) else { return gone };
    let names = cx.state.names("releases").unwrap_or_default();
    let ids: BTreeSet<ReleaseId> =
        names.iter().filter_map(|name| ReleaseId::new(name.strip_suffix(".state").unwrap_or(name)).ok()).collect();
    for id in ids {
        if named.contains(&id) || !is_rubbish(cx, &id) {
            continue;
        }
        let lock = cx.state.try_lock(&names::stage(&id));
        let Ok(Some(lock)) = lock else { continue };
        // Staged between our look and the lock: not rubbish.
        if is_rubbish(cx, &id) && stage::remove_release(cx.state, &id) {
            cx.state.forget(&names::stage(&id));
            gone.push(id);
        }
        drop(lock);
    }
    gone
}

/// Only what says of itself that it is half-made, or a record whose folder and state were removed before its writer
/// died. What cannot be read is left alone.
fn is_rubbish(cx: Cx<'_>, id: &ReleaseId) -> bool {
    match cx.state.read(&names::state(id)) {
        Ok(Some(record)) => ReleaseState::from_record(&record) == Ok(ReleaseState::Building),
        Ok(None) => {
            let gone = store::folder(cx.state, id).symlink_metadata();
            store::story(cx.state, id).is_ok() && gone.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        }
        Err(_) => false,
    }
}
