//! The stream folded into what a run was: summary, outputs and the last line of the terminal all read this.

use std::sync::{Arc, Mutex, PoisonError};

use rollback_deploy_core::model::{
    CheckResult, Ending, Failure, Foreign, Kind, Label, Outcome, Proven, ReleaseId, Seconds, Status, Verdict,
    WatchdogKind,
};
use rollback_deploy_core::plan::{Event, Fact};
use rollback_deploy_core::wire::{Act, Answer, Report, Staged};

use super::words::{self, Saying};
use crate::engine::events::Reader;

/// More checks than any release has, and more bytes than any of their subjects: what a host says beyond that is not
/// kept, so that one that never ends cannot fill our memory.
const MOST_CHECKS: usize = 500;
const LONGEST_SUBJECT: usize = 4096;

/// What a run was, as far as it was told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// The verb.
    pub verb: String,
    /// The version asked for, resolved.
    pub version: Option<String>,
    /// When it began, on the controller's wall clock.
    pub at: String,
    /// The targets, in the order in which they were first heard of.
    pub targets: Vec<TargetRun>,
    /// What went wrong, in order, once each.
    pub failures: Vec<(Option<Label>, Failure)>,
    /// What a person should know.
    pub warnings: Vec<(Option<Label>, String)>,
    /// What questions found, in words.
    pub found: Vec<(Option<Label>, Saying)>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// How long it took so far, in milliseconds.
    pub elapsed_ms: u64,
}

/// What the run was for one target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRun {
    /// What it is called.
    pub label: Label,
    /// What it ran when it was first looked at.
    pub before: Option<Proven>,
    /// Where a rollback would have gone when it was first looked at.
    pub way_back_before: Option<Proven>,
    /// What was read back after the change, if it was.
    pub after: Option<Status>,
    /// The release put in place.
    pub staged: Option<Staged>,
    /// The watchdog that proved that it could act.
    pub watchdog: Option<WatchdogKind>,
    /// What the change was opened to go back to.
    pub previous: Option<ReleaseId>,
    /// How far the change came.
    pub state: State,
    /// How long it took from the run's beginning until it was confirmed, in milliseconds.
    pub confirmed_ms: Option<u64>,
    /// What checks and proofs answered, the last answer of each in each phase.
    pub checks: Vec<Checked>,
    /// Its acts over time.
    pub spans: Vec<Span>,
    /// Steps of set-up that this run did.
    pub set_up: Vec<String>,
    /// Old releases removed.
    pub pruned: usize,
}

/// How far a change came on one target.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum State {
    /// Nothing was opened.
    #[default]
    Untouched,
    /// Opened, and perhaps switched: what runs is not certain.
    Open,
    /// Confirmed.
    Confirmed(Box<Proven>),
    /// Undone.
    Undone(Ending),
    /// Held for a person.
    Held(Seconds),
    /// It does not answer; it settles itself.
    Unknown(Option<Seconds>),
}

/// An answer of a check, and the phase in which it was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The word of the act.
    pub during: &'static str,
    /// The answer.
    pub result: CheckResult,
}

/// An act over time, in milliseconds since the run began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The word of the act.
    pub what: &'static str,
    /// Its beginning.
    pub from_ms: u64,
    /// Its end, when there was an answer.
    pub to_ms: Option<u64>,
    /// Whether the answer was that it was done.
    pub done: bool,
}

impl TargetRun {
    fn new(label: Label) -> Self {
        Self {
            label,
            before: None,
            way_back_before: None,
            after: None,
            staged: None,
            watchdog: None,
            previous: None,
            state: State::Untouched,
            confirmed_ms: None,
            checks: Vec::new(),
            spans: Vec::new(),
            set_up: Vec::new(),
            pruned: 0,
        }
    }

    /// What it runs now, in words of its releases; `Err` when that is not certain.
    ///
    /// # Errors
    /// It is not certain.
    #[expect(clippy::result_unit_err, reason = "there is nothing more to say than that it is not certain")]
    pub fn now(&self) -> Result<Option<String>, ()> {
        match &self.state {
            State::Confirmed(proven) => Ok(Some(proven.version.to_string())),
            State::Undone(ending) => Ok(ending.now.as_ref().map(ToString::to_string)),
            State::Untouched => Ok(self.before.as_ref().map(|proven| proven.version.to_string())),
            State::Open | State::Held(_) | State::Unknown(_) => Err(()),
        }
    }

    /// Where a rollback would go now, as far as it was told: read back after the change, or else derived from it.
    #[must_use]
    pub fn way_back(&self) -> Option<&Proven> {
        match (&self.after, &self.state) {
            (Some(status), _) => status.way_back.as_ref(),
            // After a rollback, what it came from is not where the next one goes: only the host knows.
            (None, State::Confirmed(now)) if self.way_back_before.as_ref().is_some_and(|back| same(back, now)) => None,
            (None, State::Confirmed(now)) => self.before.as_ref().filter(|before| !same(before, now)),
            (None, State::Untouched | State::Undone(_)) => self.way_back_before.as_ref(),
            // Switched and waiting for a person: back means what ran before.
            (None, State::Held(_)) => self.before.as_ref(),
            (None, State::Open | State::Unknown(_)) => None,
        }
    }

    /// How long going back would take, judged by the acts of this run that a rollback repeats.
    #[must_use]
    pub fn way_back_ms(&self) -> Option<u64> {
        const REPEATED: [&str; 5] = ["begin", "arm", "activate", "verify", "confirm"];
        let activated = self.spans.iter().any(|span| span.what == "activate" && span.done);
        activated.then(|| {
            let repeated = self.spans.iter().filter(|span| REPEATED.contains(&span.what) && span.done);
            repeated.filter_map(|span| Some(span.to_ms? - span.from_ms.min(span.to_ms?))).sum()
        })
    }

    /// What it ran before, as far as it was told: looked at first, or else named when the change was opened.
    #[must_use]
    pub fn ran(&self) -> Option<String> {
        let looked = self.before.as_ref().map(|proven| proven.version.to_string());
        looked.or_else(|| self.previous.as_ref().map(ToString::to_string))
    }

    /// Why its change was undone, if it was: first the reason, then what failing checks saw.
    #[must_use]
    pub fn why_undone(&self) -> Vec<Foreign> {
        let State::Undone(ending) = &self.state else { return Vec::new() };
        let failing = self.checks.iter().filter(|checked| checked.result.verdict != Verdict::Pass);
        let seen = failing.map(|checked| words::check(&checked.result).head);
        std::iter::once(Foreign::new(ending.why.as_str())).chain(seen).collect()
    }

    fn look(&mut self, status: &Status, first: bool) {
        if first && self.state == State::Untouched && self.spans.iter().all(|span| span.what == "inspect") {
            self.before.clone_from(&status.confirmed);
            self.way_back_before.clone_from(&status.way_back);
        }
        if matches!(self.state, State::Confirmed(_) | State::Undone(_)) {
            self.after = Some(status.clone());
        }
    }

    fn checked(&mut self, result: &CheckResult) {
        let during = self.spans.iter().rev().find(|span| span.to_ms.is_none()).map_or("health", |span| span.what);
        let key = |other: &Checked| {
            other.during == during && other.result.word == result.word && other.result.subject == result.subject
        };
        let room = self.checks.len() < MOST_CHECKS && result.subject.len() <= LONGEST_SUBJECT;
        let new = Checked { during, result: result.clone() };
        match self.checks.iter_mut().find(|other| key(other)) {
            Some(old) => *old = new,
            None if room => self.checks.push(new),
            None => {}
        }
    }

    fn started(&mut self, what: &'static str, ms: u64) {
        // A repeated act is the same act: its span goes on.
        if !self.spans.iter().any(|span| span.what == what && span.to_ms.is_none()) {
            self.spans.push(Span { what, from_ms: ms, to_ms: None, done: false });
        }
    }

    fn ended(&mut self, what: &'static str, ms: u64, done: bool) {
        if let Some(span) = self.spans.iter_mut().rev().find(|span| span.what == what && span.to_ms.is_none()) {
            (span.to_ms, span.done) = (Some(ms), done);
        }
    }

    fn answered(&mut self, answer: &Answer, ms: u64) {
        match answer {
            Answer::Done(report) => self.done(report, ms),
            Answer::Undone(ending) => self.state = State::Undone(ending.clone()),
            Answer::Held { settles_in } => self.state = State::Held(*settles_in),
            Answer::Busy(_) | Answer::Refused(_) | Answer::Failed(_) => {}
        }
    }

    fn done(&mut self, report: &Report, ms: u64) {
        match report {
            Report::Facts(facts) => self.look(&facts.status, true),
            Report::Status(status) => self.look(status, false),
            Report::Staged(staged) => self.staged = Some(staged.clone()),
            Report::Begun { previous, .. } => {
                self.previous.clone_from(previous);
                self.state = State::Open;
            }
            Report::Armed { watchdog } => self.watchdog = Some(*watchdog),
            Report::Activated { proofs: results, .. } | Report::Checked(results) => {
                for result in results {
                    self.checked(result);
                }
            }
            Report::Confirmed(proven) => {
                self.state = State::Confirmed(Box::new(proven.clone()));
                self.confirmed_ms = Some(ms);
            }
            Report::Holding { settles_in } => self.state = State::Held(*settles_in),
            Report::Pruned { removed, .. } => self.pruned += removed.len(),
            Report::Setup(steps) => {
                self.set_up.extend(steps.iter().filter(|step| step.changed).map(|step| step.what.clone()));
            }
            _ => {}
        }
    }
}

fn same(one: &Proven, other: &Proven) -> bool {
    one.release == other.release
}

impl Run {
    /// Takes the next event in.
    pub fn take(&mut self, event: &Event) {
        self.elapsed_ms = self.elapsed_ms.max(event.elapsed_ms);
        match &event.fact {
            Fact::Began { verb, version } => {
                (self.verb, self.version, self.at) = (verb.clone(), version.clone(), event.at.clone());
            }
            Fact::Warned(text) => self.warnings.push((event.target.clone(), text.clone())),
            Fact::Ended(outcome) => self.outcome = Some(*outcome),
            Fact::Found(..) => {
                self.found.extend(words::fact(&event.fact).map(|saying| (event.target.clone(), saying)));
            }
            _ => {}
        }
        if let Some(failure) = words::went_wrong(&event.fact) {
            self.fail(event.target.as_ref(), failure);
        }
        let Some(label) = &event.target else { return };
        let ms = event.elapsed_ms;
        let target = self.target(label);
        match &event.fact {
            Fact::Started(act) if !quiet(act) => target.started(act.word(), ms),
            Fact::Answered(act, answer) => {
                target.answered(answer, ms);
                target.ended(act.word(), ms, is_done(act, answer));
            }
            Fact::Confirming => target.started("confirm", ms),
            Fact::Confirmed(answer) => {
                target.answered(answer, ms);
                target.ended("confirm", ms, matches!(answer.as_ref(), Answer::Done(_)));
            }
            Fact::Found(_, answer) | Fact::SetUp(answer) => target.answered(answer, ms),
            Fact::Checked(result) => target.checked(result),
            Fact::Failed(Failure { kind: Kind::Unknown { settles_in }, .. }) => {
                target.state = State::Unknown(*settles_in);
            }
            _ => {}
        }
    }

    fn fail(&mut self, target: Option<&Label>, failure: &Failure) {
        if !self.failures.iter().any(|(label, old)| label.as_ref() == target && old == failure) {
            self.failures.push((target.cloned(), failure.clone()));
        }
    }

    fn target(&mut self, label: &Label) -> &mut TargetRun {
        let at = self.targets.iter().position(|target| target.label == *label).unwrap_or_else(|| {
            self.targets.push(TargetRun::new(label.clone()));
            self.targets.len() - 1
        });
        &mut self.targets[at]
    }

    /// Where a rollback of all targets would go, when it is one release for all that are known.
    #[must_use]
    pub fn rollback_target(&self) -> Option<String> {
        one(self.targets.iter().map(|target| target.way_back().map(|proven| proven.version.to_string())))
    }

    /// What ran before, when it was the same everywhere.
    #[must_use]
    pub fn previous_version(&self) -> Option<String> {
        one(self.targets.iter().map(TargetRun::ran))
    }

    /// The version that the run was about: as it was resolved. Where a rollback led to only the hosts know, once it is
    /// done.
    #[must_use]
    pub fn about(&self, outcome: Outcome) -> Option<String> {
        let led = (self.verb == "rollback" && outcome.is_success())
            .then(|| one(self.targets.iter().map(|target| target.now().ok().flatten())))
            .flatten();
        led.or_else(|| self.version.clone())
    }

    /// Seconds until what works ran again: of an undo, or of a rollback that was asked for; the slowest target counts.
    #[must_use]
    pub fn recovered_seconds(&self) -> Option<u64> {
        let undone = |target: &TargetRun| match &target.state {
            State::Undone(ending) => Some(ending.recovered_seconds),
            State::Confirmed(_) if self.verb == "rollback" => target.confirmed_ms.map(|ms| ms.div_ceil(1_000)),
            _ => None,
        };
        self.targets.iter().filter_map(undone).max()
    }

    /// The outputs of the action, always all of them; what is not known is empty.
    #[must_use]
    pub fn outputs(&self, outcome: Outcome) -> Vec<(&'static str, String)> {
        let text = |value: Option<String>| value.unwrap_or_default();
        vec![
            ("outcome", outcome.word().to_owned()),
            ("exit-code", outcome.exit_code().to_string()),
            ("version", text(self.about(outcome))),
            ("previous-version", text(self.previous_version())),
            ("rollback-target", text(self.rollback_target())),
            ("recovered-seconds", text(self.recovered_seconds().map(|seconds| seconds.to_string()))),
            ("failed-requests", String::new()),
            ("incident", String::new()),
        ]
    }
}

/// The value that all have; none when one lacks it, or they differ.
fn one(mut values: impl Iterator<Item = Option<String>>) -> Option<String> {
    let first = values.next()??;
    values.all(|value| value.as_ref() == Some(&first)).then_some(first)
}

/// Whether the answer is what the act wanted: undone is what an abort wants.
fn is_done(act: &Act, answer: &Answer) -> bool {
    match answer {
        Answer::Done(_) => true,
        Answer::Undone(ending) => matches!(act, Act::Abort { .. }) && ending.healthy,
        _ => false,
    }
}

/// Acts that only keep a change alive are no part of the story.
fn quiet(act: &Act) -> bool {
    matches!(act, Act::Renew { .. })
}

/// The reader that folds; clones share the run.
#[derive(Debug, Clone, Default)]
pub struct Folding(Arc<Mutex<Run>>);

impl Folding {
    /// What the run is so far.
    #[must_use]
    pub fn run(&self) -> Run {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Reader for Folding {
    fn read(&mut self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(event);
    }
}
