//! A failure in words: what, where, why others say it is so, and what to do next.

use rollback_deploy_core::model::{Failure, Kind, Place};

use super::{Mark, Saying, Tone};

/// What went wrong, where, because of what, and what to do next.
#[must_use]
pub fn failure(failure: &Failure) -> Saying {
    let tone = match failure.kind {
        Kind::Refused { .. } | Kind::Busy | Kind::Inconclusive | Kind::Cancelled { .. } => Tone::Warning,
        _ => Tone::Bad,
    };
    let mut saying = Saying::new(tone, format!("{}: {}", kind(&failure.kind), failure.what));
    if let Some(at) = &failure.place {
        saying = saying.note(Mark::Where, place(at));
    }
    for cause in &failure.because {
        saying = saying.note(Mark::Because, cause.clone());
    }
    for step in next_steps(failure) {
        saying = saying.note(Mark::Next, step);
    }
    saying
}

/// What to do next: the failure's own hints, and what its kind implies.
#[must_use]
pub fn next_steps(failure: &Failure) -> Vec<String> {
    let mut steps = failure.hints.clone();
    if let Kind::Unknown { settles_in } = &failure.kind {
        steps.push(match settles_in {
            Some(time) => format!("The target settles itself within {time}; then ask: rollback-deploy status."),
            None => "The target settles itself at its deadline; ask: rollback-deploy status.".to_owned(),
        });
    }
    steps
}

/// The kind, as a word before the sentence.
fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bug => "bug",
        Kind::Input => "wrong input",
        Kind::Refused { .. } => "refused",
        Kind::Busy => "busy",
        Kind::Failed => "failed",
        Kind::FailedBack => "failed, and going back failed too",
        Kind::Unknown { .. } => "unknown",
        Kind::Split => "split",
        Kind::Inconclusive => "inconclusive",
        Kind::No => "no",
        Kind::Cancelled { .. } => "cancelled",
    }
}

/// A place in words; files as editors and GitHub read them.
#[must_use]
pub fn place(place: &Place) -> String {
    match place {
        Place::File { path, at: Some((line, column)) } => format!("{path}:{line}:{column}"),
        Place::File { path, at: None } => path.clone(),
        Place::Input(name) => format!("input {name}"),
        Place::Host(at) => format!("{at} on the host"),
        Place::Machine(host) => host.clone(),
    }
}
