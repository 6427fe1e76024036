//! `plan`: exactly what would happen on each target, from its real state; nothing is changed.

use std::sync::Arc;

use rollback_deploy_core::model::Outcome;
use rollback_deploy_core::plan::{Fact, describe, stops};

use super::deploy;
use super::world::{Conclusion, World};
use crate::source::Tree;

/// Tells what a deploy would do.
pub async fn plan(world: &World, tree: Arc<Tree>) -> Conclusion {
    let version = tree.info.version.to_string();
    world.events.tell(None, Fact::Began { verb: "plan".to_owned(), version: Some(version.clone()) });
    let fleet = world.fleet(None);
    let outcome = match world.inspect(&fleet, false).await {
        Err(outcome) => outcome,
        Ok(facts) => match deploy::plan(world, &tree, &facts) {
            Err(failure) => world.fail(None, failure),
            Ok(plan) => {
                for target in &plan.targets {
                    if let Some(facts) = facts.get(&target.label) {
                        world.events.tell(Some(&target.label), Fact::Planned(describe(&plan, target, facts)));
                    }
                }
                let mut looked = plan.targets.iter().filter_map(|target| Some((target, facts.get(&target.label)?)));
                let stopped = looked.any(|(target, facts)| !stops(&plan, target, facts).is_empty());
                if stopped { Outcome::Refused } else { Outcome::Done }
            }
        },
    };
    World::close(&fleet).await;
    Conclusion::only(outcome)
}
