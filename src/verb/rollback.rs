//! `rollback`: to the previous proven release or a named one. Needs no deploy file: each release's own record says how
//! it runs. Preempts an open deploy.

use futures::future::join_all;
use rollback_deploy_core::model::{
    Allow, Failure, Kind, Label, Open, Operation, Outcome, ReleaseId, ReleaseRow, Status, TxnId,
};
use rollback_deploy_core::plan::{Fact, Plan, TargetPlan, Wanted};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Query, Report};

use super::world::{Conclusion, World, done, unexpected};
use crate::engine::{self, Fleet};
use crate::target::Target;

/// What a rollback wants.
#[derive(Debug, Clone, Default)]
pub struct To {
    /// A version or a release's id; absent: the previous proven release.
    pub version: Option<String>,
    /// Bring the release's own environment file back with it.
    pub with_env: bool,
}

/// Goes back on every target that can be reached.
pub async fn rollback(world: &World, to: &To) -> Conclusion {
    world.events.tell(None, Fact::Began { verb: "rollback".to_owned(), version: to.version.clone() });
    let fleet = world.fleet(None, to.version.as_deref().unwrap_or_default());
    let ended = go_back(world, to, &fleet).await;
    // Something was changed, or an open deploy was taken back.
    if ended.story.is_some() || ended.outcome == Outcome::Done {
        world.read_back(&fleet, ended.outcome).await;
    }
    world.close_in_time(&fleet).await;
    ended
}

async fn go_back(world: &World, to: &To, fleet: &Fleet) -> Conclusion {
    let seen = join_all(fleet.values().map(|target| status(world, target.as_ref()))).await;
    let open = seen.iter().filter_map(|status| status.as_ref().ok()?.open.as_ref());
    let back: Vec<ReleaseId> =
        open.filter(|open| to.version.is_none() && takes_back(open)).filter_map(|open| open.previous.clone()).collect();
    let looked = fleet.values().zip(seen).map(|(target, seen)| look(world, target.as_ref(), to, seen, &back));
    let looked = join_all(looked).await;
    let mut targets = Vec::new();
    let mut worst: Option<Outcome> = None;
    let mut others = 0;
    for (label, goal) in looked {
        let outcome = match goal {
            Ok(Goal::Plan(target)) => {
                targets.push(*target);
                continue;
            }
            Ok(Goal::Undone) => Outcome::Done,
            Err(failure) => world.fail(Some(&label), failure),
        };
        others += 1;
        worst =
            Some(worst.map_or(outcome, |worst| if worst.severity() >= outcome.severity() { worst } else { outcome }));
    }
    if targets.is_empty() {
        let outcome = worst.unwrap_or(Outcome::Input);
        return Conclusion::only(outcome);
    }
    let plan = Plan {
        operation: Operation::Rollback,
        targets,
        allow: world.allow.clone(),
        wait: world.environment.wait,
        hold: None,
        by: world.by.clone(),
    };
    let ended = engine::run(&plan, fleet, &world.events, &world.stop).await;
    let outcome = match worst {
        Some(worst) if others > 0 && worst.is_success() != ended.outcome.is_success() => Outcome::Split,
        Some(worst) if worst.severity() > ended.outcome.severity() => worst,
        // One host that was taken back makes the run more than a no-op.
        Some(worst) if ended.outcome == Outcome::AlreadyLive => worst,
        _ => ended.outcome,
    };
    Conclusion { outcome, story: Some(ended.story) }
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
    back: &[ReleaseId],
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
        let wanted = match is_back(&seen, back) {
            Some(live) => Wanted::AlreadyLive(live),
            None => choose(&seen, &rows, to, &world.allow)?,
        };
        let settings = &world.environment.settings;
        Ok(Goal::Plan(Box::new(TargetPlan {
            label: label.clone(),
            txn: world.mint()?,
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

/// The release to go back to: a named one, or the previous proven one.
///
/// # Errors
/// There is none, it is not known here, or it is not proven.
pub fn choose(status: &Status, rows: &[ReleaseRow], to: &To, allow: &[Allow]) -> Result<Wanted, Failure> {
    let names =
        || rows.iter().filter(|row| row.proven).map(|row| row.version.to_string()).collect::<Vec<_>>().join(", ");
    let live = status.confirmed.as_ref();
    let Some(wanted) = &to.version else {
        if let Some(failure) = &status.way_back_unknown {
            return Err(failure.clone().hint("`list` shows the releases of this host: name the one to go back to."));
        }
        let back = status.way_back.as_ref().ok_or_else(|| {
            Failure::refused("there is nothing to go back to: no older release was ever confirmed on this host")
                .hint("`list` shows the releases of this host.")
        })?;
        return Ok(Wanted::There { release: back.release.clone(), with_env: to.with_env });
    };
    let bare = wanted.strip_prefix('v').unwrap_or(wanted);
    let fits = |row: &&ReleaseRow| {
        row.id.as_str() == wanted
            || row.version.as_str() == wanted
            || row.version.as_str().strip_prefix('v') == Some(bare)
    };
    // Of several releases of one version the one that was proven, then the newest.
    let mut fitting: Vec<&ReleaseRow> = rows.iter().filter(fits).collect();
    fitting.sort_by_key(|row| (!row.live, !row.proven, !row.present));
    let Some(row) = fitting.first() else {
        return Err(Failure::refused(format!("{wanted} is not on this host"))
            .hint(format!(
                "Proven here: {}.",
                if rows.iter().any(|row| row.proven) { names() } else { "nothing".to_owned() }
            ))
            .hint(format!("To bring it here, deploy it: `rollback-deploy deploy {wanted}`.")));
    };
    if !row.present {
        return Err(Failure::refused(format!("the files of {} were pruned from this host", row.id))
            .hint(format!("Proven and there: {}.", names())));
    }
    if live.is_some_and(|live| live.release == row.id)
        && status.open.is_none()
        && status.drift.is_none()
        && !to.with_env
    {
        return Ok(Wanted::AlreadyLive(row.id.clone()));
    }
    if !row.proven && !allow.contains(&Allow::Unproven) {
        return Err(Failure {
            kind: Kind::Refused { lift: Some(Allow::Unproven) },
            ..Failure::liftable(
                Allow::Unproven,
                format!("{} was never confirmed on this host ({})", row.id, row.state.word()),
            )
        });
    }
    Ok(Wanted::There { release: row.id.clone(), with_env: to.with_env })
}

#[cfg(test)]
#[path = "rollback_tests.rs"]
mod tests;
