//! The story of a run: what each target answered, folded into how far it came.

use std::collections::BTreeMap;

use super::order::{Plan, Wanted};
use crate::model::{
    CheckResult, Ending, Failure, Kind, Label, Operation, Proven, ReleaseId, Seconds, Verdict, WatchdogKind,
};
use crate::wire::act::{Fault, Holder};
use crate::wire::{Act, Answer, Report};

/// How far a target came. Later is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reached {
    /// Nothing was asked yet.
    Start,
    /// What an earlier run left is settled.
    Recovered,
    /// The release is in place.
    Prepared,
    /// The change is open.
    Begun,
    /// The watchdog is ready.
    Armed,
    /// The migration ran, or there is none.
    Migrated,
    /// The release is live and proven to run.
    Activated,
    /// The checks on the host were answered.
    Verified,
    /// The checks from outside were answered, or there are none.
    Seen,
    /// One common deadline is agreed for all.
    Agreed,
    /// It is permanent.
    Confirmed,
    /// Old releases are gone; or nothing had to be done at all.
    Finished,
}

/// What is wrong with a target, if anything.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Something failed; whether the release itself did, decides whether it is bad.
    Failed(Failure, Fault),
    /// Somebody else's change is open.
    Busy(Holder),
    /// It does not answer.
    Lost(Failure),
}

/// The course of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// How far it came.
    pub reached: Reached,
    /// What is wrong.
    pub trouble: Option<Trouble>,
    /// How an undo ended.
    pub ending: Option<Ending>,
    /// Held for a person, for so long.
    pub held: Option<Seconds>,
    /// The release's id there.
    pub release: Option<ReleaseId>,
    /// What ran before.
    pub previous: Option<ReleaseId>,
    /// Which watchdog is ready.
    pub watchdog: Option<WatchdogKind>,
    /// Proofs and checks, in the order of their answers.
    pub results: Vec<CheckResult>,
    /// What was confirmed.
    pub confirmed: Option<Proven>,
}

/// The story of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// The course of each target.
    pub courses: BTreeMap<Label, Course>,
    /// The signal that cancelled the run.
    pub cancelled: Option<u8>,
    /// How long was waited for somebody else's change.
    pub waited: Seconds,
}

impl Story {
    /// Somebody else's change was waited for: who was busy is asked again.
    pub fn waited_for(&mut self, seconds: Seconds) {
        self.waited.0 += seconds.0.max(1);
        for course in self.courses.values_mut() {
            if matches!(course.trouble, Some(Trouble::Busy(_))) {
                course.trouble = None;
            }
        }
    }

    /// The story before anything happened.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let courses = plan.targets.iter().map(|target| {
            let (reached, release) = match &target.wanted {
                Wanted::AlreadyLive(release) => (Reached::Finished, Some(release.clone())),
                Wanted::There { release, .. } => (Reached::Start, Some(release.clone())),
                Wanted::Staged(_) => (Reached::Start, None),
            };
            let course = Course {
                reached,
                trouble: None,
                ending: None,
                held: None,
                release,
                previous: None,
                watchdog: None,
                results: Vec::new(),
                confirmed: None,
            };
            (target.label.clone(), course)
        });
        Self { courses: courses.collect(), cancelled: None, waited: Seconds(0) }
    }

    /// A target answered an act, or did not.
    pub fn answered(&mut self, plan: &Plan, label: &Label, act: &Act, answer: Result<Answer, Failure>) {
        let Some(course) = self.courses.get_mut(label) else { return };
        match answer {
            Ok(answer) => course.take(plan, act, answer),
            Err(failure) if matches!(act, Act::Prune { .. }) => {
                // What was confirmed stays confirmed, whoever can be reached afterwards.
                drop(failure);
                course.reached = Reached::Finished;
            }
            Err(failure) => course.trouble = Some(Trouble::Lost(failure)),
        }
    }

    /// A target answered a confirm, or did not.
    pub fn confirmed(&mut self, label: &Label, answer: Result<Answer, Failure>) {
        let Some(course) = self.courses.get_mut(label) else { return };
        match answer {
            Ok(Answer::Done(report)) => {
                if let Report::Confirmed(proven) = *report {
                    course.confirmed = Some(proven);
                }
                course.reached = Reached::Confirmed;
            }
            Ok(Answer::Undone(ending)) => course.undone(ending, false),
            Ok(Answer::Held { settles_in }) => course.held = Some(settles_in),
            Ok(Answer::Refused(failure) | Answer::Failed(failure)) => {
                course.trouble = Some(Trouble::Failed(failure, Fault::World));
            }
            Ok(Answer::Busy(holder)) => course.trouble = Some(Trouble::Busy(holder)),
            Err(failure) => course.trouble = Some(Trouble::Lost(failure)),
        }
    }

    /// The checks from outside were answered.
    pub fn seen_outside(&mut self, label: &Label, results: Vec<CheckResult>) {
        let Some(course) = self.courses.get_mut(label) else { return };
        course.judge(&results);
        course.results.extend(results);
        course.reached = course.reached.max(Reached::Seen);
    }
}

impl Course {
    fn undone(&mut self, ending: Ending, asked: bool) {
        if self.trouble.is_none() && !asked {
            let failure = Failure::failed(format!("the host went back by itself: {}", ending.why));
            self.trouble = Some(Trouble::Failed(failure, Fault::World));
        }
        self.ending = Some(ending);
    }

    fn reach(&mut self, reached: Reached) {
        self.reached = self.reached.max(reached);
        if matches!(self.trouble, Some(Trouble::Busy(_))) {
            self.trouble = None;
        }
    }

    /// Checks that do not all pass are trouble: Fail is the release's own, anything else the world's.
    fn judge(&mut self, results: &[CheckResult]) {
        let Some(bad) = results.iter().max_by_key(|result| result.verdict).filter(|bad| bad.verdict != Verdict::Pass)
        else {
            return;
        };
        let what = format!("check {} {}: {}", bad.word, bad.subject, bad.verdict.word());
        let (failure, fault) = match bad.verdict {
            Verdict::Fail => (Failure::failed(what), Fault::Release),
            _ => (Failure::new(Kind::Inconclusive, what), Fault::World),
        };
        self.trouble = Some(Trouble::Failed(failure.because(bad.saw.expose()), fault));
    }

    fn take(&mut self, plan: &Plan, act: &Act, answer: Answer) {
        match answer {
            Answer::Done(report) => self.done(act, *report),
            Answer::Undone(ending) => self.undone(ending, matches!(act, Act::Abort { .. })),
            Answer::Busy(holder) => self.trouble = Some(Trouble::Busy(holder)),
            Answer::Held { settles_in } => self.held = Some(settles_in),
            Answer::Refused(failure) => self.trouble = Some(Trouble::Failed(failure, Fault::World)),
            Answer::Failed(failure) => {
                // What the host did not permit was not the release's doing.
                let own = matches!(act, Act::Activate(_))
                    && plan.operation == Operation::Deploy
                    && !matches!(failure.kind, Kind::Refused { .. });
                self.trouble = Some(Trouble::Failed(failure, if own { Fault::Release } else { Fault::World }));
            }
        }
    }

    fn done(&mut self, act: &Act, report: Report) {
        match report {
            Report::Recovered { .. } => self.reach(Reached::Recovered),
            Report::Staged(staged) => {
                self.release = Some(staged.release);
                self.reach(Reached::Prepared);
            }
            Report::Begun { previous, .. } => {
                self.previous = previous;
                self.reach(Reached::Begun);
            }
            Report::Armed { watchdog } => {
                self.watchdog = Some(watchdog);
                self.reach(Reached::Armed);
            }
            Report::Migrated { .. } => self.reach(Reached::Migrated),
            Report::Activated { proofs, .. } => {
                self.results.extend(proofs);
                self.reach(Reached::Activated);
            }
            Report::Checked(results) => {
                self.judge(&results);
                self.results.extend(results);
                self.reach(Reached::Verified);
            }
            Report::Renewed { .. } => self.reach(Reached::Agreed),
            Report::Holding { settles_in } => self.held = Some(settles_in),
            Report::Confirmed(proven) => {
                self.confirmed = Some(proven);
                self.reach(Reached::Confirmed);
            }
            Report::NothingOpen if matches!(act, Act::Abort { .. }) => {
                // Nothing is open any more and nothing was confirmed: as before.
                self.reached = Reached::Start;
            }
            Report::Pruned { .. } => self.reach(Reached::Finished),
            _ => {}
        }
    }

    /// Whether the change is open there, as far as is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        (Reached::Begun..Reached::Confirmed).contains(&self.reached) && self.ending.is_none() && self.held.is_none()
    }
}
