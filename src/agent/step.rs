//! The step lock: whoever runs commands for a change holds it; an undo waits for it.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rollback_deploy_core::model::{Failure, TxnId};

use super::cx::Cx;
use super::state::explain;
use super::store::names;

/// Takes the step lock for a change; nothing when the change is no longer open.
///
/// # Errors
/// The lock cannot be made.
pub fn take(cx: Cx<'_>, id: &TxnId) -> Result<Option<OwnedFd>, Failure> {
    wait(cx, &|| super::is_open(cx, id))
}

/// Takes the step lock for an undo, however long the step under way takes to end: it sees that its change is gone.
///
/// # Errors
/// The lock cannot be made.
pub fn take_for_undo(cx: Cx<'_>) -> Result<OwnedFd, Failure> {
    if let Ok(Some(lock)) = cx.state.try_lock(names::STEP) {
        return Ok(lock);
    }
    cx.tell.step(WAITING);
    loop {
        if let Some(lock) = wait(cx, &|| true)? {
            return Ok(lock);
        }
    }
}

/// What is told while an undo waits.
pub const WAITING: &str = "waiting for the step under way";

fn wait(cx: Cx<'_>, wanted: &dyn Fn() -> bool) -> Result<Option<OwnedFd>, Failure> {
    while wanted() {
        match cx.state.try_lock(names::STEP) {
            Ok(Some(lock)) => return Ok(Some(lock)),
            Ok(None) => thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(explain("the step lock cannot be taken", &cx.state.path(names::STEP), &error)),
        }
    }
    Ok(None)
}
