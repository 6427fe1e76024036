//! Proof that what runs is the release, by the strongest method that can be had.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rollback_deploy_core::model::{Check, CheckResult, Failure, Foreign, Question, Service, UnitName, Verdict};

use super::{ServiceCx, own, systemd};
use crate::ask::clock::{self, Deadline, millis_since, monotonic};
use crate::ask::unit::UnitState;
use crate::ask::{self, Hands, Place, ProcessInfo, processes};

/// A forking app needs a moment until its processes are what they will be.
const SETTLING: Duration = Duration::from_secs(5);
/// Processes that say nothing for so long will not speak up later.
const SILENCE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(250);

const PROCESSES: &str = "processes";
const VERSION: &str = "version endpoint";
const WEAK: &str = "weak";

/// An answer with its method.
struct Proof {
    verdict: Verdict,
    saw: String,
    method: String,
}

fn proof(verdict: Verdict, saw: impl Into<String>, method: impl Into<String>) -> Proof {
    Proof { verdict, saw: saw.into(), method: method.into() }
}

pub(super) fn prove(cx: &ServiceCx<'_>, service: &Service) -> CheckResult {
    let start = monotonic();
    let found = match service {
        Service::Systemd { unit, .. } => by_unit(cx, unit),
        Service::Commands { name, status, .. } => by_commands(cx, name, status),
    };
    CheckResult {
        word: "proof".to_owned(),
        subject: service.name().to_owned(),
        verdict: found.verdict,
        saw: Foreign::new(found.saw),
        method: Some(found.method),
        took_ms: millis_since(start),
    }
}

fn by_unit(cx: &ServiceCx<'_>, unit: &UnitName) -> Proof {
    if systemd::is_socket(unit) {
        return match UnitState::of(unit) {
            Ok(state) if state.is_active() => proof(Verdict::Pass, state.words(), "a socket is of no release"),
            Ok(state) => proof(Verdict::Fail, format!("it is {}", state.words()), "state of the unit"),
            Err(failure) => proof(Verdict::Error, failure.what, "state of the unit"),
        };
    }
    let read = || {
        let all = cx.privileged.processes(unit)?;
        // Nothing seen and not everything readable (root without its capability to look, in a container): not "nothing".
        let silent = |process: &ProcessInfo| process.runs_from.is_empty() && process.uses.is_empty();
        match all.iter().find(|process| process.unreadable) {
            Some(process) if all.iter().all(silent) => {
                Err(Failure::failed(format!("process {} does not let even root look", process.pid)))
            }
            _ => Ok(all),
        }
    };
    let unread = match by_processes(cx, &read) {
        Ok(Some(found)) => return found,
        Ok(None) => "none of its processes has a folder, program or file in a release".to_owned(),
        Err(failure) => format!("its processes could not be read: {}", failure.what),
    };
    // Asking something that is down would only take its time, and say less.
    if let Ok(state) = UnitState::of(unit)
        && (state.get("ActiveState") == "failed" || state.get("SubState") == "auto-restart")
    {
        let saw = format!("it is {}{}", state.words(), systemd::last_words(cx, unit));
        return proof(Verdict::Fail, saw, "state of the unit");
    }
    by_version(cx).unwrap_or_else(|| by_start(cx, unit, &unread))
}

fn by_commands(cx: &ServiceCx<'_>, name: &str, status: &str) -> Proof {
    let releases = releases(cx);
    let read = || {
        processes::below(releases).map_err(|error| Failure::failed("/proc cannot be read").because(error.to_string()))
    };
    // Which of the user's processes belong to the service is not known: one of this release proves it, but one of
    // another release may be anything.
    if let Ok(Some(found)) = by_processes(cx, &read)
        && found.verdict == Verdict::Pass
    {
        return found;
    }
    by_version(cx).unwrap_or_else(|| match own::ask(cx, name, status) {
        Ok(ended) if ended.ok() => {
            let method = format!("{WEAK}: its status command says that it runs");
            proof(Verdict::Pass, "no process could be seen that runs from the release", method)
        }
        Ok(ended) => proof(Verdict::Fail, format!("its status command {}", ended.words()), WEAK),
        Err(failure) => proof(Verdict::Error, failure.what, WEAK),
    })
}

fn releases<'a>(cx: &ServiceCx<'a>) -> &'a Path {
    cx.release_dir.parent().unwrap_or(Path::new("/"))
}

/// Looks until the answer stands twice in a row: yes or no; `None` when the processes say nothing.
fn by_processes(
    cx: &ServiceCx<'_>,
    read: &dyn Fn() -> Result<Vec<ProcessInfo>, Failure>,
) -> Result<Option<Proof>, Failure> {
    let release = cx.release_dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (deadline, silence) = (Deadline::after_duration(SETTLING), Deadline::after_duration(SILENCE));
    let mut last: Option<Option<(Verdict, String)>> = None;
    loop {
        let now = judge(&read()?, release);
        let stands = last.as_ref() == Some(&now);
        let enough = match &now {
            Some((Verdict::Pass, _)) => stands,
            Some(_) => false,
            None => stands && silence.passed(),
        };
        if enough || deadline.passed() || !clock::wait(TICK, cx.cancelled) {
            return Ok(now.map(|(verdict, saw)| {
                // The process is part of what was seen: one that is another at each look is a crash loop.
                let fleeting = verdict == Verdict::Pass && !stands;
                let saw = if fleeting { format!("{saw}, but not for long enough to be sure") } else { saw };
                proof(if fleeting { Verdict::Fail } else { verdict }, saw, PROCESSES)
            }));
        }
        last = Some(now);
    }
}

/// What processes say about a release. The main process decides where it runs from a release; otherwise any may speak.
fn judge(all: &[ProcessInfo], release: &str) -> Option<(Verdict, String)> {
    let says = |process: &ProcessInfo, set: &BTreeSet<String>| {
        (Verdict::Pass, format!("process {} runs from {}", process.pid, words(set)))
    };
    let main = all.iter().find(|process| process.main);
    if let Some(main) = main.filter(|main| !main.runs_from.is_empty()) {
        let (mut verdict, saw) = says(main, &main.runs_from);
        if main.runs_from.iter().any(|name| name != release) {
            verdict = Verdict::Fail;
        }
        return Some((verdict, format!("the main {saw}")));
    }
    if let Some(main) = main.filter(|main| main.uses.iter().any(|name| name != release)) {
        return Some((Verdict::Fail, format!("the main process {} uses files of {}", main.pid, words(&main.uses))));
    }
    let from = |process: &&ProcessInfo| process.runs_from.contains(release) || process.uses.contains(release);
    if let Some(process) = all.iter().find(from) {
        let both: BTreeSet<_> = process.runs_from.union(&process.uses).cloned().collect();
        return Some(says(process, &both));
    }
    // Workers that all run from another release: a reload that did not reach them.
    let other = all.iter().find(|process| !process.runs_from.is_empty())?;
    Some((Verdict::Fail, says(other, &other.runs_from).1))
}

fn words(names: &BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}

/// By a check whose answer names the version.
fn by_version(cx: &ServiceCx<'_>) -> Option<Proof> {
    let named = |check: &&Check| matches!(&check.question, Question::Http(http) if ask::names_version(http));
    let check = cx.settings.checks.iter().find(named)?;
    let place = Place {
        root: &cx.settings.root,
        live: cx.release_dir,
        version: cx.version,
        since: cx.switched,
        hands: cx.privileged,
    };
    let answer = ask::ask(check, &place, cx.cancelled);
    Some(proof(answer.verdict, answer.saw.expose(), VERSION))
}

/// The weakest: the unit was started after the switch, so it started through the new link.
fn by_start(cx: &ServiceCx<'_>, unit: &UnitName, why: &str) -> Proof {
    let Some(switched) = cx.switched else {
        return proof(Verdict::Error, format!("{why}; and the moment of the switch is not known"), WEAK);
    };
    let looks = UnitState::of(unit).and_then(|first| {
        // A crash loop is active for a moment again and again.
        let _waited = clock::wait(Duration::from_secs(1), cx.cancelled);
        Ok((first, UnitState::of(unit)?))
    });
    let (first, state) = match looks {
        Ok(looks) => looks,
        Err(failure) => return proof(Verdict::Error, format!("{why}; and {}", failure.what), WEAK),
    };
    let reloaded = state.number("StateChangeTimestampMonotonic").is_some_and(|at| at >= switched.monotonic_us);
    let reload = cx.settings.services.iter().any(|service| {
        matches!(service, Service::Systemd { unit: own, how: rollback_deploy_core::model::Restart::Reload } if own == unit)
    });
    if !state.is_active() {
        proof(Verdict::Fail, format!("it is {}", state.words()), WEAK)
    } else if first.main_pid() != state.main_pid() {
        proof(Verdict::Fail, "its main process does not stay the same for a second", WEAK)
    } else if systemd::started_since(&state, switched.monotonic()) {
        proof(Verdict::Pass, why, format!("{WEAK}: the unit was started after the switch"))
    } else if reload && reloaded {
        proof(Verdict::Pass, why, format!("{WEAK}: the unit was reloaded after the switch"))
    } else {
        proof(Verdict::Fail, format!("{why}; and the unit was not started after the switch"), WEAK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, main: bool, runs_from: &[&str], uses: &[&str]) -> ProcessInfo {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ProcessInfo { pid, main, runs_from: set(runs_from), uses: set(uses), unreadable: false }
    }

    #[test]
    fn the_main_process_decides_then_any_other() {
        let ask = |all: &[ProcessInfo]| judge(all, "v2").map(|(verdict, _)| verdict);
        let pass = Some(Verdict::Pass);
        let fail = Some(Verdict::Fail);
        assert_eq!(ask(&[]), None);
        assert_eq!(ask(&[process(1, true, &[], &[])]), None);
        assert_eq!(
            ask(&[process(1, true, &["v2"], &[]), process(2, false, &["v1"], &[])]),
            pass,
            "an old worker drains"
        );
        assert_eq!(ask(&[process(1, true, &["v1"], &[]), process(2, false, &["v2"], &[])]), fail);
        assert_eq!(ask(&[process(1, true, &["v1", "v2"], &[])]), fail);
        assert_eq!(ask(&[process(1, true, &[], &["v1"])]), fail);
        assert_eq!(ask(&[process(1, true, &[], &["v2"])]), pass);
        assert_eq!(ask(&[process(1, true, &[], &[]), process(2, false, &[], &["v2"])]), pass);
        assert_eq!(ask(&[process(1, true, &[], &[]), process(2, false, &["v1"], &[])]), fail);
    }
}
