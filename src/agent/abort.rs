//! Going back: claim the change, end the running step, save evidence, point back, activate the old release by its own
//! record, check it. Every step may be done again from the top.

use std::time::Duration;

use rollback_deploy_core::model::{
    Ending, Failure, Operation, Question, Record, ReleaseState, SchemaVerdict, Story, Txn, TxnId, Verdict,
};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Answer, Report};

use super::activate::Activated;
use super::cx::Cx;
use super::link::Live;
use super::running;
use super::state::explain;
use super::store::{self, OpenTxn, names};
use super::{clock, ending, environment, evidence, link, step};
use crate::ask::Since;

/// Goes back from an open change; without a name, from whatever is open.
pub fn abort(cx: Cx<'_>, id: Option<&TxnId>, why: &str, fault: Fault) -> Answer {
    let aborted = (|| match store::open(cx.state) {
        OpenTxn::Pending(txn) if id.is_none_or(|id| *id == txn.id) => {
            match undo(cx, &txn, why, fault)? {
                Some(ending) => Ok(Answer::Undone(ending)),
                // A confirm was first: it is told what became of it.
                None => Ok(super::not_ours(cx, &txn.id)),
            }
        }
        OpenTxn::Aborting(txn) if id.is_none_or(|id| *id == txn.id) => Ok(Answer::Undone(finish(cx)?)),
        OpenTxn::Torn { .. } | OpenTxn::Unreadable { .. } => {
            super::recover::settle(cx)?;
            Ok(Answer::Done(Box::new(Report::NothingOpen)))
        }
        _ => match id {
            Some(id) => Ok(super::not_ours(cx, id)),
            None => Ok(Answer::Done(Box::new(Report::NothingOpen))),
        },
    })();
    aborted.unwrap_or_else(Answer::Failed)
}

/// Undoes an open deploy because a rollback comes first.
///
/// # Errors
/// It could not be claimed or undone.
pub fn preempt(cx: Cx<'_>, txn: &Txn, why: &str) -> Result<Option<Ending>, Failure> {
    undo(cx, txn, why, Fault::World)
}

/// Claims a pending change for its undo, and undoes it. Nothing when somebody else settled it first.
///
/// # Errors
/// It could not be claimed; or the undo could not be finished and will be by the watchdog.
pub fn undo(cx: Cx<'_>, txn: &Txn, why: &str, fault: Fault) -> Result<Option<Ending>, Failure> {
    claim_and_finish(cx, txn, why, fault, &|| true)
}

/// The same because its time is over: not when somebody gave it more time meanwhile.
///
/// # Errors
/// As for [`undo`].
pub fn undo_expired(cx: Cx<'_>, txn: &Txn, why: &str) -> Result<Option<Ending>, Failure> {
    claim_and_finish(cx, txn, why, Fault::World, &|| store::remaining(cx.state, txn).is_none())
}

fn claim_and_finish(
    cx: Cx<'_>,
    txn: &Txn,
    why: &str,
    fault: Fault,
    still: &dyn Fn() -> bool,
) -> Result<Option<Ending>, Failure> {
    {
        let held = cx.state.lock()?;
        match store::open(cx.state) {
            OpenTxn::Pending(open) if open.id == txn.id && !still() => return Ok(None),
            OpenTxn::Pending(open) if open.id == txn.id => {}
            OpenTxn::Aborting(open) if open.id == txn.id => {
                drop(held);
                return finish(cx).map(Some);
            }
            _ => return Ok(ending::last(cx.state).filter(|ending| ending.txn == txn.id)),
        }
        let fault = match fault {
            Fault::Release => "release",
            Fault::World => "world",
        };
        let since = clock::uptime()?.0;
        let reason = Record::new().with("txn", &txn.id).with("why", why).with("fault", fault).with("since", since);
        // Words only: a full disk must not keep a host from going back.
        let _said = held.put(names::REASON, &reason);
        let claimed = held.rename(names::PENDING, names::ABORTING);
        // Claimed but not known to be on disk: the undo goes on all the same, it can be done again from the top.
        if cx.state.has(names::PENDING) {
            claimed.map_err(|error| explain("the undo cannot be begun", &cx.state.path(names::ABORTING), &error))?;
        }
    }
    finish(cx).map(Some)
}

/// Finishes the undo that is under way, from the top. Whoever holds the step lock does it; the others find it done.
///
/// # Errors
/// A step that everything depends on failed; it can be repeated.
pub fn finish(cx: Cx<'_>) -> Result<Ending, Failure> {
    let began = clock::uptime()?;
    let _step = step::take_for_undo(cx)?;
    let OpenTxn::Aborting(txn) = store::open(cx.state) else {
        return ending::last(cx.state).ok_or_else(|| Failure::refused("nothing is being undone"));
    };
    let (why, fault, since) = reason(cx, &txn);
    if schema_moved(cx, &txn) {
        return stay(cx, &txn, &format!("schema moved: {why}; the old release cannot run on it"));
    }
    cx.tell.step(&format!("undo {}: {why}", txn.release));
    let story = store::story(cx.state, &txn.release).ok();
    let saved = story.as_ref().and_then(|story| evidence::save(cx, &txn, story, &why));
    let was_switched = Activated::may_have_begun(cx, &txn.id);

    let healthy = match &txn.previous {
        Some(previous) => {
            let old = store::story(cx.state, previous)?;
            back_to(cx, &txn, story.as_ref(), &old, was_switched)?
        }
        None => nothing_live(cx, &txn, story.as_ref(), was_switched)?,
    };
    // Bad only where something that was gone back to passed the same checks.
    let blamed =
        fault == Fault::Release && Activated::read(cx, &txn.id).is_some() && txn.previous.is_some() && healthy.is_ok();
    let marked_bad = blamed && mark(cx, &txn, &why);
    if !marked_bad {
        mark_interrupted(cx, &txn, &why);
    }
    let ending = Ending {
        txn: txn.id.clone(),
        release: txn.release.clone(),
        now: txn.previous.clone(),
        healthy: healthy.is_ok(),
        why: match &healthy {
            Ok(None) => why,
            Ok(Some(remark)) => format!("{why}; {remark}"),
            Err(unhealthy) => format!("{why}; and after going back: {unhealthy}"),
        },
        marked_bad,
        recovered_seconds: since.unwrap_or(began).until(clock::uptime()?).0,
        evidence: saved,
    };
    close(cx, &txn, ending)
}

/// Why the undo was begun; after a crash, or when nobody was there: the host itself.
fn reason(cx: Cx<'_>, txn: &Txn) -> (String, Fault, Option<rollback_deploy_core::model::Uptime>) {
    let record =
        cx.state.read(names::REASON).ok().flatten().filter(|record| record.get("txn") == Some(txn.id.as_str()));
    let Some(record) = record else {
        return ("nobody confirmed it in time".to_owned(), Fault::World, None);
    };
    let fault = if record.get("fault") == Some("release") { Fault::Release } else { Fault::World };
    let since = record.parse("since").ok().map(rollback_deploy_core::model::Uptime);
    (record.get("why").unwrap_or_default().to_owned(), fault, since)
}

/// Healthy, perhaps with a remark; or why not.
type Health = Result<Option<String>, String>;

/// Points back and activates the old release by its own record; healthy when its checks pass within their time.
fn back_to(cx: Cx<'_>, txn: &Txn, new: Option<&Story>, old: &Story, was_switched: bool) -> Result<Health, Failure> {
    let link = &old.settings.link;
    let moved = was_switched || link::read(cx.state, link.as_path()).release() != Some(&old.id);
    {
        let _held = cx.state.lock()?;
        if txn.with_env
            && let Some(new) = new
        {
            environment::put(cx.state, new, &txn.id, "old")?;
        }
        link::point(cx.state, link, &txn.id, "old", &old.id)?;
        // Where the new release has its link elsewhere, that one goes again.
        if let Some(new) = new.filter(|new| new.settings.link != *link)
            && link::read(cx.state, new.settings.link.as_path()).release() == Some(&new.id)
        {
            link::remove(&new.settings.link)?;
        }
    }
    if !moved {
        return Ok(Ok(untouched(cx, old)));
    }
    let switched = Since::now(&old.settings.checks, cx.state.root(), link.as_path());
    let mut last = String::new();
    for _ in 0..3 {
        // The old release is started whatever comes of it; but two that run beside each other are not healthy.
        let stopped = stop_undone(cx, txn, new, old).map_err(|failure| failure.what);
        let activated = running::activate(cx, old, &switched, &|| false).map_err(|failure| failure.what);
        match activated.and_then(|()| healthy(cx, old, &switched)).and(stopped) {
            Ok(()) => return Ok(Ok(None)),
            Err(unhealthy) => last = unhealthy,
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(Err(last))
}

/// Stops what the undone release started, and what it would have stopped and did not come to.
fn stop_undone(cx: Cx<'_>, txn: &Txn, new: Option<&Story>, old: &Story) -> Result<(), Failure> {
    let stopped = new.map_or(Ok(()), |new| running::stop_undone(cx, new, old));
    let left = Activated::read(cx, &txn.id).and_then(|activated| activated.left).filter(|left| *left != old.id);
    let left = left.and_then(|left| store::story(cx.state, &left).ok());
    stopped.and(left.map_or(Ok(()), |left| running::stop_undone(cx, &left, old)))
}

/// Nothing was switched, so nothing was restarted: what runs is asked, not touched, and what it answers is not of this
/// change. Lines that it logged before say nothing at all.
fn untouched(cx: Cx<'_>, old: &Story) -> Option<String> {
    let mut asked = old.clone();
    asked.settings.checks.retain(|check| !matches!(check.question, Question::Errors { .. }));
    let results = running::check_once(cx, &asked, None);
    for result in &results {
        cx.tell.checked(result);
    }
    let bad = results.iter().find(|result| result.verdict != Verdict::Pass)?;
    Some(format!("nothing was switched; {} {}: {} ({})", bad.word, bad.subject, bad.verdict.word(), bad.saw.expose()))
}

/// Proof and checks of what was gone back to.
fn healthy(cx: Cx<'_>, story: &Story, switched: &Since) -> Result<(), String> {
    let mut results = running::prove(cx, story, switched, &|| false);
    results.extend(running::check(cx, story, Some(switched), &|| false));
    for result in &results {
        cx.tell.checked(result);
    }
    match results.iter().find(|result| result.verdict != Verdict::Pass) {
        None => Ok(()),
        Some(bad) => Err(format!("{} {}: {} ({})", bad.word, bad.subject, bad.verdict.word(), bad.saw.expose())),
    }
}

/// The undo of a first deploy: nothing live, as before. What was not switched was not started either.
fn nothing_live(cx: Cx<'_>, txn: &Txn, new: Option<&Story>, was_switched: bool) -> Result<Health, Failure> {
    let Some(new) = new else { return Ok(Err(format!("the record of {} cannot be read", txn.release))) };
    let stopped = if was_switched { running::stop(cx, new) } else { Ok(()) };
    let _held = cx.state.lock()?;
    match link::read(cx.state, new.settings.link.as_path()) {
        Live::Release(id) if id == new.id => link::remove(&new.settings.link)?,
        Live::Unreadable(why) => return Ok(Err(format!("{} cannot be read: {why}", new.settings.link))),
        _ => {}
    }
    Ok(stopped.map(|()| None).map_err(|failure| failure.what))
}

/// Marks a release that failed by itself. A rollback never marks its target.
fn mark(cx: Cx<'_>, txn: &Txn, why: &str) -> bool {
    if txn.operation == Operation::Rollback {
        return false;
    }
    let bad = ReleaseState::Bad { why: why.to_owned(), txn: txn.id.to_string() };
    put_or_spare(cx, txn, &bad, "spare.bad")
}

fn mark_interrupted(cx: Cx<'_>, txn: &Txn, why: &str) {
    if !store::may_be_proven(cx.state, &txn.release) {
        let _marked = put_or_spare(cx, txn, &ReleaseState::Interrupted { why: why.to_owned() }, "spare.interrupted");
    }
}

/// A full disk cannot write a reason, but it can rename the one that was made before.
fn put_or_spare(cx: Cx<'_>, txn: &Txn, to: &ReleaseState, spare: &str) -> bool {
    let name = names::state(&txn.release);
    if cx.state.put(&name, &to.to_record()).is_ok() {
        return true;
    }
    cx.state.lock().is_ok_and(|held| held.rename(spare, &name).is_ok())
}

/// Whether the change has begun to move the database one way.
fn schema_moved(cx: Cx<'_>, txn: &Txn) -> bool {
    txn.schema == SchemaVerdict::OneWay && store::migration_begun(cx.state, txn)
}

/// A one-way migration has begun: expiry never goes back.
fn stay(cx: Cx<'_>, txn: &Txn, why: &str) -> Result<Ending, Failure> {
    let ending = Ending {
        txn: txn.id.clone(),
        release: txn.release.clone(),
        now: store::story(cx.state, &txn.release)
            .ok()
            .and_then(|story| link::read(cx.state, story.settings.link.as_path()).release().cloned()),
        healthy: false,
        why: why.to_owned(),
        marked_bad: false,
        recovered_seconds: 0,
        evidence: None,
    };
    close(cx, txn, ending)
}

/// Closes the undo: words first, then the rename that decides.
fn close(cx: Cx<'_>, txn: &Txn, ending: Ending) -> Result<Ending, Failure> {
    let held = cx.state.lock()?;
    let moved = if schema_moved(cx, txn) { "yes" } else { "no" };
    let _said = held.put(names::ENDING, &ending::to_record(&ending).with(ending::SCHEMA_MOVED, moved));
    let name = if ending.healthy { names::ABORTED } else { names::FAILED };
    let closed = held.rename(names::ABORTING, name);
    if cx.state.has(names::ABORTING) {
        closed.map_err(|error| explain("the undo cannot be closed", &cx.state.path(name), &error))?;
    }
    for gone in [names::LEASE, names::HELD, names::TICK, names::ACTIVATED, names::REASON, names::MIGRATION] {
        cx.state.forget(gone);
    }
    for gone in ["spare.bad", "spare.interrupted"] {
        cx.state.forget(gone);
    }
    if let Ok(story) = store::story(cx.state, &txn.release) {
        link::remove_ready(&story.settings.link, &txn.id);
        environment::remove_ready(cx.state, &story, &txn.id);
        // Only what was confirmed keeps its environment file: a later try takes today's.
        if !store::may_be_proven(cx.state, &txn.release) {
            cx.state.forget(&names::environment(&txn.release));
        }
        if let Some(old) = txn.previous.as_ref().and_then(|id| store::story(cx.state, id).ok()) {
            link::remove_ready(&old.settings.link, &txn.id);
        }
    }
    drop(held);
    cx.state.log_line(&format!(
        "{} {} undone: {} → {}{}: {}",
        txn.operation,
        txn.id,
        txn.release,
        ending.now.as_ref().map_or("nothing live, as before", |id| id.as_str()),
        if ending.healthy { "" } else { " — NOT HEALTHY, a human is needed" },
        ending.why
    ));
    Ok(ending)
}
