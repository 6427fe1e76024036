//! Confirm: `rename(pending → confirmed)` is the only point of no return.

use rollback_deploy_core::model::{Failure, Proof, Txn};
use rollback_deploy_core::wire::{Answer, Report};

use super::activate::Activated;
use super::cx::Cx;
use super::state::{Held, explain};
use super::store::{self, names};
use super::{environment, link};

/// Makes the release of an open change permanent.
pub fn confirm(cx: Cx<'_>, proof: &Proof) -> Answer {
    confirmed(cx, proof).unwrap_or_else(Answer::Refused)
}

fn confirmed(cx: Cx<'_>, proof: &Proof) -> Result<Answer, Failure> {
    let id = proof.txn();
    let held = cx.state.lock()?;
    if store::was_confirmed(cx.state, id) {
        return done(cx, id);
    }
    let txn = match super::own(cx, id) {
        Ok(txn) => txn,
        Err(answer) => return Ok(answer),
    };
    if proof.is_unchecked() && !txn.unchecked {
        return Err(Failure::bug(
            "there is something to ask of this release, so it is not confirmed without an answer",
        ));
    }
    let Some(activated) = Activated::read(cx, id).filter(|activated| activated.finished) else {
        return Err(Failure::refused("the release of this change was not activated yet"));
    };
    if activated.session == cx.session.id {
        return Err(Failure::bug(
            "a change is confirmed on a connection made after its activation, not on the same one",
        ));
    }
    permanent(cx, &held, &txn, &proof.by())?;
    drop(held);
    done(cx, id)
}

fn done(cx: Cx<'_>, id: &rollback_deploy_core::model::TxnId) -> Result<Answer, Failure> {
    // Said only of what is safe on disk, also when the one who renamed it died before the sync.
    if let Err(error) = cx.state.settle(".") {
        let what = "the change is confirmed, but that is not known to be safe on disk";
        return Ok(Answer::Failed(explain(what, &cx.state.path(names::CONFIRMED), &error)));
    }
    let name = if store::confirmed(cx.state)?.is_some_and(|txn| txn.id == *id) {
        names::CONFIRMED.to_owned()
    } else {
        names::history(id)
    };
    match store::txn(cx.state, &name) {
        Ok(Some(txn)) => Ok(Answer::Done(Box::new(Report::Confirmed(store::proven_now(cx.state, &txn)?)))),
        _ => Err(Failure::bug("a confirmed change has no record")),
    }
}

/// The rename and what follows from it. Nothing before it is undone by a failure after it.
///
/// # Errors
/// The rename failed: nothing was decided.
pub fn permanent(cx: Cx<'_>, held: &Held<'_>, txn: &Txn, by: &str) -> Result<(), Failure> {
    let story = store::story(cx.state, &txn.release)?;
    let live = link::read(cx.state, story.settings.link.as_path());
    if live.release() != Some(&txn.release) {
        return Err(Failure::refused(format!("the live link does not lead to {}: {}", txn.release, live.words()))
            .on_host(&story.settings.link));
    }
    let renamed = held.rename(names::PENDING, names::CONFIRMED);
    // Where the rename stands and only its sync failed, it is confirmed: whoever answers syncs again first.
    if cx.state.has(names::PENDING) {
        renamed.map_err(|error| explain("the change cannot be confirmed", &cx.state.path(names::CONFIRMED), &error))?;
    }
    // From here on everything is tidying: it decides nothing and may fail.
    for name in [names::ABORTED, names::FAILED, names::ENDING, names::LEASE, names::HELD, names::TICK, names::REASON] {
        cx.state.forget(name);
    }
    for name in ["spare.bad", "spare.interrupted", names::ACTIVATED, names::MIGRATION] {
        cx.state.forget(name);
    }
    link::remove_ready(&story.settings.link, &txn.id);
    environment::remove_ready(cx.state, &story, &txn.id);
    cx.state.note("current_version", story.info.version.as_str());
    let previous = txn.previous.as_ref().and_then(|id| store::story(cx.state, id).ok());
    if let Some(previous) = previous.filter(|previous| previous.id != story.id) {
        cx.state.note("previous_version", previous.info.version.as_str());
    }
    cx.state.log_line(&format!(
        "{} {} confirmed: {} was {} by {} ({by})",
        txn.operation,
        txn.id,
        txn.release,
        txn.previous.as_ref().map_or("nothing", |id| id.as_str()),
        txn.by
    ));
    Ok(())
}
