//! `status`, `list`, `history`, `health`, `logs`: questions that change nothing.

use rollback_deploy_core::model::{Outcome, Verdict};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Query, Report};

use super::world::{Conclusion, World};

/// Asks every target and tells the answers.
pub async fn look(world: &World, verb: &str, query: &Query) -> Conclusion {
    world.events.tell(None, Fact::Began { verb: verb.to_owned(), version: None });
    let fleet = world.fleet(None);
    let mut worst = Outcome::Done;
    for (label, report) in world.ask_all(&fleet, query).await {
        let outcome = match report {
            Err(failure) => world.fail(Some(&label), failure),
            Ok(Report::Checked(results)) if results.iter().any(|result| result.verdict != Verdict::Pass) => Outcome::No,
            Ok(Report::Status(status)) if status.failed.is_some() => Outcome::FailedBack,
            Ok(_) => Outcome::Done,
        };
        if outcome.severity() > worst.severity() {
            worst = outcome;
        }
    }
    World::close(&fleet).await;
    // What a question finds is its answer; only a question that could not be asked, or a no, is an exit code.
    let outcome = if verb == "status" && worst == Outcome::FailedBack { Outcome::Done } else { worst };
    Conclusion::only(outcome)
}
