//! Checks that are asked from where the controller runs: what they decide, and what not.

use super::*;

/// Runs a plan on hosts that work, whose checks from outside answer so; the acts, with `outside` among them.
fn seen(operation: Operation, verdict: Verdict) -> (String, Outcome) {
    let mut plan = plan(operation, &["a"]);
    plan.targets[0].checked_outside = true;
    let mut story = Story::new(&plan);
    let mut acts = Vec::new();
    for _ in 0..100 {
        let (more, ended) = match next(&plan, &story) {
            Next::CheckOutside(labels) => {
                for label in &labels {
                    story.seen_outside(&plan, label, vec![result(verdict)]);
                }
                ("outside".to_owned(), None)
            }
            Next::Perform(asked) => {
                let [(label, act)] = &asked[..] else { panic!("{asked:?}") };
                story.answered(&plan, label, act, Ok(fine(act)));
                (act.word().to_owned(), None)
            }
            Next::Confirm(_) => {
                story.confirmed(&plan.targets[0].label, Ok(proven()));
                ("confirm".to_owned(), None)
            }
            Next::Wait(_) => panic!("nobody is busy"),
            Next::End(outcome) => (String::new(), Some(outcome)),
        };
        if let Some(outcome) = ended {
            return (acts.join(" "), outcome);
        }
        acts.push(more);
    }
    panic!("the run does not end: {acts:?}");
}

#[test]
fn they_decide_a_deploy() {
    let (acts, outcome) = seen(Operation::Deploy, Verdict::Pass);
    assert!(acts.ends_with("verify outside confirm prune"), "{acts}");
    assert_eq!(outcome, Outcome::Done);
    let (acts, outcome) = seen(Operation::Deploy, Verdict::Fail);
    assert!(acts.ends_with("verify outside abort"), "{acts}");
    assert_eq!(outcome, Outcome::Failed);
}

#[test]
fn what_they_see_is_never_the_releases_fault() {
    let plan = plan(Operation::Deploy, &["a"]);
    let mut story = Story::new(&plan);
    let label = &plan.targets[0].label;
    story.answered(
        &plan,
        label,
        &Act::Arm(plan.targets[0].txn.clone()),
        Ok(fine(&Act::Arm(plan.targets[0].txn.clone()))),
    );
    story.seen_outside(&plan, label, vec![result(Verdict::Fail)]);
    let Next::Perform(acts) = next(&plan, &story) else { panic!("not undone") };
    assert!(matches!(&acts[..], [(_, Act::Abort { fault: Fault::World, .. })]), "{acts:?}");
}

#[test]
fn they_neither_delay_nor_undo_a_rollback() {
    for verdict in [Verdict::Pass, Verdict::Error, Verdict::Fail] {
        let (acts, outcome) = seen(Operation::Rollback, verdict);
        assert!(acts.ends_with("verify confirm outside prune"), "{acts}");
        assert_eq!(outcome, Outcome::Done);
    }
}
