//! The services stay as they are for a while: without any check for longer, else at least while checks are asked.

use std::time::Duration;

use rollback_deploy_core::model::{CheckResult, Foreign, Service, Verdict};

use super::{ServiceCx, own, systemd};
use crate::ask::clock::{self, Deadline, millis_since, monotonic};
use crate::ask::unit::UnitState;

/// When nothing else can tell.
const SPAN: Duration = Duration::from_secs(10);
/// Beside checks: long enough for a process that dies soon after its start.
const SHORT: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(500);

/// What must not change: the main process and the count of restarts.
#[derive(PartialEq)]
struct Look {
    main: Option<u32>,
    restarts: u64,
}

pub(super) fn steady(cx: &ServiceCx<'_>) -> Vec<CheckResult> {
    watch(cx, SPAN, &mut || true)
}

/// Looks before and after what is done meanwhile, and on until the shorter time is over; not at all any more when that
/// says no.
pub(super) fn steady_during(cx: &ServiceCx<'_>, meanwhile: &mut dyn FnMut() -> bool) -> Vec<CheckResult> {
    watch(cx, SHORT, meanwhile)
}

fn watch(cx: &ServiceCx<'_>, span: Duration, meanwhile: &mut dyn FnMut() -> bool) -> Vec<CheckResult> {
    let start = monotonic();
    let services = &cx.settings.services;
    let first: Vec<Result<Look, (Verdict, String)>> = services.iter().map(|service| look(cx, service)).collect();
    let mut answers: Vec<Option<(Verdict, String)>> = first.iter().map(|look| look.as_ref().err().cloned()).collect();
    let deadline = Deadline::after_duration(span);
    if !meanwhile() {
        return Vec::new();
    }
    // What was done meanwhile may have taken all the time.
    for ((answer, service), first) in answers.iter_mut().zip(services).zip(&first) {
        if answer.is_none() {
            *answer = changed(first, look(cx, service));
        }
    }
    while answers.iter().any(Option::is_none) && !deadline.passed() {
        if !clock::wait(TICK.min(deadline.left()), cx.cancelled) {
            let open = answers.iter_mut().filter(|answer| answer.is_none());
            open.for_each(|answer| {
                *answer = Some((Verdict::Error, format!("cancelled before {} s were over", span.as_secs())));
            });
            break;
        }
        for ((answer, service), first) in answers.iter_mut().zip(services).zip(&first) {
            if answer.is_none() {
                *answer = changed(first, look(cx, service));
            }
        }
    }
    for (answer, service) in answers.iter_mut().zip(services) {
        if let (Some((Verdict::Fail, saw)), Service::Systemd { unit, .. }) = (answer, service) {
            saw.push_str(&systemd::last_words(cx, unit));
        }
    }
    let results = services.iter().zip(answers).map(|(service, answer)| {
        let (verdict, saw) =
            answer.unwrap_or((Verdict::Pass, format!("the same main process for {} s, no restart", span.as_secs())));
        CheckResult {
            word: "steady".to_owned(),
            subject: service.name().to_owned(),
            verdict,
            saw: Foreign::new(saw),
            method: None,
            took_ms: millis_since(start),
        }
    });
    results.collect()
}

fn changed(first: &Result<Look, (Verdict, String)>, now: Result<Look, (Verdict, String)>) -> Option<(Verdict, String)> {
    match (first, now) {
        (_, Err(answer)) => Some(answer),
        (Ok(first), Ok(now)) if *first != now => {
            let pid = |look: &Look| look.main.map_or("none".to_owned(), |pid| pid.to_string());
            let words = format!(
                "its main process changed from {} to {}, restarts from {} to {}",
                pid(first),
                pid(&now),
                first.restarts,
                now.restarts
            );
            Some((Verdict::Fail, words))
        }
        _ => None,
    }
}

fn look(cx: &ServiceCx<'_>, service: &Service) -> Result<Look, (Verdict, String)> {
    match service {
        Service::Systemd { unit, .. } => {
            let state = UnitState::of(unit).map_err(|failure| (Verdict::Error, failure.what))?;
            // A oneshot unit that ended well has nothing that could stay.
            let finished = state.get("Type") == "oneshot" && state.get("Result") == "success";
            if !state.is_active() && !finished {
                return Err((Verdict::Fail, state.words()));
            }
            Ok(Look { main: state.main_pid(), restarts: state.number("NRestarts").unwrap_or(0) })
        }
        Service::Commands { name, status, .. } => {
            let ended = own::ask(cx, name, status).map_err(|failure| (Verdict::Error, failure.what))?;
            if !ended.ok() {
                return Err((Verdict::Fail, format!("its status command {}", ended.words())));
            }
            Ok(Look { main: None, restarts: 0 })
        }
    }
}
