//! `rollback`: to the previous proven release or a named one. Needs no deploy file: each release's own record says how
//! it runs. Preempts an open deploy.

mod choose;
mod heard;

use std::time::Duration;

use futures::future::join_all;
use rollback_deploy_core::model::{
    Failure, Kind, Label, Open, Operation, Outcome, ReleaseId, ReleaseRow, Status, TxnId,
};
use rollback_deploy_core::plan::{Fact, Plan, Story, TargetPlan, Wanted};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Query, Report};

use super::world::{Conclusion, World, done, unexpected};
use crate::engine::{self, Fleet};
use crate::target::Target;
use choose::choose;
use heard::Heard;

/// How long a host on which no change is open waits for what the others say of themselves: a deploy that is open there
/// and not here says where back is. One that is silent is not waited for any longer.
const GRACE: Duration = Duration::from_secs(3);

/// What a rollback wants.
#[derive(Debug, Clone, Default)]
pub struct To {
    /// A version or a release's id; absent: the previous proven release.
    pub version: Option<String>,
    /// Bring the release's own environment file back with it.
    pub with_env: bool,
}

/// Goes back on every target that can be reached, on each as soon as it answers.
pub async fn rollback(world: &World, to: &To) -> Conclusion {
    world.events.tell(None, Fact::Began { verb: "rollback".to_owned(), version: to.version.clone() });
    let fleet = world.fleet(None);
    let ended = go_back(world, to, &fleet, GRACE).await;
    // Something was changed, or an open deploy was taken back.
    if ended.story.is_some() || ended.outcome == Outcome::Done {
        world.read_back(&fleet, ended.outcome).await;
    }
    world.close_in_time(&fleet).await;
    ended
}

async fn go_back(world: &World, to: &To, fleet: &Fleet, grace: Duration) -> Conclusion {
    let heard = Heard::of(fleet.len(), grace);
    // Each host for itself: one that does not answer keeps no other from going back.
    let ended = join_all(fleet.values().map(|target| one(world, to, fleet, target.as_ref(), &heard))).await;
    let mut stories: Vec<Story> = Vec::new();
    let mut outcomes = Vec::new();
    for Conclusion { outcome, story } in ended {
        outcomes.push(outcome);
        stories.extend(story);
    }
    let story = stories.into_iter().reduce(|mut all, one| {
        all.courses.extend(one.courses);
        all.cancelled = all.cancelled.or(one.cancelled);
        all.waited = all.waited.max(one.waited);
        all
    });
    Conclusion { outcome: Outcome::of_all(&outcomes).unwrap_or(Outcome::Input), story }
}

/// Goes back on one host.
async fn one(world: &World, to: &To, fleet: &Fleet, target: &dyn Target, heard: &Heard) -> Conclusion {
    let seen = first_status(world, target).await;
    heard.note(to, seen.as_ref().ok());
    match look(world, target, to, seen, heard).await {
        (_, Ok(Goal::Undone)) => Conclusion::only(Outcome::Done),
        (label, Err(failure)) => Conclusion::only(world.fail(Some(&label), failure)),
        (_, Ok(Goal::Plan(target))) => {
            let plan = Plan {
                operation: Operation::Rollback,
                targets: vec![*target],
                allow: world.allow.clone(),
                wait: world.environment.wait,
                hold: None,
                by: world.by.clone(),
            };
            let ended = engine::run(&plan, fleet, &world.events, &world.stop).await;
            Conclusion { outcome: ended.outcome, story: Some(ended.story) }
        }
    }
}

/// What a host says first. Nothing is changed yet, so a run that is cancelled does not wait for a silent one.
async fn first_status(world: &World, target: &dyn Target) -> Result<Status, Failure> {
    tokio::select! {
        biased;
        seen = status(world, target) => seen,
        () = world.stop.token().cancelled() => {
            let signal = world.stop.signal().unwrap_or(15);
            let what = format!("the run was cancelled before {} answered: nothing was changed there", target.label());
            Err(Failure::new(Kind::Cancelled { signal }, what))
        }
    }
}

enum Goal {
    Plan(Box<TargetPlan>),
    /// An open deploy was taken back, and that is what going back means.
    Undone,
}

async fn status(world: &World, target: &dyn Target) -> Result<Status, Failure> {
    match done(target.ask(&Query::Status, &world.cx()).await?)? {
        Report::Status(status) => Ok(status),
        other => Err(unexpected("status", &other)),
    }
}

/// An open deploy and no name: taking it back is going back.
fn takes_back(open: &Open) -> bool {
    open.operation == Operation::Deploy
}

/// Nothing is open here, and it runs what the others go back to from a deploy that is open there: it never took part in
/// that deploy, or is back already. It does not go one further back.
fn is_back(status: &Status, back: &[ReleaseId]) -> Option<ReleaseId> {
    let live = &status.confirmed.as_ref()?.release;
    let settled = status.open.is_none() && status.drift.is_none();
    (settled && back.contains(live)).then(|| live.clone())
}

async fn look(
    world: &World,
    target: &dyn Target,
    to: &To,
    seen: Result<Status, Failure>,
    heard: &Heard,
) -> (Label, Result<Goal, Failure>) {
    let label = target.label().clone();
    let goal = async {
        let mut seen = seen?;
        if let (None, Some(open)) = (&to.version, seen.open.as_ref().filter(|open| takes_back(open))) {
            match take_back(world, target, &open.txn).await? {
                Taken::Back => return Ok(Goal::Undone),
                Taken::NotOpen => seen = status(world, target).await?,
            }
        }
        let rows = match done(target.ask(&Query::List, &world.cx()).await?)? {
            Report::Releases(rows) => rows,
            other => return Err(unexpected("list", &other)),
        };
        let back = if to.version.is_none() { heard.back().await } else { Vec::new() };
        let wanted = match is_back(&seen, &back) {
            Some(live) => Wanted::AlreadyLive(live),
            None => choose(&seen, &rows, to, &world.allow)?,
        };
        let settings = &world.environment.settings;
        Ok(Goal::Plan(Box::new(TargetPlan {
            label: label.clone(),
            txn: world.mint()?,
            version: version(&rows, &wanted),
            wanted,
            window: settings.window,
            hard_limit: settings.hard_limit,
            keep: settings.keep,
            checked_outside: !world.environment.runner_checks.is_empty(),
        })))
    };
    let goal = goal.await;
    (label, goal)
}

/// The version of the release that is gone to, by the host's own record of it.
fn version(rows: &[ReleaseRow], wanted: &Wanted) -> ReleaseId {
    match wanted {
        Wanted::Staged(staging) => staging.info.version.clone(),
        Wanted::There { release, .. } | Wanted::AlreadyLive(release) => {
            rows.iter().find(|row| row.id == *release).map_or_else(|| release.clone(), |row| row.version.clone())
        }
    }
}

/// What came of taking an open deploy back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It is undone.
    Back,
    /// It was not open any more: it was confirmed meanwhile, or settled by the host. What runs now is looked at again.
    NotOpen,
}

async fn take_back(world: &World, target: &dyn Target, txn: &TxnId) -> Result<Taken, Failure> {
    let why = format!("a rollback by {} came first", world.by);
    let act = Act::Abort { txn: Some(txn.clone()), why, fault: Fault::World };
    world.events.tell(Some(target.label()), Fact::Started(Box::new(act.clone())));
    let answer = target.perform(&act, &world.cx()).await?;
    world.events.tell(Some(target.label()), Fact::Answered(Box::new(act), Box::new(answer.clone())));
    taken(answer)
}

fn taken(answer: Answer) -> Result<Taken, Failure> {
    match answer {
        Answer::Undone(ending) if ending.healthy => Ok(Taken::Back),
        other => match done(other)? {
            Report::Confirmed(_) | Report::NothingOpen => Ok(Taken::NotOpen),
            report => Err(unexpected("abort", &report)),
        },
    }
}

#[cfg(test)]
#[path = "rollback_tests.rs"]
mod tests;
