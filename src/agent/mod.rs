//! The hands on the host. Knows nothing of GitHub or reports. Every change of state goes through [`state`], on the main
//! thread; other threads touch only their pipes. May use `root`, `ask` and core.
//!
//! One file an act: [`begin`] opens a change, [`arm`] waits for the watchdog, [`activate`] switches, [`confirm`] makes it
//! permanent, [`abort`] goes back, [`recover`] settles what an earlier run left, [`watchdog`] does so by itself.

pub mod abort;
pub mod activate;
pub mod arm;
pub mod begin;
pub mod clock;
pub mod confirm;
pub mod cx;
pub mod ending;
pub mod environment;
pub mod evidence;
pub mod fingerprint;
mod folder;
pub mod heads;
pub mod identity;
pub mod inspect;
pub mod link;
pub mod logs;
pub mod migrate;
pub mod privileged;
pub mod program;
pub mod prune;
pub mod query;
pub mod recover;
pub mod room;
pub mod running;
pub mod schema;
pub mod serve;
pub mod services;
pub mod setup;
pub mod stage;
pub mod state;
pub mod step;
pub mod store;
pub mod sweep;
pub mod watchdog;
pub mod wire_end;

use rollback_deploy_core::model::{Failure, Seconds, Txn, TxnId};
use rollback_deploy_core::wire::{Answer, Report};

use cx::Cx;
use store::OpenTxn;

/// Whether this change is open and has time left: what a running step asks again and again.
fn is_open(cx: Cx<'_>, id: &TxnId) -> bool {
    matches!(store::open(cx.state), OpenTxn::Pending(txn) if txn.id == *id && store::remaining(cx.state, &txn).is_some())
}

/// The change, when it is open and in time; otherwise the truth about it. A controller that was away is fenced here.
fn own(cx: Cx<'_>, id: &TxnId) -> Result<Txn, Answer> {
    match store::open(cx.state) {
        OpenTxn::Pending(txn) if txn.id == *id => match store::remaining(cx.state, &txn) {
            Some(_) => Ok(txn),
            None => Err(Answer::Refused(window_over())),
        },
        _ => Err(not_ours(cx, id)),
    }
}

/// The truth about a change that is not open. Only reads: callers hold locks. A change whose undo is under way is
/// answered as busy with itself; [`serve`] finishes it once no lock is held.
fn not_ours(cx: Cx<'_>, id: &TxnId) -> Answer {
    match store::confirmed(cx.state) {
        Ok(Some(txn)) if txn.id == *id => {
            if let Ok(proven) = store::proven_now(cx.state, &txn) {
                return Answer::Done(Box::new(Report::Confirmed(proven)));
            }
        }
        Ok(_) => {}
        // It may be this one: "not open" would be a guess.
        Err(failure) => return Answer::Refused(failure),
    }
    if let Some(ending) = ending::last(cx.state).filter(|ending| ending.txn == *id) {
        return Answer::Undone(ending);
    }
    match store::open(cx.state) {
        OpenTxn::Aborting(txn) => Answer::Busy(begin::holder(cx, &txn)),
        OpenTxn::Pending(txn) if txn.id != *id => Answer::Busy(begin::holder(cx, &txn)),
        OpenTxn::Pending(txn) if store::is_held(cx.state, &txn) => {
            Answer::Held { settles_in: store::remaining(cx.state, &txn).unwrap_or(Seconds(0)) }
        }
        OpenTxn::Pending(_) => Answer::Refused(window_over()),
        _ => Answer::Refused(Failure::refused(format!("no change {id} is open on this host"))),
    }
}

fn window_over() -> Failure {
    Failure::failed("the window of this change is over: the watchdog settles it by its own rule")
        .hint("`status` shows how it ended.")
}

/// The moment of a wall-clock hint.
fn time_of(hint: &str) -> Option<jiff::Timestamp> {
    hint.parse().ok()
}
