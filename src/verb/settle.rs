//! `confirm`, `abort`, `prune`: a person settles what is open, or takes away what nothing needs.

use rollback_deploy_core::model::{Failure, Outcome, Proof};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Query, Report};

use super::world::{Conclusion, World, done};
use crate::target::Target;

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Keep the open change.
    Confirm,
    /// Take it back.
    Abort,
    /// Remove old releases.
    Prune,
}

impl Decision {
    /// The verb.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Abort => "abort",
            Self::Prune => "prune",
        }
    }
}

/// Carries a person's decision out on every target.
pub async fn settle(world: &World, decision: Decision) -> Conclusion {
    world.events.tell(None, Fact::Began { verb: decision.word().to_owned(), version: None });
    let fleet = world.fleet(None);
    let mut worst = Outcome::Done;
    for target in fleet.values() {
        let outcome = match settle_one(world, target.as_ref(), decision).await {
            Ok(outcome) => outcome,
            Err(failure) => world.fail(Some(target.label()), failure),
        };
        if outcome.severity() > worst.severity() {
            worst = outcome;
        }
    }
    World::close(&fleet).await;
    Conclusion::only(worst)
}

async fn settle_one(world: &World, target: &dyn Target, decision: Decision) -> Result<Outcome, Failure> {
    let cx = world.cx();
    let act = match decision {
        Decision::Confirm => return confirm(world, target).await,
        Decision::Abort => Act::Abort { txn: None, why: format!("aborted by {}", world.by), fault: Fault::World },
        Decision::Prune => Act::Prune { keep: world.environment.settings.keep },
    };
    let answer = target.perform(&act, &cx).await?;
    cx.events.tell(Some(target.label()), Fact::Answered(Box::new(act), Box::new(answer.clone())));
    match answer {
        Answer::Undone(ending) => Ok(if ending.healthy { Outcome::Done } else { Outcome::FailedBack }),
        other => done(other).map(|_| Outcome::Done),
    }
}

/// Confirms what is open: a person's recorded decision is a proof.
async fn confirm(world: &World, target: &dyn Target) -> Result<Outcome, Failure> {
    let cx = world.cx();
    let Report::Status(status) = done(target.ask(&Query::Status, &cx).await?)? else {
        return Err(Failure::bug("the answer to status does not fit"));
    };
    let open = status.open.ok_or_else(|| {
        Failure::refused("no change is open on this host: there is nothing to confirm")
            .hint("`status` shows what runs.")
    })?;
    cx.events.tell(Some(target.label()), Fact::Confirming);
    let answer = target.confirm(Proof::by_person(&open.txn, &world.by), &cx).await?;
    cx.events.tell(Some(target.label()), Fact::Confirmed(Box::new(answer.clone())));
    done(answer).map(|_| Outcome::Done)
}
