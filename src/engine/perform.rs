//! The loop: ask what happens next, perform it on all targets at once, fold the answers into the story.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures::future::join_all;
use rollback_deploy_core::model::{CheckResult, Failure, Kind, Label, Outcome};
use rollback_deploy_core::plan::{Fact, Next, Plan, Story, next};
use rollback_deploy_core::wire::{Act, Answer};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::target::{Cx, Target};

/// What is left of the 7 seconds after the first signal, for everything that must still be asked.
const SETTLE: Duration = Duration::from_secs(6);

/// The targets of a run, by label.
pub type Fleet = BTreeMap<Label, Arc<dyn Target>>;

/// Cancels a run: the first signal stops it, its number is told.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    signal: Arc<AtomicU8>,
}

impl Stop {
    /// Stops when this token is cancelled by somebody else.
    #[must_use]
    pub fn on(token: CancellationToken) -> Self {
        // Which signal it was, the one who cancels knows.
        Self { token, signal: Arc::new(AtomicU8::new(15)) }
    }

    /// Stops the run because of this signal.
    pub fn because_of(&self, signal: u8) {
        self.signal.store(signal, Ordering::SeqCst);
        self.token.cancel();
    }

    /// What acts listen to.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
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

/// Runs a plan to its end.
pub async fn run(plan: &Plan, fleet: &Fleet, events: &crate::engine::Events, stop: &Stop) -> Ended {
    let mut story = Story::new(plan);
    loop {
        story.cancelled = story.cancelled.or(stop.signal());
        match next(plan, &story) {
            Next::Perform(acts) => {
                let settling = story.cancelled.is_some();
                let asked = acts.into_iter().map(|(label, act)| async {
                    let answer = perform(fleet, &label, &act, events, stop, settling).await;
                    (label, act, answer)
                });
                for (label, act, answer) in join_all(asked).await {
                    story.answered(plan, &label, &act, answer);
                }
            }
            Next::CheckOutside(labels) => {
                let asked = labels.into_iter().map(|label| async {
                    let results = match fleet.get(&label) {
                        Some(target) => check_outside(target.as_ref(), events, stop).await,
                        None => Vec::new(),
                    };
                    (label, results)
                });
                for (label, results) in join_all(asked).await {
                    story.seen_outside(&label, results);
                }
            }
            Next::Confirm(proofs) => {
                let asked = proofs.into_iter().map(|(label, proof)| async {
                    let cx = Cx { events: events.clone(), stop: CancellationToken::new() };
                    events.tell(Some(&label), Fact::Confirming);
                    let answer = match fleet.get(&label) {
                        Some(target) => target.confirm(proof, &cx).await,
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
                events.tell(None, Fact::Step(format!("waiting {seconds} for another change")));
                tokio::select! {
                    () = sleep(Duration::from_secs(seconds.0)) => {}
                    () = stop.token().cancelled() => {}
                }
                story.waited_for(seconds);
            }
            Next::End(outcome) => return Ended { outcome, story },
        }
    }
}

fn unknown_target(label: &Label) -> Failure {
    Failure::bug(format!("the plan names {label}, but there is no such target"))
}

async fn perform(
    fleet: &Fleet,
    label: &Label,
    act: &Act,
    events: &crate::engine::Events,
    stop: &Stop,
    settling: bool,
) -> Result<Answer, Failure> {
    let Some(target) = fleet.get(label) else { return Err(unknown_target(label)) };
    events.tell(Some(label), Fact::Started(Box::new(act.clone())));
    let answer = if settling {
        // The undo itself is not cancelled; it is handed over to the watchdog when time is up.
        let cx = Cx { events: events.clone(), stop: CancellationToken::new() };
        match timeout(SETTLE, target.perform(act, &cx)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::new(Kind::Unknown { settles_in: None }, "the undo goes on by itself on the host")
                .hint("`status` shows how it ended.")),
        }
    } else {
        target.perform(act, &Cx { events: events.clone(), stop: stop.token().clone() }).await
    };
    tell_answer(events, label, Some(act), &answer);
    answer
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

async fn check_outside(target: &dyn Target, events: &crate::engine::Events, stop: &Stop) -> Vec<CheckResult> {
    let asked = target.check_outside();
    let results = tokio::select! {
        results = asked => results,
        () = stop.token().cancelled() => Vec::new(),
    };
    for result in &results {
        events.tell(Some(target.label()), Fact::Checked(result.clone()));
    }
    results
}
