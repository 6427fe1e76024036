//! The story of a run: what each target answered, folded into how far it came.

use std::collections::BTreeMap;

use super::order::{Plan, TargetPlan, Wanted};
use crate::model::{
    CheckResult, Ending, Failure, Kind, Label, Operation, Proven, ReleaseId, Seconds, TxnId, Verdict, WatchdogKind,
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

/// Why an open change is not asked about any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Nothing was open there: as before.
    NothingOpen,
    /// The host refused to take it back, or somebody else's change is open there: how it ended was not read back.
    NotRead,
}

/// The course of one target.
#[expect(clippy::struct_excessive_bools, reason = "independent things that happened, each asked about by its name")]
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// The name of the change there. A name is used once: a change that is begun again has another one.
    pub txn: TxnId,
    /// How often a change was begun again.
    pub again: u32,
    /// Activation was asked for: the link may be switched.
    pub switched: bool,
    /// Begin was asked for and not answered: the change may be open there, or may still be opened.
    pub begin_lost: bool,
    /// It was asked to go back, whatever came of it.
    pub asked_back: bool,
    /// How often it would not confirm.
    pub not_confirmed: u32,
    /// It would not be held.
    pub not_held: bool,
    /// Nothing more is asked about the change.
    pub closed: Option<Closed>,
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
                txn: target.txn.clone(),
                again: 0,
                switched: false,
                begin_lost: false,
                asked_back: false,
                not_confirmed: 0,
                not_held: false,
                closed: None,
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
        course.switched |= matches!(act, Act::Activate(_)) && !matches!(answer, Ok(Answer::Refused(_)));
        course.begin_lost |= matches!(act, Act::Begin(_)) && answer.is_err();
        match (act, answer) {
            // What was confirmed stays confirmed, whatever comes of tidying up.
            (Act::Prune { .. }, _) => course.reached = Reached::Finished,
            (Act::Abort { .. }, answer) => course.taken_back(answer),
            (Act::Hold { .. }, answer) => course.kept_for_a_person(answer),
            (_, Ok(answer)) => course.take(plan, act, answer),
            (_, Err(failure)) => course.trouble = Some(Trouble::Lost(failure)),
        }
    }

    /// Somebody else's change was waited for: who was busy is asked again, and what was released meanwhile is begun
    /// again under a new name.
    pub fn waited(&mut self, plan: &Plan, seconds: Seconds) {
        self.waited.0 = self.waited.0.saturating_add(seconds.0.max(1));
        for target in &plan.targets {
            let Some(course) = self.courses.get_mut(&target.label) else { continue };
            if matches!(course.trouble, Some(Trouble::Busy(_))) || course.may_confirm_yet() {
                course.trouble = None;
            } else if course.is_released() {
                course.begin_again(target);
            }
        }
    }

    /// A target answered a confirm, or did not.
    pub fn confirmed(&mut self, label: &Label, answer: Result<Answer, Failure>) {
        let Some(course) = self.courses.get_mut(label) else { return };
        match answer {
            Ok(Answer::Done(report)) => match *report {
                Report::Confirmed(proven) => course.made_permanent(proven),
                _ => course.unfit("confirm"),
            },
            Ok(Answer::Undone(ending)) => course.undone(ending, false),
            Ok(Answer::Held { settles_in }) => course.held = Some(settles_in),
            Ok(Answer::Refused(failure) | Answer::Failed(failure)) => {
                course.not_confirmed += 1;
                course.trouble = Some(Trouble::Failed(failure, Fault::World));
            }
            Ok(Answer::Busy(holder)) => course.busy(holder),
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

/// How often a host that would not confirm is asked, once another one is permanent.
const CONFIRMS: u32 = 6;

impl Course {
    /// It would not confirm, but the change is still open there: from the first confirm on the direction is forward only,
    /// so it is asked again.
    #[must_use]
    pub fn may_confirm_yet(&self) -> bool {
        let refused = matches!(self.trouble, Some(Trouble::Failed(..))) && self.is_open();
        refused && (1..CONFIRMS).contains(&self.not_confirmed)
    }

    fn undone(&mut self, ending: Ending, asked: bool) {
        if self.trouble.is_none() && !asked {
            let failure = Failure::failed(format!("the host went back by itself: {}", ending.why));
            self.trouble = Some(Trouble::Failed(failure, Fault::World));
        }
        self.ending = Some(ending);
    }

    fn reach(&mut self, reached: Reached) {
        self.reached = self.reached.max(reached);
    }

    fn made_permanent(&mut self, proven: Proven) {
        self.confirmed = Some(proven);
        self.reach(Reached::Confirmed);
    }

    /// A target that answers something else than was asked is not trusted any further.
    fn unfit(&mut self, word: &str) {
        let failure = Failure::bug(format!("the answer to {word} does not fit"));
        self.trouble = Some(Trouble::Failed(failure, Fault::World));
    }

    fn busy(&mut self, holder: Holder) {
        let trouble = if self.reached < Reached::Begun {
            Trouble::Busy(holder)
        } else {
            // Ours was open there, so ours is gone: waiting does not bring it back.
            let what =
                format!("the change is not the open one any more: {} by {} came first", holder.release, holder.by);
            Trouble::Failed(Failure::failed(what), Fault::World)
        };
        self.trouble = Some(trouble);
    }

    /// The answer to an abort. It is asked once, whatever comes of it: the host's watchdog goes on.
    fn taken_back(&mut self, answer: Result<Answer, Failure>) {
        self.asked_back = true;
        match answer {
            Ok(Answer::Undone(ending)) => self.undone(ending, true),
            Ok(Answer::Held { settles_in }) => self.held = Some(settles_in),
            Ok(Answer::Done(report)) => match *report {
                Report::Confirmed(proven) => self.made_permanent(proven),
                Report::NothingOpen => self.closed = Some(Closed::NothingOpen),
                _ => {
                    self.trouble.is_none().then(|| self.unfit("abort"));
                    self.closed = Some(Closed::NotRead);
                }
            },
            Ok(Answer::Refused(failure)) => self.not_read(failure),
            Ok(Answer::Busy(holder)) => {
                self.not_read(Failure::failed(format!("a change of {} by {} is open now", holder.release, holder.by)));
            }
            Ok(Answer::Failed(failure)) => {
                let mut lost = Failure::new(
                    Kind::Unknown { settles_in: None },
                    format!("the undo could not be finished; the host's watchdog goes on with it: {}", failure.what),
                );
                lost.place = failure.place;
                lost.hints = failure.hints;
                lost.because = failure.because;
                self.trouble = Some(Trouble::Lost(lost));
            }
            Err(failure) => self.trouble = Some(Trouble::Lost(failure)),
        }
    }

    fn not_read(&mut self, failure: Failure) {
        self.closed = Some(Closed::NotRead);
        if self.trouble.is_none() {
            self.trouble = Some(Trouble::Failed(failure, Fault::World));
        }
    }

    /// The answer to a hold. What cannot be held goes back instead; why it should have been held is not forgotten.
    fn kept_for_a_person(&mut self, answer: Result<Answer, Failure>) {
        match answer {
            Ok(Answer::Held { settles_in }) => self.held = Some(settles_in),
            Ok(Answer::Undone(ending)) => self.undone(ending, false),
            Ok(Answer::Done(report)) => match *report {
                Report::Holding { settles_in } => self.held = Some(settles_in),
                Report::Confirmed(proven) => self.made_permanent(proven),
                _ => self.not_held = true,
            },
            Ok(Answer::Refused(_) | Answer::Failed(_) | Answer::Busy(_)) => self.not_held = true,
            Err(failure) => self.trouble = Some(Trouble::Lost(failure)),
        }
    }

    fn begin_again(&mut self, target: &TargetPlan) {
        self.again += 1;
        let name = format!("{}.{}", target.txn, self.again + 1);
        // A name that is too long for a suffix is the first one: the host then tells how that one ended.
        self.txn = TxnId::new(name).unwrap_or_else(|_| target.txn.clone());
        self.reached = if matches!(target.wanted, Wanted::Staged(_)) { Reached::Prepared } else { Reached::Recovered };
        self.ending = None;
        self.closed = None;
        self.asked_back = false;
        self.begin_lost = false;
    }

    /// It was begun and taken back before anything else, because another target is busy.
    #[must_use]
    pub fn is_released(&self) -> bool {
        let gone = match (&self.ending, self.closed) {
            (Some(ending), _) => ending.healthy,
            (None, closed) => closed == Some(Closed::NothingOpen),
        };
        gone && self.asked_back && self.trouble.is_none() && self.reached == Reached::Begun
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
            Answer::Undone(ending) => self.undone(ending, false),
            Answer::Busy(holder) => self.busy(holder),
            Answer::Held { settles_in } => self.held = Some(settles_in),
            Answer::Refused(failure) => self.trouble = Some(Trouble::Failed(failure, Fault::World)),
            Answer::Failed(failure) => {
                // Cancelled or unreadable is not the release's own failure, and a rollback's target is never bad.
                let own = matches!(act, Act::Activate(_))
                    && plan.operation == Operation::Deploy
                    && failure.kind == Kind::Failed;
                self.trouble = Some(Trouble::Failed(failure, if own { Fault::Release } else { Fault::World }));
            }
        }
    }

    fn done(&mut self, act: &Act, report: Report) {
        match (act, report) {
            // Somebody, or the host itself by its keep rule, was faster.
            (_, Report::Confirmed(proven)) => self.made_permanent(proven),
            (Act::Recover { .. }, Report::Recovered { .. }) => self.reach(Reached::Recovered),
            (Act::Prepare(_), Report::Staged(staged)) => {
                self.release = Some(staged.release);
                self.reach(Reached::Prepared);
            }
            (Act::Begin(_), Report::Begun { previous, .. }) => {
                self.previous = previous;
                self.reach(Reached::Begun);
            }
            (Act::Arm(_), Report::Armed { watchdog }) => {
                self.watchdog = Some(watchdog);
                self.reach(Reached::Armed);
            }
            (Act::Migrate(_), Report::Migrated { .. }) => self.reach(Reached::Migrated),
            (Act::Activate(_), Report::Activated { proofs, .. }) => {
                self.results.extend(proofs);
                self.reach(Reached::Activated);
            }
            (Act::Verify(_), Report::Checked(results)) => {
                self.judge(&results);
                self.results.extend(results);
                self.reach(Reached::Verified);
            }
            (Act::Renew { .. }, Report::Renewed { .. }) => self.reach(Reached::Agreed),
            (act, _) => self.unfit(act.word()),
        }
    }

    /// Whether the change is open there, as far as is known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let begun = (Reached::Begun..Reached::Confirmed).contains(&self.reached) || self.begin_lost;
        begun && self.confirmed.is_none() && self.ending.is_none() && self.held.is_none() && self.closed.is_none()
    }
}
