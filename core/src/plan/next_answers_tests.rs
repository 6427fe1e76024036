//! Whatever hosts answer, a run ends: each answer to an abort, a rollback that is cut off, and chance.

use super::*;

/// A deploy whose checks fail, and what the host answers to the abort that follows.
fn abort_answered(answer: &Result<Answer, Failure>) -> (String, Outcome) {
    run(&plan(Operation::Deploy, &["a"]), &|_, act| match act {
        "verify" => Some(Ok(Answer::Done(Box::new(Report::Checked(vec![result(Verdict::Fail)]))))),
        "abort" => Some(answer.clone()),
        _ => None,
    })
}

#[test]
fn whatever_an_abort_is_answered_it_is_asked_once() {
    let failure = || Failure::failed("the disk is on fire");
    let nothing = || Answer::Done(Box::new(Report::NothingOpen));
    let unfit = || Answer::Done(Box::new(Report::LogsEnded));
    let cases: [(&str, Result<Answer, Failure>, Outcome); 9] = [
        ("undone", Ok(Answer::Undone(ending(true))), Outcome::Failed),
        ("undone, not healthy", Ok(Answer::Undone(ending(false))), Outcome::FailedBack),
        ("confirmed", Ok(proven()), Outcome::Done),
        ("nothing open", Ok(nothing()), Outcome::Failed),
        ("refused", Ok(Answer::Refused(failure())), Outcome::Unknown),
        ("failed", Ok(Answer::Failed(failure())), Outcome::Unknown),
        ("busy", Ok(Answer::Busy(holder())), Outcome::Unknown),
        ("unfit", Ok(unfit()), Outcome::Unknown),
        ("lost", Err(failure()), Outcome::Unknown),
    ];
    for (name, answer, expected) in cases {
        let (acts, outcome) = abort_answered(&answer);
        assert_eq!(acts.matches("abort").count(), 1, "{name}: {acts}");
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn what_cannot_be_held_goes_back() {
    let mut plan = plan(Operation::Deploy, &["a"]);
    plan.hold = Some(Seconds(3600));
    let script = |_: &str, act: &str| match act {
        "verify" => Some(Ok(Answer::Done(Box::new(Report::Checked(vec![result(Verdict::Error)]))))),
        "hold" => Some(Ok(Answer::Refused(Failure::new(Kind::Inconclusive, "no room")))),
        _ => None,
    };
    let (acts, outcome) = run(&plan, &script);
    assert!(acts.ends_with("a verify\na hold\na abort"), "{acts}");
    assert_eq!(outcome, Outcome::Failed);
}

#[test]
fn tidying_up_is_asked_once_whatever_the_answer() {
    let failure = || Failure::failed("no");
    let answers =
        [Ok(Answer::Failed(failure())), Ok(Answer::Refused(failure())), Ok(Answer::Busy(holder())), Err(failure())];
    for answer in answers {
        let (acts, outcome) = run(&plan(Operation::Deploy, &["a"]), &|_, act| (act == "prune").then(|| answer.clone()));
        assert_eq!(acts.matches("prune").count(), 1, "{answer:?}");
        assert_eq!(outcome, Outcome::Done);
    }
}

#[test]
fn a_rollback_that_fails_on_one_host_goes_back_there_before_the_others_go_on() {
    let bad = |host: &str, act: &str| {
        (host == "a" && act == "activate").then(|| Ok(Answer::Failed(Failure::failed("crash loop"))))
    };
    let (acts, outcome) = run(&plan(Operation::Rollback, &["a", "b"]), &bad);
    assert!(acts.contains("a activate, b activate\na abort\nb verify\nb confirm"), "{acts}");
    assert_eq!(outcome, Outcome::Split);
}

#[test]
fn a_begin_whose_answer_a_signal_cut_off_counts_as_open() {
    // What the host answers to the abort: it was open; it is not, or not yet.
    let answers = [
        (Ok(Answer::Undone(ending(true))), Outcome::Cancelled { signal: 2 }),
        (Ok(Answer::Done(Box::new(Report::NothingOpen))), Outcome::Cancelled { signal: 2 }),
        (Ok(Answer::Refused(Failure::refused("no such change is open"))), Outcome::Unknown),
        (Ok(Answer::Busy(holder())), Outcome::Unknown),
        (Err(Failure::failed("silence")), Outcome::Unknown),
    ];
    for operation in [Operation::Deploy, Operation::Rollback] {
        for (answer, expected) in &answers {
            let plan = plan(operation, &["a"]);
            let mut story = Story::new(&plan);
            let act = begin_of(&plan);
            story.answered(
                &plan,
                &Label::new("a").unwrap(),
                &act,
                Err(Failure::new(Kind::Unknown { settles_in: None }, "cut")),
            );
            story.cancelled = Some(2);
            let (acts, outcome) = run_with(&plan, &mut story, &|_, act| (act == "abort").then(|| answer.clone()));
            assert_eq!((acts.as_str(), outcome), ("a abort", *expected), "{operation:?} {answer:?}");
        }
    }
    // Nobody cancelled: it is not known, and said so.
    let lost = |_: &str, act: &str| (act == "begin").then(|| Err(Failure::failed("silence")));
    assert_eq!(run(&plan(Operation::Deploy, &["a"]), &lost).1, Outcome::Unknown);
}

fn begin_of(plan: &Plan) -> Act {
    let target = &plan.targets[0];
    target.begin(plan, &target.txn, &ReleaseId::new("v1").unwrap())
}

/// A cancelled rollback whose target came this far.
fn cancelled_rollback(reached: Reached, switched: bool, script: Script<'_>) -> (String, Outcome) {
    let plan = plan(Operation::Rollback, &["a"]);
    let mut story = Story::new(&plan);
    for course in story.courses.values_mut() {
        course.reached = reached;
        course.switched = switched;
        course.results = if reached >= Reached::Activated { vec![result(Verdict::Pass)] } else { vec![] };
    }
    story.cancelled = Some(2);
    run_with(&plan, &mut story, script)
}

#[test]
fn a_cancelled_rollback_is_never_taken_back_to_what_it_left() {
    let (acts, outcome) = cancelled_rollback(Reached::Armed, false, &|_, _| None);
    assert_eq!((acts.as_str(), outcome), ("a abort", Outcome::Cancelled { signal: 2 }), "nothing was switched");
    let (acts, outcome) = cancelled_rollback(Reached::Activated, true, &|_, _| None);
    assert_eq!((acts.as_str(), outcome), ("a verify\na confirm", Outcome::Done));
    let (acts, outcome) = cancelled_rollback(Reached::Migrated, true, &|_, _| None);
    assert_eq!((acts.as_str(), outcome), ("", Outcome::Unknown), "left to the host's keep rule");
    let bad = |_: &str, act: &str| {
        (act == "verify").then(|| Ok(Answer::Done(Box::new(Report::Checked(vec![result(Verdict::Fail)])))))
    };
    let (acts, outcome) = cancelled_rollback(Reached::Activated, true, &bad);
    assert_eq!((acts.as_str(), outcome), ("a verify", Outcome::Unknown));
}

/// An answer by chance; often the right one, so that runs come far.
fn by_chance(chance: u8, fine: Answer) -> Result<Answer, Failure> {
    let failure = |kind| Failure::new(kind, "chance");
    Ok(match chance % 32 {
        0 => Answer::Undone(ending(true)),
        1 => Answer::Undone(ending(false)),
        2 | 3 => Answer::Busy(holder()),
        4 => Answer::Held { settles_in: Seconds(5) },
        5 => Answer::Refused(failure(Kind::Refused { lift: None })),
        6 => Answer::Refused(failure(Kind::Inconclusive)),
        7 => Answer::Failed(failure(Kind::Failed)),
        8 => Answer::Failed(failure(Kind::Inconclusive)),
        9 => return Err(failure(Kind::Unknown { settles_in: None })),
        10 => proven(),
        11 => Answer::Done(Box::new(Report::NothingOpen)),
        12 => Answer::Done(Box::new(Report::LogsEnded)),
        13 => Answer::Done(Box::new(Report::Checked(vec![result(Verdict::Error)]))),
        14 => Answer::Done(Box::new(Report::Renewed { settles_in: Seconds(5) })),
        15 => Answer::Done(Box::new(Report::Checked(vec![]))),
        _ => fine,
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4096))]

    #[test]
    fn whatever_the_hosts_answer_every_run_ends(
        chances in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120),
        hosts in 1_usize..4,
        back in proptest::prelude::any::<bool>(),
        held in proptest::prelude::any::<bool>(),
        cancel_at in 0_usize..40,
        waits in 0_u64..9,
    ) {
        let operation = if back { Operation::Rollback } else { Operation::Deploy };
        let mut plan = plan(operation, &["a", "b", "c"][..hosts]);
        plan.wait = Seconds(waits);
        plan.hold = held.then_some(Seconds(60));
        let mut story = Story::new(&plan);
        // At most 12 steps of each target, 2 more for each wait, and the ways back; anything longer is a circle.
        let bound = 20 * hosts + 10 * (hosts + 1) * 9;
        let mut chances = chances.into_iter().chain(std::iter::repeat(255));
        let mut ended = None;
        for step in 0..bound {
            if step == cancel_at && cancel_at < 30 {
                story.cancelled = Some(15);
            }
            match next(&plan, &story) {
                Next::Perform(acts) => {
                    proptest::prop_assert!(!acts.is_empty(), "an empty step");
                    let confirmed = story.courses.values().any(|course| course.confirmed.is_some());
                    for (label, act) in acts {
                        if operation == Operation::Deploy && confirmed {
                            let settles = matches!(act, Act::Prune { .. } | Act::Abort { .. });
                            proptest::prop_assert!(settles, "{act:?} after the first confirm");
                        }
                        let answer = by_chance(chances.next().unwrap_or(255), fine(&act));
                        story.answered(&plan, &label, &act, answer);
                    }
                }
                Next::CheckOutside(labels) => labels.iter().for_each(|label| story.seen_outside(label, vec![])),
                Next::Confirm(proofs) => {
                    proptest::prop_assert!(!proofs.is_empty(), "an empty confirm");
                    for (label, _) in proofs {
                        story.confirmed(&label, by_chance(chances.next().unwrap_or(255), proven()));
                    }
                }
                Next::Wait(seconds) => story.waited(&plan, seconds),
                Next::End(outcome) => {
                    ended = Some(outcome);
                    break;
                }
            }
        }
        proptest::prop_assert!(ended.is_some(), "the run does not end: {story:?}");
        let left_open = story.courses.values().any(Course::is_open);
        proptest::prop_assert!(!(left_open && ended.is_some_and(Outcome::is_success)), "open, and called a success");
    }
}
