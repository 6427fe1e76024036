//! `setup`: once per host; shown by `--plan`, asked by `--check`, taken away by `--remove`.

use rollback_deploy_core::model::Outcome;
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Report, SetupMode, SetupRequest};

use super::world::{Conclusion, World, done};

/// Sets every host up, or looks whether it is.
pub async fn setup(world: &World, mode: SetupMode) -> Conclusion {
    world.events.tell(None, Fact::Began { verb: "setup".to_owned(), version: None });
    let request =
        SetupRequest { mode, settings: world.environment.settings.clone(), watchdog: world.environment.watchdog };
    let fleet = world.fleet(None);
    let mut worst = Outcome::Done;
    for target in fleet.values() {
        let answered = target.setup(&request, &world.cx()).await;
        if let Ok(answer) = &answered {
            world.events.tell(Some(target.label()), Fact::SetUp(Box::new(answer.clone())));
        }
        let outcome = match answered.and_then(done) {
            Ok(Report::Setup(steps)) if mode == SetupMode::Check && steps.iter().any(|step| !step.done) => Outcome::No,
            Ok(_) => Outcome::Done,
            Err(failure) => world.fail(Some(target.label()), failure),
        };
        if outcome.severity() > worst.severity() {
            worst = outcome;
        }
    }
    World::close(&fleet).await;
    Conclusion::only(worst)
}
