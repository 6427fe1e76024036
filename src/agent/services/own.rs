//! Services by the user's own commands, run by `sh` in the release's folder as the deploy user.
//!
//! Never through the live link: what a release keeps beside its files (the number of its process) is found there, also
//! when the link leads to another release already, or to none.

use std::time::Duration;

use rollback_deploy_core::model::{Failure, Foreign};

use super::ServiceCx;
use crate::ask::clock::{self, Deadline};
use crate::ask::command::{Ended, Spec, run};

const TICK: Duration = Duration::from_millis(200);

/// A stop command may fail because nothing runs any more: only what still runs is in the way.
pub(super) fn stop(cx: &ServiceCx<'_>, name: &str, script: &str, status: &str) -> Result<(), Failure> {
    (cx.say)(&format!("stop {name} of {}", cx.version));
    match command(cx, name, "stop", script) {
        Err(failure) if ask(cx, name, status)?.ok() => Err(failure),
        _ => Ok(()),
    }
}

pub(super) fn start(cx: &ServiceCx<'_>, name: &str, script: &str, status: &str) -> Result<(), Failure> {
    let deadline = Deadline::after(cx.settings.activate_timeout);
    (cx.say)(&format!("start {name}"));
    command(cx, name, "start", script)?;
    loop {
        let ended = ask(cx, name, status)?;
        if ended.ok() {
            (cx.say)(&format!("{name}: runs"));
            return Ok(());
        }
        if deadline.passed() {
            return Err(Failure::failed(format!(
                "its status command did not say yes within {}: it {}",
                cx.settings.activate_timeout,
                ended.words()
            ))
            .on_host(name)
            .because(ended.tail));
        }
        if !clock::wait(TICK, cx.cancelled) {
            return Err(Failure::failed("cancelled while it was starting").on_host(name));
        }
    }
}

fn command(cx: &ServiceCx<'_>, name: &str, what: &str, script: &str) -> Result<(), Failure> {
    // What it starts outlives it, and may print on.
    let spec = Spec::script(script).in_folder(cx.release_dir).within(cx.settings.activate_timeout).outlived();
    let ended = run(&spec, &mut |line| (cx.say)(line), cx.cancelled);
    let ended = ended.map_err(|error| could_not(name, what, &error))?;
    if ended.ok() {
        return Ok(());
    }
    Err(Failure::failed(format!("its {what} command {}", ended.words())).on_host(name).because(ended.tail))
}

/// Runs the status command once.
pub(super) fn ask(cx: &ServiceCx<'_>, name: &str, status: &str) -> Result<Ended, Failure> {
    let spec = Spec::script(status).in_folder(cx.release_dir).within(cx.settings.activate_timeout);
    run(&spec, &mut |_| {}, cx.cancelled).map_err(|error| could_not(name, "status", &error))
}

fn could_not(name: &str, what: &str, error: &std::io::Error) -> Failure {
    Failure::failed(format!("its {what} command could not be started"))
        .on_host(name)
        .because(Foreign::new(error.to_string()))
}
