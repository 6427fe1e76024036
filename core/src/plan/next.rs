//! Every decision of a roll-out, pure. The engine, a simulator and a resumed run drive the same function.

use super::order::{Plan, TargetPlan, Wanted};
use super::story::{Closed, Course, Reached, Story, Trouble};
use crate::model::{Kind, Label, Operation, Outcome, Proof, Seconds};
use crate::wire::Act;
use crate::wire::act::Fault;

/// What happens next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Ask these acts of these targets, all at once.
    Perform(Vec<(Label, Act)>),
    /// Ask the checks from outside, for these targets.
    CheckOutside(Vec<Label>),
    /// Make these changes permanent, each on a connection made now.
    Confirm(Vec<(Label, Proof)>),
    /// Wait for somebody else's change, then ask again.
    Wait(Seconds),
    /// It is over.
    End(Outcome),
}

/// Between two looks at somebody else's change.
const LOOK_AGAIN: Seconds = Seconds(2);

/// Decides what happens next.
#[must_use]
pub fn next(plan: &Plan, story: &Story) -> Next {
    let targets = || plan.targets.iter().filter_map(|target| Some((target, story.courses.get(&target.label)?)));
    if plan.operation == Operation::Rollback {
        if story.cancelled.is_some() {
            return leave(plan, story);
        }
        // What failed on one target goes back there, before the others go on.
        if let Some(next) = back_alone(plan, story) {
            return next;
        }
        // What is switched is not taken back to what a person wanted to leave because a confirm was refused.
        if !story.courses.values().any(usable) && story.courses.values().any(Course::may_confirm_yet) {
            return Next::Wait(LOOK_AGAIN);
        }
    }
    // From the first confirm on the direction is forward only.
    if targets().any(|(_, course)| course.confirmed.is_some()) {
        return forward(plan, story);
    }
    // A rollback goes to all reachable targets: one that is in trouble stops only itself.
    let troubled = plan.operation == Operation::Deploy && targets().any(|(_, course)| stops_all(course));
    if story.cancelled.is_some() || troubled {
        return back(plan, story);
    }
    if let Some(next) = wait(plan, story) {
        return next;
    }
    step(plan, story)
}

fn stops_all(course: &Course) -> bool {
    match &course.trouble {
        None => {
            course.held.is_some() || ((course.ending.is_some() || course.closed.is_some()) && !course.is_released())
        }
        Some(Trouble::Busy(_)) => false,
        Some(Trouble::Failed(..) | Trouble::Lost(_)) => true,
    }
}

fn usable(course: &Course) -> bool {
    course.trouble.is_none()
        && course.ending.is_none()
        && course.held.is_none()
        && course.closed.is_none()
        && course.reached < Reached::Finished
}

/// Somebody else's change is open on a target: all others are released while it is waited for. A rollback goes on with
/// those that are free, and waits only when there is none.
fn wait(plan: &Plan, story: &Story) -> Option<Next> {
    let mut courses = story.courses.values();
    if !courses.any(|course| matches!(course.trouble, Some(Trouble::Busy(_)))) {
        return None;
    }
    if plan.operation == Operation::Rollback && story.courses.values().any(usable) {
        return None;
    }
    if story.waited >= plan.wait {
        return Some(back(plan, story));
    }
    let release = open_acts(plan, story);
    if !release.is_empty() {
        return Some(Next::Perform(release));
    }
    let left = Seconds(plan.wait.0 - story.waited.0);
    Some(Next::Wait(left.min(LOOK_AGAIN)))
}

/// The slowest target decides which step is due: nobody goes ahead of the others.
fn step(plan: &Plan, story: &Story) -> Next {
    let going: Vec<(&TargetPlan, &Course)> = plan
        .targets
        .iter()
        .filter_map(|target| Some((target, story.courses.get(&target.label)?)))
        .filter(|(_, course)| usable(course))
        .collect();
    let Some(slowest) = going.iter().map(|(_, course)| course.reached).min() else {
        return Next::End(outcome(plan, story));
    };
    let due: Vec<(&TargetPlan, &Course)> =
        going.iter().copied().filter(|(_, course)| course.reached == slowest).collect();
    let perform = |act: &dyn Fn(&TargetPlan, &Course) -> Option<Act>| {
        Next::Perform(
            due.iter().filter_map(|(target, course)| Some((target.label.clone(), act(target, course)?))).collect(),
        )
    };
    match slowest {
        Reached::Start => perform(&|_, _| Some(Act::Recover { allow: plan.allow.clone() })),
        Reached::Recovered => prepare_or_begin(plan, &due),
        // In one fixed order, one after the other: two fleets that overlap never hold a part of each other.
        Reached::Prepared => match due.first() {
            Some((target, course)) => Next::Perform(
                course
                    .release
                    .iter()
                    .map(|release| (target.label.clone(), target.begin(plan, &course.txn, release)))
                    .collect(),
            ),
            None => Next::End(outcome(plan, story)),
        },
        Reached::Begun => perform(&|_, course| Some(Act::Arm(course.txn.clone()))),
        Reached::Armed => perform(&|_, course| Some(Act::Migrate(course.txn.clone()))),
        Reached::Migrated => perform(&|_, course| Some(Act::Activate(course.txn.clone()))),
        Reached::Activated => perform(&|_, course| Some(Act::Verify(course.txn.clone()))),
        Reached::Verified if plan.operation == Operation::Deploy => {
            Next::CheckOutside(due.iter().map(|(target, _)| target.label.clone()).collect())
        }
        Reached::Verified | Reached::Seen if going.len() > 1 => {
            perform(&|target, course| Some(Act::Renew { txn: course.txn.clone(), window: target.window }))
        }
        Reached::Verified | Reached::Seen | Reached::Agreed => confirm(plan, &due),
        Reached::Confirmed => perform(&|target, _| Some(Act::Prune { keep: target.keep })),
        Reached::Finished => Next::End(outcome(plan, story)),
    }
}

fn prepare_or_begin(plan: &Plan, due: &[(&TargetPlan, &Course)]) -> Next {
    let acts = due.iter().filter_map(|(target, course)| {
        let act = match &target.wanted {
            Wanted::Staged(_) => target.prepare()?,
            Wanted::There { release, .. } | Wanted::AlreadyLive(release) => target.begin(plan, &course.txn, release),
        };
        Some((target.label.clone(), act))
    });
    Next::Perform(acts.collect())
}

fn proofs(plan: &Plan, due: &[(&TargetPlan, &Course)]) -> Vec<(Label, Proof)> {
    let proof = |target: &TargetPlan, course: &Course| {
        let nothing = course.results.is_empty() && target.is_unchecked(plan);
        if nothing { Some(Proof::unchecked(&course.txn)) } else { Proof::by_verdict(&course.txn, &course.results) }
    };
    due.iter().filter_map(|(target, course)| Some((target.label.clone(), proof(target, course)?))).collect()
}

/// Only all checks passed make a proof. Without any answer there is none: then the change cannot be confirmed, unless
/// that there is nothing to ask was allowed.
fn confirm(plan: &Plan, due: &[(&TargetPlan, &Course)]) -> Next {
    let proofs = proofs(plan, due);
    if proofs.len() == due.len() {
        return Next::Confirm(proofs);
    }
    let acts = due.iter().map(|(target, course)| {
        let why = "no check gave an answer, so nothing proves the release".to_owned();
        (target.label.clone(), Act::Abort { txn: Some(course.txn.clone()), why, fault: Fault::World })
    });
    Next::Perform(acts.collect())
}

/// Something is wrong or the run was cancelled, and nothing is confirmed: every open change goes back, the last begun
/// first; an undecided one may be held for a person.
fn back(plan: &Plan, story: &Story) -> Next {
    let acts = open_acts(plan, story);
    if acts.is_empty() { Next::End(outcome(plan, story)) } else { Next::Perform(acts) }
}

/// A rollback's target that failed goes back alone.
fn back_alone(plan: &Plan, story: &Story) -> Option<Next> {
    let failed = |label: &Label| {
        let course = story.courses.get(label);
        course.is_some_and(|course| matches!(course.trouble, Some(Trouble::Failed(..))) && !course.may_confirm_yet())
    };
    let acts: Vec<_> = open_acts(plan, story).into_iter().filter(|(label, _)| failed(label)).collect();
    (!acts.is_empty()).then_some(Next::Perform(acts))
}

/// What is asked of each open change to end it, the last begun first.
fn open_acts(plan: &Plan, story: &Story) -> Vec<(Label, Act)> {
    let why = match (story.cancelled, first_trouble(plan, story)) {
        (Some(signal), _) => format!("the run was cancelled (signal {signal})"),
        (None, Some((_, words))) => words,
        (None, None) => "the run ended early".to_owned(),
    };
    let mut acts = Vec::new();
    for target in plan.targets.iter().rev() {
        let Some(course) = story.courses.get(&target.label).filter(|course| course.is_open()) else { continue };
        let lost = matches!(course.trouble, Some(Trouble::Lost(_)));
        // What fell silent because it was cancelled is asked once more.
        if lost && (course.asked_back || story.cancelled.is_none()) {
            continue;
        }
        let (fault, undecided) = match &course.trouble {
            // A step that was cancelled may end in many ways: none of them says anything of the release.
            _ if story.cancelled.is_some() => (Fault::World, false),
            Some(Trouble::Failed(failure, fault)) => (*fault, failure.kind == Kind::Inconclusive && !course.not_held),
            _ => (Fault::World, false),
        };
        let act = match plan.hold {
            Some(window) if undecided && story.cancelled.is_none() => Act::Hold { txn: course.txn.clone(), window },
            _ => Act::Abort { txn: Some(course.txn.clone()), why: why.clone(), fault },
        };
        acts.push((target.label.clone(), act));
    }
    acts
}

/// A rollback was cancelled. What is not switched yet goes back to what ran; what is switched is never taken back to
/// what a person wanted to leave: it is confirmed when its checks pass, and otherwise left to the host's keep rule.
fn leave(plan: &Plan, story: &Story) -> Next {
    let switched = |label: &Label| story.courses.get(label).is_some_and(|course| course.switched);
    let going: Vec<(&TargetPlan, &Course)> = plan
        .targets
        .iter()
        .filter_map(|target| Some((target, story.courses.get(&target.label)?)))
        .filter(|(_, course)| usable(course) && course.switched)
        .collect();
    let checked = |course: &Course| (Reached::Verified..Reached::Confirmed).contains(&course.reached);
    let due: Vec<_> = going.iter().copied().filter(|(_, course)| checked(course)).collect();
    let proofs = proofs(plan, &due);
    if !proofs.is_empty() {
        return Next::Confirm(proofs);
    }
    let mut acts: Vec<_> = open_acts(plan, story).into_iter().filter(|(label, _)| !switched(label)).collect();
    let verify = going.iter().filter(|(_, course)| course.reached == Reached::Activated);
    acts.extend(verify.map(|(target, course)| (target.label.clone(), Act::Verify(course.txn.clone()))));
    if acts.is_empty() { Next::End(outcome(plan, story)) } else { Next::Perform(acts) }
}

fn first_trouble(plan: &Plan, story: &Story) -> Option<(Label, String)> {
    plan.targets.iter().find_map(|target| {
        let course = story.courses.get(&target.label)?;
        let words = match course.trouble.as_ref()? {
            Trouble::Failed(failure, _) | Trouble::Lost(failure) => failure.what.clone(),
            Trouble::Busy(holder) => format!("{} is busy with {} by {}", target.label, holder.release, holder.by),
        };
        Some((target.label.clone(), if plan.targets.len() > 1 { format!("{}: {words}", target.label) } else { words }))
    })
}

/// From where on a target can be confirmed. A rollback goes by the record of the release it goes to, so only by the
/// checks on the host.
fn ready_from(plan: &Plan) -> Reached {
    match plan.operation {
        Operation::Deploy => Reached::Seen,
        Operation::Rollback => Reached::Verified,
    }
}

/// Some target is permanent: the rest is confirmed too, or named.
fn forward(plan: &Plan, story: &Story) -> Next {
    let course = |target: &TargetPlan| story.courses.get(&target.label).cloned();
    let ready: Vec<(&TargetPlan, Course)> = plan
        .targets
        .iter()
        .filter_map(|target| Some((target, course(target)?)))
        .filter(|(_, course)| usable(course) && (ready_from(plan)..Reached::Confirmed).contains(&course.reached))
        .collect();
    if !ready.is_empty() && story.cancelled.is_none() {
        let due: Vec<(&TargetPlan, &Course)> = ready.iter().map(|(target, course)| (*target, course)).collect();
        return confirm(plan, &due);
    }
    // Only to tell a person: the checks of today's deploy file are not those of the release that is live again.
    let unseen = plan.targets.iter().filter(|target| {
        let asked = plan.operation == Operation::Rollback && target.checked_outside;
        asked && course(target).is_some_and(|course| course.reached == Reached::Confirmed && !course.looked)
    });
    let unseen: Vec<Label> = unseen.map(|target| target.label.clone()).collect();
    if !unseen.is_empty() && story.cancelled.is_none() {
        return Next::CheckOutside(unseen);
    }
    let refused = |target: &TargetPlan| course(target).is_some_and(|course| course.may_confirm_yet());
    if story.cancelled.is_none() && plan.targets.iter().any(refused) {
        return Next::Wait(LOOK_AGAIN);
    }
    let prune: Vec<(Label, Act)> = plan
        .targets
        .iter()
        .filter(|target| course(target).is_some_and(|course| course.reached == Reached::Confirmed))
        .map(|target| (target.label.clone(), Act::Prune { keep: target.keep }))
        .collect();
    if !prune.is_empty() && story.cancelled.is_none() {
        return Next::Perform(prune);
    }
    Next::End(outcome(plan, story))
}

/// How the run ended: the worst target decides; some permanent and some not is a split.
fn outcome(plan: &Plan, story: &Story) -> Outcome {
    let all: Vec<Outcome> = plan
        .targets
        .iter()
        .filter_map(|target| Some(one_outcome(target, story.courses.get(&target.label)?, story.cancelled)))
        .collect();
    Outcome::of_all(&all).unwrap_or(Outcome::Bug)
}

fn one_outcome(target: &TargetPlan, course: &Course, cancelled: Option<u8>) -> Outcome {
    if matches!(target.wanted, Wanted::AlreadyLive(_)) {
        return Outcome::AlreadyLive;
    }
    if course.confirmed.is_some() {
        return Outcome::Done;
    }
    if course.held.is_some() {
        return Outcome::Inconclusive;
    }
    if let Some(ending) = &course.ending {
        return match (ending.healthy, cancelled) {
            (false, _) => Outcome::FailedBack,
            (true, Some(signal)) => Outcome::Cancelled { signal },
            // Released because of another target, before anything was switched here.
            (true, None) if course.trouble.is_none() && course.reached < Reached::Activated => Outcome::Refused,
            (true, None) => Outcome::Failed,
        };
    }
    if course.closed == Some(Closed::NotRead) {
        return Outcome::Unknown;
    }
    match (&course.trouble, cancelled) {
        (Some(Trouble::Lost(_)), _) | (None, None) if course.is_open() => Outcome::Unknown,
        (Some(Trouble::Lost(failure)), None) => failure.outcome(),
        (Some(Trouble::Busy(_)), None) => Outcome::Refused,
        (Some(Trouble::Failed(failure, _)), None) => match failure.outcome() {
            // Nothing is open and nothing was switched: undecided or not, what ran before runs.
            Outcome::Inconclusive => Outcome::Failed,
            outcome => outcome,
        },
        (_, Some(signal)) if !course.is_open() => Outcome::Cancelled { signal },
        (_, Some(_)) => Outcome::Unknown,
        (None, None) => Outcome::Failed,
    }
}

#[cfg(test)]
#[path = "next_tests.rs"]
pub(crate) mod tests;
