//! One environment with its targets, ready to be asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rollback_deploy_core::file::{Environment, Setup};
use rollback_deploy_core::model::facts::SetupState;
use rollback_deploy_core::model::{Allow, Facts, Failure, Label, Outcome, TxnId};
use rollback_deploy_core::plan::{Fact, Story};
use rollback_deploy_core::wire::{Act, Answer, Query, Report, SetupMode, SetupRequest};

use crate::engine::perform::Stop;
use crate::engine::{Events, Fleet};
use crate::target::{Cx, HostTarget, Target};
use crate::transport::{Contents, Link};

/// How long a host may take to say what it runs after a change.
const READ_BACK: Duration = Duration::from_secs(5);

/// How long connections may take to end: what they were for is over by then.
const CLOSE: Duration = Duration::from_secs(1);
/// The same after a signal: how the run ended is known, and has to be told in the time that is left.
pub const CLOSE_AFTER_SIGNAL: Duration = Duration::from_millis(200);

/// One environment with its targets.
pub struct World {
    /// What the deploy file or the inputs say.
    pub environment: Environment,
    /// How each host is reached.
    pub links: Vec<(Label, Arc<dyn Link>)>,
    /// Who asks: a run's URL, or user and machine.
    pub by: String,
    /// Overrides in force: those of the file and those of the face.
    pub allow: Vec<Allow>,
    /// Where facts are told.
    pub events: Events,
    /// Cancels everything.
    pub stop: Stop,
}

/// How a verb ended.
#[derive(Debug)]
pub struct Conclusion {
    /// Which exit code it is.
    pub outcome: Outcome,
    /// The course of each target, when something was changed.
    pub story: Option<Story>,
}

impl Conclusion {
    /// An end without a change.
    #[must_use]
    pub fn only(outcome: Outcome) -> Self {
        Self { outcome, story: None }
    }
}

impl World {
    /// What acts may use.
    #[must_use]
    pub fn cx(&self) -> Cx {
        Cx { events: self.events.clone(), stop: self.stop.token().clone() }
    }

    /// The targets, with the files that a release needs and the checks asked from here.
    #[must_use]
    pub fn fleet(&self, contents: Option<&Arc<dyn Contents>>) -> Fleet {
        let hosts = self.links.iter().map(|(label, link)| {
            let mut host = HostTarget::new(label.clone(), link.clone());
            if let Some(contents) = contents {
                host = host.with_contents(contents.clone());
            }
            host = host.with_outside(self.environment.runner_checks.clone());
            (label.clone(), Arc::new(host) as Arc<dyn Target>)
        });
        hosts.collect()
    }

    /// Tells a failure and ends with it.
    #[must_use]
    pub fn fail(&self, label: Option<&Label>, failure: Failure) -> Outcome {
        let outcome = failure.outcome();
        self.events.tell(label, Fact::Failed(failure));
        outcome
    }

    /// Inspects every target, sets hosts up that need it and may be, and inspects those again.
    ///
    /// # Errors
    /// The worst of what went wrong; everything was told.
    pub async fn inspect(&self, fleet: &Fleet, set_up: bool) -> Result<BTreeMap<Label, Facts>, Outcome> {
        let looked = join_all(fleet.values().map(|target| self.inspect_one(target.as_ref(), set_up))).await;
        let mut all = BTreeMap::new();
        let mut worst: Option<Outcome> = None;
        for (label, facts) in looked {
            match facts {
                Ok(facts) => drop(all.insert(label, facts)),
                Err(failure) => {
                    let outcome = self.fail(Some(&label), failure);
                    worst =
                        Some(worst.map_or(outcome, |worst| {
                            if worst.severity() >= outcome.severity() { worst } else { outcome }
                        }));
                }
            }
        }
        worst.map_or(Ok(all), Err)
    }

    async fn inspect_one(&self, target: &dyn Target, set_up: bool) -> (Label, Result<Facts, Failure>) {
        let label = target.label().clone();
        let looked = async {
            let facts = self.facts(target).await?;
            let wanted = facts.setup == SetupState::Possible && self.environment.setup == Setup::Auto;
            if !(set_up && wanted) {
                return Ok(facts);
            }
            let request = SetupRequest {
                mode: SetupMode::Apply,
                settings: self.environment.settings.clone(),
                watchdog: self.environment.watchdog,
            };
            let answer = target.setup(&request, &self.cx()).await?;
            self.events.tell(Some(&label), Fact::SetUp(Box::new(answer.clone())));
            done(answer)?;
            self.facts(target).await
        };
        let looked = looked.await;
        (label, looked)
    }

    async fn facts(&self, target: &dyn Target) -> Result<Facts, Failure> {
        let act = Act::Inspect(Box::new(self.environment.settings.clone()));
        self.events.tell(Some(target.label()), Fact::Started(Box::new(act.clone())));
        let answer = target.perform(&act, &self.cx()).await?;
        self.events.tell(Some(target.label()), Fact::Answered(Box::new(act), Box::new(answer.clone())));
        match done(answer)? {
            Report::Facts(mut facts) => {
                // Otherwise the first deploy would do it, or need what is not there.
                if facts.setup == SetupState::Possible && self.environment.setup == Setup::Manual {
                    facts.obstacles.push(
                        Failure::refused("the host is not set up, and the deploy file says `setup: manual`")
                            .hint("Once: `rollback-deploy setup`; `rollback-deploy setup --plan` shows what it does."),
                    );
                }
                Ok(facts)
            }
            other => Err(unexpected("inspect", &other)),
        }
    }

    /// Asks every target the same question and tells the answers.
    pub async fn ask_all(&self, fleet: &Fleet, query: &Query) -> Vec<(Label, Result<Report, Failure>)> {
        let cx = self.cx();
        let asked = fleet.values().map(|target| {
            let cx = cx.clone();
            async move {
                let answer = target.ask(query, &cx).await;
                let report = match answer {
                    Ok(answer) => {
                        cx.events
                            .tell(Some(target.label()), Fact::Found(Box::new(query.clone()), Box::new(answer.clone())));
                        done(answer)
                    }
                    Err(failure) => Err(failure),
                };
                (target.label().clone(), report)
            }
        });
        join_all(asked).await
    }

    /// Asks every target once more, on the connections that are open, what it runs now and where a rollback would go.
    /// Only after a change that ended in a known way; a host that does not answer at once is not waited for.
    pub async fn read_back(&self, fleet: &Fleet, outcome: Outcome) {
        let known = !matches!(outcome, Outcome::Unknown | Outcome::Bug | Outcome::Cancelled { .. });
        if known && self.stop.signal().is_none() {
            let asked = self.ask_all(fleet, &Query::Status);
            let _late = tokio::time::timeout(READ_BACK, asked).await;
        }
    }

    /// Names for one change on each target: nobody else's.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn mint(&self) -> Result<TxnId, Failure> {
        let mut random = [0_u8; 6];
        getrandom::fill(&mut random).map_err(|error| Failure::bug(format!("no random bytes: {error}")))?;
        let number = random.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let hex = format!("{number:012x}");
        let at = jiff::Timestamp::now().strftime("%Y%m%d%H%M%S");
        TxnId::new(format!("{at}-{hex}")).map_err(|error| Failure::bug(error.to_string()))
    }

    /// Ends all connections of a run that changed something, in the time that a signal leaves for it.
    pub async fn close_in_time(&self, fleet: &Fleet) {
        let limit = if self.stop.signal().is_some() { CLOSE_AFTER_SIGNAL } else { CLOSE };
        let _late = tokio::time::timeout(limit, Self::close(fleet)).await;
    }

    /// Ends all connections.
    pub async fn close(fleet: &Fleet) {
        let closed = join_all(fleet.values().map(|target| target.close()));
        let _late = tokio::time::timeout(CLOSE, closed).await;
    }
}

/// What was done; anything else is a failure of the verb.
///
/// # Errors
/// It was refused, failed, undone, or somebody else is at it.
pub fn done(answer: Answer) -> Result<Report, Failure> {
    match answer {
        Answer::Done(report) => Ok(*report),
        Answer::Refused(failure) | Answer::Failed(failure) => Err(failure),
        Answer::Undone(ending) if ending.healthy => {
            Err(Failure::failed(format!("the change was undone: {}", ending.why)))
        }
        Answer::Undone(ending) => Err(Failure::new(
            rollback_deploy_core::model::Kind::FailedBack,
            format!("the change was undone, and what runs now is not healthy: {}", ending.why),
        )),
        Answer::Busy(holder) => Err(Failure::new(
            rollback_deploy_core::model::Kind::Busy,
            format!("a {} of {} by {} is open (since {})", holder.operation, holder.release, holder.by, holder.at),
        )
        .hint(format!("It settles itself in {} at the latest; `wait:` makes a deploy wait for it.", holder.settles_in))
        .hint("`rollback-deploy abort` takes it back now.")),
        Answer::Held { settles_in } => Err(Failure::new(
            rollback_deploy_core::model::Kind::Inconclusive,
            format!("the change is held for a person for another {settles_in}"),
        )
        .hint("`rollback-deploy confirm` or `rollback-deploy abort` decides it.")),
    }
}

/// An answer that does not fit its question.
#[must_use]
pub fn unexpected(asked: &str, _report: &Report) -> Failure {
    Failure::bug(format!("the answer to {asked} does not fit"))
}
