//! The loop: ask what happens next, perform it on all targets at once, fold the answers into the story.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, join_all};
use rollback_deploy_core::model::{CheckResult, Failure, Kind, Label, Operation, Outcome, ReleaseId, TxnId, Verdict};
use rollback_deploy_core::plan::story::Trouble;
use rollback_deploy_core::plan::{Fact, Next, Plan, Story, next};
use rollback_deploy_core::wire::{Act, Answer};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::target::{Cx, Target, by};

/// What is left of the 7 seconds after the first signal, for everything that must still be asked.
pub const SETTLE: Duration = Duration::from_secs(6);
/// The part of it that an act under way has to end: the undo after it needs the rest.
const TO_END: u32 = 3;

/// The targets of a run, by label.
pub type Fleet = BTreeMap<Label, Arc<dyn Target>>;

/// Cancels a run: the first signal stops it, its number is told.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    signal: Arc<AtomicU8>,
}

impl Stop {
    /// Stops the run because of this signal; of several the first one counts.
    pub fn because_of(&self, signal: u8) {
        let _later = self.signal.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
        self.token.cancel();
    }

    /// What acts listen to.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Does what changes no host, and lets go of it at the first signal.
    ///
    /// # Errors
    /// There was a signal.
    pub async fn or_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => {
                let signal = self.signal.load(Ordering::SeqCst);
                Err(Failure::new(Kind::Cancelled { signal }, "cancelled before anything was changed"))
            }
            done = work => Ok(done),
        }
    }

    /// The signal, once there was one.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        self.token.is_cancelled().then(|| self.signal.load(Ordering::SeqCst))
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The worst of all targets.
    pub outcome: Outcome,
    /// The course of each.
    pub story: Story,
}

/// When everything decisive must be over: some seconds after the first signal.
type Limit = Shared<BoxFuture<'static, ()>>;

struct Limits {
    /// For an act that was under way when the signal came.
    act: Limit,
    /// For everything.
    all: Limit,
}

fn limit(stop: &Stop, settle: Duration) -> Limit {
    let token = stop.token().clone();
    async move {
        token.cancelled().await;
        sleep(settle).await;
    }
    .boxed()
    .shared()
}

/// Runs a plan to its end.
pub async fn run(plan: &Plan, fleet: &Fleet, events: &crate::engine::Events, stop: &Stop) -> Ended {
    run_within(plan, fleet, events, stop, SETTLE).await
}

async fn run_within(
    plan: &Plan,
    fleet: &Fleet,
    events: &crate::engine::Events,
    stop: &Stop,
    settle: Duration,
) -> Ended {
    let mut story = Story::new(plan);
    let limits = Limits { act: limit(stop, settle / TO_END), all: limit(stop, settle) };
    let mut waiting = Waiting::default();
    loop {
        story.cancelled = story.cancelled.or(stop.signal());
        match next(plan, &story) {
            Next::Perform(acts) => {
                let settling = story.cancelled.is_some();
                let asked = acts.into_iter().map(|(label, act)| {
                    let busy = waiting.holder(&label, &act).cloned();
                    let (limits, fleet) = (&limits, &fleet);
                    async move {
                        let answer = perform(fleet, &label, &act, events, stop, settling, busy, limits).await;
                        (label, act, answer)
                    }
                });
                for (label, act, answer) in join_all(asked).await {
                    waiting.note(&label, &answer);
                    story.answered(plan, &label, &act, answer);
                }
            }
            Next::CheckOutside(labels) => {
                let asked = labels.into_iter().map(|label| async {
                    let planned = plan.targets.iter().find(|target| target.label == label);
                    let results = match fleet.get(&label).zip(planned) {
                        Some((target, planned)) => {
                            check_outside(target.as_ref(), &planned.version, plan.operation, events, stop).await
                        }
                        None => Vec::new(),
                    };
                    (label, results)
                });
                for (label, results) in join_all(asked).await {
                    story.seen_outside(plan, &label, results);
                }
            }
            Next::Confirm(proofs) => {
                let asked = proofs.into_iter().map(|(label, proof)| async {
                    let cx = Cx { events: events.clone(), stop: CancellationToken::new() };
                    events.tell(Some(&label), Fact::Confirming);
                    let answer = match fleet.get(&label) {
                        Some(target) => in_time(target.as_ref(), target.confirm(proof, &cx), &limits.all).await,
                        None => Err(unknown_target(&label)),
                    };
                    tell_answer(events, &label, None, &answer);
                    (label, answer)
                });
                for (label, answer) in join_all(asked).await {
                    story.confirmed(&label, answer);
                }
            }
            Next::Wait(seconds) => {
                if let Some(words) = waiting.words(plan, &story) {
                    events.tell(None, Fact::Step(words));
                }
                tokio::select! {
                    () = sleep(Duration::from_secs(seconds.0)) => {}
                    () = stop.token().cancelled() => {}
                }
                story.waited(plan, seconds);
            }
            Next::End(outcome) => return Ended { outcome, story },
        }
    }
}

fn unknown_target(label: &Label) -> Failure {
    Failure::bug(format!("the plan names {label}, but there is no such target"))
}

#[expect(clippy::too_many_arguments, reason = "the loop's own surroundings")]
async fn perform(
    fleet: &Fleet,
    label: &Label,
    act: &Act,
    events: &crate::engine::Events,
    stop: &Stop,
    settling: bool,
    busy: Option<TxnId>,
    limits: &Limits,
) -> Result<Answer, Failure> {
    let Some(target) = fleet.get(label) else { return Err(unknown_target(label)) };
    let started = || events.tell(Some(label), Fact::Started(Box::new(act.clone())));
    // Asked again and again while somebody else is at it: told only when that changes.
    if busy.is_none() {
        started();
    }
    // What settles a change is not cancelled with the run; it is handed over to the watchdog when time is up.
    let (token, limit) =
        if settling { (CancellationToken::new(), &limits.all) } else { (stop.token().clone(), &limits.act) };
    let cx = Cx { events: events.clone(), stop: token };
    let answer = in_time(target.as_ref(), target.perform(act, &cx), limit).await;
    let answer = answer.map(|answer| signed(answer, stop));
    match (busy, &answer) {
        (Some(busy), Ok(Answer::Busy(holder))) if holder.txn == busy => return answer,
        (Some(_), _) => started(),
        (None, _) => {}
    }
    match (act, &answer) {
        // The release is permanent: what comes of tidying up decides nothing.
        (Act::Prune { .. }, Ok(Answer::Refused(failure) | Answer::Failed(failure)) | Err(failure)) => {
            let what = format!("old releases were not removed: {}", failure.what);
            events.tell(Some(label), Fact::Warned(what));
        }
        (Act::Prune { .. }, Ok(Answer::Busy(holder))) => {
            let what =
                format!("old releases were not removed: {} by {} is being changed to", holder.release, holder.by);
            events.tell(Some(label), Fact::Warned(what));
        }
        _ => tell_answer(events, label, Some(act), &answer),
    }
    answer
}

/// Who is waited for, so that it is told once and not at each look.
#[derive(Default)]
struct Waiting {
    holders: BTreeMap<Label, TxnId>,
    told: Option<String>,
}

impl Waiting {
    /// Whose change was open there when this act was asked before.
    fn holder(&self, label: &Label, act: &Act) -> Option<&TxnId> {
        self.holders.get(label).filter(|_| matches!(act, Act::Begin(_)))
    }

    fn note(&mut self, label: &Label, answer: &Result<Answer, Failure>) {
        match answer {
            Ok(Answer::Busy(holder)) => drop(self.holders.insert(label.clone(), holder.txn.clone())),
            _ => drop(self.holders.remove(label)),
        }
    }

    /// The words, when they are others than those told before.
    fn words(&mut self, plan: &Plan, story: &Story) -> Option<String> {
        let busy = story.courses.iter().filter_map(|(label, course)| match &course.trouble {
            Some(Trouble::Busy(holder)) => {
                Some(format!("{label}: a {} of {} by {} is open", holder.operation, holder.release, holder.by))
            }
            _ => None,
        });
        let busy: Vec<_> = busy.collect();
        let words = if busy.is_empty() {
            "a host would not confirm: it is asked again".to_owned()
        } else {
            format!("waiting at most {}; {}", plan.wait, busy.join("; "))
        };
        (self.told.as_ref() != Some(&words)).then(|| {
            self.told = Some(words.clone());
            words
        })
    }
}

/// A host only knows that it was asked to end; which signal it was, we know.
fn signed(answer: Answer, stop: &Stop) -> Answer {
    match (answer, stop.signal()) {
        (Answer::Failed(Failure { kind: Kind::Cancelled { .. }, what, place, hints, because }), Some(signal)) => {
            Answer::Failed(Failure { kind: Kind::Cancelled { signal }, what, place, hints, because })
        }
        (answer, _) => answer,
    }
}

/// An answer, or when time is up: the host's watchdog goes on, and the words say until when.
async fn in_time(
    target: &dyn Target,
    asked: impl Future<Output = Result<Answer, Failure>>,
    limit: &Limit,
) -> Result<Answer, Failure> {
    tokio::select! {
        biased;
        answer = asked => answer,
        () = limit.clone() => Err(handed_over(target)),
    }
}

fn handed_over(target: &dyn Target) -> Failure {
    let settles_in = target.settles_in();
    let what = match settles_in {
        Some(left) => {
            format!("the run was ended before {} answered: it settles itself by {}", target.label(), by(left))
        }
        None => format!("the run was ended before {} answered; nothing is known to be open there", target.label()),
    };
    Failure::new(Kind::Unknown { settles_in }, what).hint("`status` shows how it ended.")
}

fn tell_answer(events: &crate::engine::Events, label: &Label, act: Option<&Act>, answer: &Result<Answer, Failure>) {
    match (answer, act) {
        (Ok(answer), Some(act)) => {
            events.tell(Some(label), Fact::Answered(Box::new(act.clone()), Box::new(answer.clone())));
        }
        (Ok(answer), None) => events.tell(Some(label), Fact::Confirmed(Box::new(answer.clone()))),
        (Err(failure), _) => events.tell(Some(label), Fact::Lost(failure.clone())),
    }
}

async fn check_outside(
    target: &dyn Target,
    version: &ReleaseId,
    operation: Operation,
    events: &crate::engine::Events,
    stop: &Stop,
) -> Vec<CheckResult> {
    let asked = target.check_outside(version);
    let results = tokio::select! {
        results = asked => results,
        () = stop.token().cancelled() => Vec::new(),
    };
    for result in &results {
        events.tell(Some(target.label()), Fact::Checked(result.clone()));
        if operation == Operation::Rollback && result.verdict != Verdict::Pass {
            let what = format!(
                "from here {} {} does not pass ({}); it is a check of today's deploy file, so it does not take the \
                 rollback to {version} back",
                result.word,
                result.subject,
                result.verdict.word()
            );
            events.tell(Some(target.label()), Fact::Warned(what));
        }
    }
    results
}

#[cfg(test)]
#[path = "perform_tests.rs"]
mod tests;
