//! `deploy`: inspect, plan, perform.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollback_deploy_core::model::{Facts, Failure, Label, Operation, Outcome};
use rollback_deploy_core::plan::noop::already_live;
use rollback_deploy_core::plan::{Fact, Plan, Story, TargetPlan, Wanted};
use rollback_deploy_core::wire::Staging;

use super::world::{Conclusion, World};
use crate::engine;
use crate::source::Tree;
use crate::transport::Contents;

/// Deploys a release to every target.
pub async fn deploy(world: &World, tree: Arc<Tree>) -> Conclusion {
    let version = tree.info.version.to_string();
    world.events.tell(None, Fact::Began { verb: "deploy".to_owned(), version: Some(version.clone()) });
    let contents: Arc<dyn Contents> = tree.clone();
    let fleet = world.fleet(Some(&contents));
    let ended = match world.inspect(&fleet, true).await {
        Err(outcome) => Conclusion::only(outcome),
        Ok(facts) => match refused(world, &facts) {
            Some(outcome) => Conclusion::only(outcome),
            None => match plan(world, &tree, &facts) {
                Err(failure) => Conclusion::only(world.fail(None, failure)),
                Ok(plan) => {
                    let ended = engine::run(&plan, &fleet, &world.events, &world.stop).await;
                    unproven(world, &plan, &ended.story);
                    world.read_back(&fleet, ended.outcome).await;
                    world.close_in_time(&fleet).await;
                    return Conclusion { outcome: ended.outcome, story: Some(ended.story) };
                }
            },
        },
    };
    world.close_in_time(&fleet).await;
    ended
}

/// Says of what was confirmed unchecked that it does not count as proven.
fn unproven(world: &World, plan: &Plan, story: &Story) {
    for target in plan.targets.iter().filter(|target| target.is_unchecked(plan)) {
        if story.courses.get(&target.label).is_some_and(|course| course.confirmed.is_some()) {
            let what = format!(
                "{} was confirmed unchecked: nothing was asked, so it is not proven; a rollback to it takes its name \
                 and `allow: unproven`",
                target.version
            );
            world.events.tell(Some(&target.label), Fact::Warned(what));
        }
    }
}

/// Every obstacle on every target that no override lifts, told at once.
#[must_use]
pub fn refused(world: &World, facts: &BTreeMap<Label, Facts>) -> Option<Outcome> {
    let mut outcome = None;
    for (label, facts) in facts {
        for obstacle in &facts.obstacles {
            if obstacle.lifted_by().is_none_or(|allow| !world.allow.contains(&allow)) {
                outcome = Some(world.fail(Some(label), obstacle.clone()));
            }
        }
        for warning in &facts.warnings {
            world.events.tell(Some(label), Fact::Warned(warning.clone()));
        }
    }
    outcome
}

/// The plan of a deploy, from what the targets really are.
///
/// # Errors
/// No change can be named.
pub fn plan(world: &World, tree: &Tree, facts: &BTreeMap<Label, Facts>) -> Result<Plan, Failure> {
    let settings = &world.environment.settings;
    let (content, fingerprint) = (tree.manifest.digest(), settings.fingerprint());
    let mut targets = Vec::new();
    for (label, _) in &world.links {
        let live =
            facts.get(label).and_then(|facts| already_live(facts, tree.info.commit.as_ref(), &content, &fingerprint));
        let wanted = match live {
            Some(release) => Wanted::AlreadyLive(release),
            None => Wanted::Staged(Box::new(Staging {
                info: tree.info.clone(),
                settings: settings.clone(),
                manifest: tree.manifest.clone(),
                by: world.by.clone(),
                allow: world.allow.clone(),
            })),
        };
        targets.push(TargetPlan {
            label: label.clone(),
            txn: world.mint()?,
            wanted,
            window: settings.window,
            hard_limit: settings.hard_limit,
            keep: settings.keep,
            version: tree.info.version.clone(),
            checked_outside: !world.environment.runner_checks.is_empty(),
        });
    }
    Ok(Plan {
        operation: Operation::Deploy,
        targets,
        allow: world.allow.clone(),
        wait: world.environment.wait,
        hold: world.environment.hold,
        by: world.by.clone(),
    })
}
