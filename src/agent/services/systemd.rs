//! Units of systemd: jobs are queued through the root face and followed by looking.

use std::time::Duration;

use rollback_deploy_core::model::{Failure, Restart, UnitName};

use super::ServiceCx;
use crate::ask::Hands as _;
use crate::ask::clock::{self, Deadline, monotonic};
use crate::ask::unit::UnitState;
use crate::root::Verb;

/// How often a unit is looked at while it moves.
const TICK: Duration = Duration::from_millis(150);
/// A unit that systemd had to start again so often within one activation does not come up.
const CRASHES: u64 = 3;

pub(super) fn activate(cx: &ServiceCx<'_>, unit: &UnitName, how: Restart) -> Result<(), Failure> {
    let deadline = Deadline::after(cx.settings.activate_timeout);
    let before = usable(unit)?;
    if is_socket(unit) {
        return keep_listening(cx, unit, &before, deadline);
    }
    let sockets = sockets(&before)?;
    // Past its start limit a unit refuses even the good release. A unit that never failed may say no to this.
    for one in std::iter::once(unit).chain(&sockets) {
        let _never_failed = cx.privileged.call(&Verb::ResetFailed(one.clone()));
    }
    let start = monotonic();
    sockets_up(cx, unit, &sockets, deadline)?;
    let now = UnitState::of(unit)?;
    let reload = how == Restart::Reload && now.is_active();
    if reload && now.get("CanReload") != "yes" {
        return Err(Failure::failed("the unit cannot be reloaded: it has no ExecReload")
            .on_host(unit.full())
            .hint("Use the default (restart) for this service, or give the unit an ExecReload."));
    }
    let (word, verb) =
        if reload { ("reload", Verb::Reload(unit.clone())) } else { ("restart", Verb::Restart(unit.clone())) };
    (cx.say)(&format!("{word} {}", unit.full()));
    cx.privileged.call(&verb)?;
    let up = settled(cx, unit, deadline, &now)?;
    if !reload && !started_since(&up, start) {
        return Err(broken(cx, unit, "was not started again", &up));
    }
    (cx.say)(&format!("{}: {}", unit.full(), up.words()));
    Ok(())
}

pub(super) fn stop(cx: &ServiceCx<'_>, unit: &UnitName) -> Result<(), Failure> {
    let state = UnitState::of(unit)?;
    if state.unusable().is_some() {
        return Ok(());
    }
    let deadline = Deadline::after(cx.settings.activate_timeout);
    // A socket that still listens would start the service again.
    let sockets = sockets(&state)?;
    for one in sockets.iter().chain([unit]) {
        if UnitState::of(one)?.get("ActiveState") != "inactive" {
            (cx.say)(&format!("stop {}", one.full()));
            cx.privileged.call(&Verb::Stop(one.clone()))?;
            down(cx, one, deadline)?;
        }
    }
    Ok(())
}

fn usable(unit: &UnitName) -> Result<UnitState, Failure> {
    let state = UnitState::of(unit)?;
    match state.unusable() {
        None => Ok(state),
        Some(why) => Err(Failure::failed(format!("the unit {why}"))
            .on_host(unit.full())
            .hint(format!("Look at it on the host: systemctl status {}", unit.full()))),
    }
}

/// The sockets that start the service, except those that the administrator switched off.
pub(super) fn sockets(state: &UnitState) -> Result<Vec<UnitName>, Failure> {
    let mut sockets = Vec::new();
    for name in state.units("TriggeredBy").filter(|name| name.ends_with(".socket")) {
        let unit = UnitName::new(name).map_err(|error| Failure::failed(error.to_string()))?;
        let socket = UnitState::of(&unit)?;
        let off =
            matches!(socket.get("UnitFileState"), "disabled" | "masked") && socket.get("ActiveState") == "inactive";
        if socket.unusable().is_none() && !off {
            sockets.push(unit);
        }
    }
    Ok(sockets)
}

/// A socket cannot be started while its service runs: then the service makes room first.
fn sockets_up(cx: &ServiceCx<'_>, unit: &UnitName, sockets: &[UnitName], deadline: Deadline) -> Result<(), Failure> {
    for socket in sockets {
        let state = UnitState::of(socket)?;
        if state.is_active() {
            continue;
        }
        if UnitState::of(unit)?.get("ActiveState") != "inactive" {
            (cx.say)(&format!("stop {}: its socket is down", unit.full()));
            cx.privileged.call(&Verb::Stop(unit.clone()))?;
            down(cx, unit, deadline)?;
            let _never_failed = cx.privileged.call(&Verb::ResetFailed(unit.clone()));
        }
        (cx.say)(&format!("start {}", socket.full()));
        cx.privileged.call(&Verb::Start(socket.clone()))?;
        settled(cx, socket, deadline, &state)?;
    }
    Ok(())
}

fn down(cx: &ServiceCx<'_>, unit: &UnitName, deadline: Deadline) -> Result<(), Failure> {
    loop {
        let state = UnitState::of(unit)?;
        let up = matches!(state.get("ActiveState"), "active" | "reloading" | "activating" | "deactivating");
        if !up && state.number("Job").unwrap_or(0) == 0 {
            return Ok(());
        }
        next(cx, unit, deadline, "did not stop", &state)?;
    }
}

/// A socket has nothing of a release: restarted, it would lose the requests that wait in it.
pub(super) fn is_socket(unit: &UnitName) -> bool {
    unit.full().ends_with(".socket")
}

fn keep_listening(
    cx: &ServiceCx<'_>,
    socket: &UnitName,
    before: &UnitState,
    deadline: Deadline,
) -> Result<(), Failure> {
    if before.is_active() {
        (cx.say)(&format!("{} keeps listening", socket.full()));
        return Ok(());
    }
    (cx.say)(&format!("start {}", socket.full()));
    cx.privileged.call(&Verb::Start(socket.clone()))?;
    settled(cx, socket, deadline, before).map(drop)
}

/// Waits until the unit is up and nothing moves any more.
fn settled(cx: &ServiceCx<'_>, unit: &UnitName, deadline: Deadline, before: &UnitState) -> Result<UnitState, Failure> {
    let crashes_before = before.number("NRestarts").unwrap_or(0);
    loop {
        let state = UnitState::of(unit)?;
        if state.number("Job").unwrap_or(0) == 0 {
            let finished = state.get("Type") == "oneshot" && state.get("Result") == "success";
            match state.get("ActiveState") {
                "active" => return Ok(state),
                "inactive" if finished => return Ok(state),
                "failed" => return Err(broken(cx, unit, "failed", &state)),
                "inactive" => return Err(broken(cx, unit, "ended", &state)),
                _ => {}
            }
        }
        // A restart that was asked for sets the count to 0.
        let crashes = state.number("NRestarts").unwrap_or(0);
        if crashes >= CRASHES && crashes.saturating_sub(crashes_before.min(crashes)) >= CRASHES {
            return Err(broken(cx, unit, "crashes again and again", &state));
        }
        next(cx, unit, deadline, "did not come up", &state)?;
    }
}

/// Waits a moment, unless time is over or somebody cancelled.
fn next(cx: &ServiceCx<'_>, unit: &UnitName, deadline: Deadline, what: &str, state: &UnitState) -> Result<(), Failure> {
    if deadline.passed() {
        return Err(broken(cx, unit, &format!("{what} within {}", cx.settings.activate_timeout), state));
    }
    if !clock::wait(TICK, cx.cancelled) {
        return Err(Failure::failed("cancelled while a unit was on its way").on_host(unit.full()));
    }
    Ok(())
}

fn broken(cx: &ServiceCx<'_>, unit: &UnitName, what: &str, state: &UnitState) -> Failure {
    let failure = Failure::failed(format!("the unit {what}: {}", state.words())).on_host(unit.full());
    match cx.privileged.log(unit, 20, None, None) {
        Ok((lines, _)) => failure.because(lines),
        Err(_) => failure,
    }
}

/// Whether the unit's main process was started after a moment. A unit without one (a target, a socket) counts by its
/// own start.
pub(super) fn started_since(state: &UnitState, moment: Duration) -> bool {
    let micros = u64::try_from(moment.as_micros()).unwrap_or(u64::MAX);
    let started = state.number("ExecMainStartTimestampMonotonic").filter(|at| *at > 0);
    started.or_else(|| state.number("ActiveEnterTimestampMonotonic")).is_some_and(|at| at >= micros)
}

/// What the app itself said last since the switch, for a failure; empty when that cannot be read.
pub(super) fn last_words(cx: &ServiceCx<'_>, unit: &UnitName) -> String {
    let journal = cx.privileged.journal(unit, cx.switched, 20).unwrap_or_default();
    // Lines are `1700000000.123456 host program[1]: words`; systemd tells what the state says already.
    let said = journal.lines().filter(|line| !line.contains(" systemd[1]: ")).filter_map(|line| line.split_once("]: "));
    let said: Vec<_> = said.map(|(_, words)| words).collect();
    let last = said.get(said.len().saturating_sub(3)..).unwrap_or_default();
    if last.is_empty() { String::new() } else { format!("; it said: {}", last.join(" / ")) }
}
