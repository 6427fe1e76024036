//! The roll-out, driven by a simulated fleet: each test is a story, and the acts it led to are read as text.

use super::*;
use crate::model::{
    AbsPath, Allow, AppName, CheckResult, Digest, Ending, EnvironmentName, Failure, Foreign, Manifest, Proven,
    ReleaseId, ReleaseInfo, SchemaVerdict, Settings, Source, TxnId, Verdict, WatchdogKind,
};
use crate::model::{Entry, EntryKind, RelPath};
use crate::wire::act::Holder;
use crate::wire::{Answer, Report, Staged, Staging};

fn settings() -> Settings {
    Settings {
        app: AppName::new("diary").unwrap(),
        environment: EnvironmentName::new("production").unwrap(),
        repository: None,
        root: AbsPath::new("/srv/diary").unwrap(),
        link: AbsPath::new("/srv/diary/current").unwrap(),
        keep: 5,
        shared: vec![],
        assets: vec![],
        build: vec![],
        build_timeout: Seconds(60),
        migrate: None,
        services: vec![],
        checks: vec![],
        environment_file: None,
        window: Seconds(60),
        hard_limit: Seconds(600),
        activate_timeout: Seconds(30),
    }
}

pub(crate) fn plan(operation: Operation, hosts: &[&str]) -> Plan {
    let file = EntryKind::File { executable: false, size: 1, sha256: Digest::of(b"x") };
    let staging = Staging {
        info: ReleaseInfo {
            version: ReleaseId::new("v2").unwrap(),
            tag: None,
            commit: None,
            source: Source::Folder { path: ".".into() },
        },
        settings: settings(),
        manifest: Manifest::new(vec![Entry { path: RelPath::new("f").unwrap(), kind: file }]).unwrap(),
        by: "me".into(),
        allow: vec![],
    };
    let wanted = |operation| match operation {
        Operation::Deploy => Wanted::Staged(Box::new(staging.clone())),
        Operation::Rollback => Wanted::There { release: ReleaseId::new("v1").unwrap(), with_env: false },
    };
    let targets = hosts.iter().map(|host| TargetPlan {
        label: Label::new(*host).unwrap(),
        txn: TxnId::new(format!("t-{host}")).unwrap(),
        wanted: wanted(operation),
        window: Seconds(60),
        hard_limit: Seconds(600),
        keep: 5,
        version: ReleaseId::new("v1").unwrap(),
        checked_outside: false,
    });
    Plan { operation, targets: targets.collect(), allow: vec![], wait: Seconds(0), hold: None, by: "me".into() }
}

fn result(verdict: Verdict) -> CheckResult {
    CheckResult {
        word: "http".into(),
        subject: "/".into(),
        verdict,
        saw: Foreign::new("seen"),
        method: None,
        took_ms: 1,
    }
}

fn ending(healthy: bool) -> Ending {
    Ending {
        txn: TxnId::new("t").unwrap(),
        release: ReleaseId::new("v2").unwrap(),
        now: ReleaseId::new("v1").ok(),
        healthy,
        why: "why".into(),
        marked_bad: true,
        recovered_seconds: 1,
        evidence: None,
    }
}

/// What a host that works answers.
fn fine(act: &Act) -> Answer {
    let report = match act {
        Act::Recover { .. } => Report::Recovered { ending: None, rubbish: vec![], strangers: vec![] },
        Act::Prepare(_) => Report::Staged(Staged {
            release: ReleaseId::new("v2").unwrap(),
            reused: false,
            files_sent: 1,
            bytes_sent: 1,
            files_cloned: 0,
        }),
        Act::Begin(_) => Report::Begun {
            previous: ReleaseId::new("v1").ok(),
            settles_in: Seconds(60),
            preempted: None,
            environment: vec![],
        },
        Act::Arm(_) => Report::Armed { watchdog: WatchdogKind::Systemd },
        Act::Migrate(_) => Report::Migrated { schema: SchemaVerdict::None, ran: false },
        Act::Activate(_) => Report::Activated { proofs: vec![result(Verdict::Pass)], settles_in: Seconds(60) },
        Act::Verify(_) => Report::Checked(vec![result(Verdict::Pass)]),
        Act::Renew { .. } => Report::Renewed { settles_in: Seconds(60) },
        Act::Abort { .. } => return Answer::Undone(ending(true)),
        Act::Hold { .. } => Report::Holding { settles_in: Seconds(60) },
        Act::Prune { .. } | Act::Inspect(_) => Report::Pruned { removed: vec![], kept: vec![] },
    };
    Answer::Done(Box::new(report))
}

fn proven() -> Answer {
    Answer::Done(Box::new(Report::Confirmed(Proven {
        release: ReleaseId::new("v2").unwrap(),
        version: ReleaseId::new("v2").unwrap(),
        commit: None,
        content: Digest::of(b""),
        settings: Digest::of(b""),
        txn: TxnId::new("t").unwrap(),
        at: String::new(),
        by: String::new(),
        schema: SchemaVerdict::None,
        head: None,
    })))
}

type Script<'a> = &'a dyn Fn(&str, &str) -> Option<Result<Answer, Failure>>;

/// Runs a plan against hosts that work, but for what the script answers; returns the acts as lines and the outcome.
fn run_with(plan: &Plan, story: &mut Story, script: Script<'_>) -> (String, Outcome) {
    let mut lines = Vec::new();
    for _ in 0..100 {
        match next(plan, story) {
            Next::Perform(acts) => {
                assert!(!acts.is_empty(), "an empty step never ends: {lines:?}");
                let words: Vec<_> = acts.iter().map(|(label, act)| format!("{label} {}", act.word())).collect();
                lines.push(words.join(", "));
                for (label, act) in acts {
                    let answer = script(label.as_str(), act.word()).unwrap_or_else(|| Ok(fine(&act)));
                    story.answered(plan, &label, &act, answer);
                }
            }
            Next::CheckOutside(labels) => {
                for label in labels {
                    story.seen_outside(plan, &label, vec![]);
                }
            }
            Next::Confirm(proofs) => {
                let words: Vec<_> = proofs.iter().map(|(label, _)| format!("{label} confirm")).collect();
                lines.push(words.join(", "));
                for (label, _) in proofs {
                    let answer = script(label.as_str(), "confirm").unwrap_or_else(|| Ok(proven()));
                    story.confirmed(&label, answer);
                }
            }
            Next::Wait(seconds) => {
                lines.push(format!("wait {seconds}"));
                story.waited(plan, seconds);
            }
            Next::End(outcome) => return (lines.join("\n"), outcome),
        }
    }
    panic!("the run does not end:\n{}", lines.join("\n"));
}

fn run(plan: &Plan, script: Script<'_>) -> (String, Outcome) {
    run_with(plan, &mut Story::new(plan), script)
}

#[test]
fn a_good_deploy_of_two_hosts_goes_step_by_step() {
    let (acts, outcome) = run(&plan(Operation::Deploy, &["a", "b"]), &|_, _| None);
    insta::assert_snapshot!(acts, @r"
    a recover, b recover
    a stage, b stage
    a begin
    b begin
    a arm, b arm
    a migrate, b migrate
    a activate, b activate
    a verify, b verify
    a renew, b renew
    a confirm, b confirm
    a prune, b prune
    ");
    assert_eq!(outcome, Outcome::Done);
}

#[test]
fn one_bad_host_takes_all_back_last_first() {
    let bad = |host: &str, act: &str| {
        (host == "b" && act == "verify")
            .then(|| Ok(Answer::Done(Box::new(Report::Checked(vec![result(Verdict::Fail)])))))
    };
    let (acts, outcome) = run(&plan(Operation::Deploy, &["a", "b"]), &bad);
    assert!(acts.ends_with("a verify, b verify\nb abort, a abort"), "{acts}");
    assert_eq!(outcome, Outcome::Failed);
}

#[test]
fn only_the_release_that_failed_by_itself_is_blamed() {
    let plan = plan(Operation::Deploy, &["a", "b"]);
    let mut story = Story::new(&plan);
    for course in story.courses.values_mut() {
        course.reached = Reached::Verified;
    }
    let label = Label::new("b").unwrap();
    let checked = Answer::Done(Box::new(Report::Checked(vec![result(Verdict::Fail)])));
    story.answered(&plan, &label, &Act::Verify(TxnId::new("t-b").unwrap()), Ok(checked));
    let faults = |story: &Story| {
        let Next::Perform(acts) = next(&plan, story) else { panic!("not undone") };
        let fault = |(label, act): (Label, Act)| match act {
            Act::Abort { fault, .. } => (label.to_string(), fault),
            other => panic!("{other:?}"),
        };
        acts.into_iter().map(fault).collect::<Vec<_>>()
    };
    let named = |label: &str, fault| (label.to_owned(), fault);
    assert_eq!(faults(&story), [named("b", Fault::Release), named("a", Fault::World)]);
    // What a cancelled step answered is not the release's fault.
    story.cancelled = Some(2);
    assert_eq!(faults(&story), [named("b", Fault::World), named("a", Fault::World)]);
}

#[test]
fn a_build_that_fails_changes_nothing() {
    let bad = |_: &str, act: &str| (act == "stage").then(|| Ok(Answer::Failed(Failure::failed("build"))));
    let (acts, outcome) = run(&plan(Operation::Deploy, &["a"]), &bad);
    assert_eq!(acts, "a recover\na stage");
    assert_eq!(outcome, Outcome::Failed);
}

fn holder() -> Holder {
    Holder {
        txn: TxnId::new("x").unwrap(),
        operation: Operation::Deploy,
        release: ReleaseId::new("v9").unwrap(),
        by: "them".into(),
        at: String::new(),
        settles_in: Seconds(9),
    }
}

#[test]
fn busy_releases_the_others_and_asks_again_as_long_as_asked() {
    let mut plan = plan(Operation::Deploy, &["a", "b"]);
    plan.wait = Seconds(3);
    let busy = |host: &str, act: &str| (host == "b" && act == "begin").then(|| Ok(Answer::Busy(holder())));
    let (acts, outcome) = run(&plan, &busy);
    insta::assert_snapshot!(acts, @r"
    a recover, b recover
    a stage, b stage
    a begin
    b begin
    a abort
    wait 2 s
    a begin
    b begin
    a abort
    wait 1 s
    a begin
    b begin
    a abort
    ");
    assert_eq!(outcome, Outcome::Refused);
}

#[test]
fn what_was_released_begins_again_under_a_new_name_once_the_other_is_free() {
    let mut plan = plan(Operation::Deploy, &["a", "b"]);
    plan.wait = Seconds(60);
    let asked = std::cell::Cell::new(0);
    let busy = |host: &str, act: &str| {
        let first = host == "b" && act == "begin" && asked.replace(asked.get() + 1) < 2;
        first.then(|| Ok(Answer::Busy(holder())))
    };
    let mut story = Story::new(&plan);
    let (acts, outcome) = run_with(&plan, &mut story, &busy);
    assert_eq!(outcome, Outcome::Done, "{acts}");
    assert_eq!(acts.matches("wait 2 s").count(), 2, "{acts}");
    let names: Vec<_> = story.courses.values().map(|course| course.txn.to_string()).collect();
    assert_eq!(names, ["t-a.3", "t-b"], "a used name is never used again");
}

#[test]
fn a_release_that_cannot_be_undone_is_not_waited_with() {
    let mut plan = plan(Operation::Deploy, &["a", "b"]);
    plan.wait = Seconds(60);
    let script = |host: &str, act: &str| match (host, act) {
        ("b", "begin") => Some(Ok(Answer::Busy(holder()))),
        ("a", "abort") => Some(Ok(Answer::Undone(ending(false)))),
        _ => None,
    };
    let (acts, outcome) = run(&plan, &script);
    assert!(!acts.contains("wait"), "{acts}");
    assert_eq!(outcome, Outcome::FailedBack);
}

#[test]
fn a_rollback_does_not_wait_for_a_busy_host_while_others_can_go() {
    let mut plan = plan(Operation::Rollback, &["a", "b"]);
    plan.wait = Seconds(60);
    let busy = |host: &str, act: &str| (host == "b" && act == "begin").then(|| Ok(Answer::Busy(holder())));
    let (acts, outcome) = run(&plan, &busy);
    assert!(acts.contains("a confirm") && !acts.contains("wait"), "{acts}");
    assert_eq!(outcome, Outcome::Split);
}

#[test]
fn a_rollback_goes_to_all_it_can_reach() {
    let lost = |host: &str, _: &str| {
        (host == "a").then(|| Err(Failure::new(Kind::Unknown { settles_in: None }, "unreachable")))
    };
    let (acts, outcome) = run(&plan(Operation::Rollback, &["a", "b"]), &lost);
    assert!(acts.contains("b confirm"), "{acts}");
    assert_eq!(outcome, Outcome::Split);
}

#[test]
fn after_the_first_confirm_nothing_goes_back() {
    let refuses = |host: &str, act: &str| {
        (host == "b" && act == "confirm").then(|| Err(Failure::new(Kind::Unknown { settles_in: None }, "gone")))
    };
    let (acts, outcome) = run(&plan(Operation::Deploy, &["a", "b"]), &refuses);
    assert!(!acts.contains("abort"), "{acts}");
    assert_eq!(outcome, Outcome::Split);
}

#[test]
fn a_refused_confirm_is_asked_again_once_the_direction_is_forward_only() {
    let refuses = |times: usize| {
        let asked = std::cell::Cell::new(0);
        move |host: &str, act: &str| {
            let refused = host == "b" && act == "confirm" && asked.get() < times;
            asked.set(asked.get() + usize::from(refused));
            refused.then(|| Ok(Answer::Refused(Failure::refused("the mutex is held"))))
        }
    };
    for operation in [Operation::Deploy, Operation::Rollback] {
        let (acts, outcome) = run(&plan(operation, &["a", "b"]), &refuses(2));
        assert!(acts.contains("a confirm, b confirm\nwait 2 s\nb confirm\nwait 2 s\nb confirm\n"), "{acts}");
        assert_eq!(outcome, Outcome::Done);
        // Not for ever; and what is confirmed elsewhere stays.
        let (acts, outcome) = run(&plan(operation, &["a", "b"]), &refuses(100));
        assert_eq!(acts.matches("b confirm").count(), 6, "{acts}");
        assert!(!acts.contains("a abort"), "{acts}");
        assert_eq!(outcome, Outcome::Split);
    }
    // A deploy of which nothing is permanent goes back; a rollback is not taken back to what was left.
    let refuses_alone = |times: usize| {
        let script = refuses(times);
        move |_: &str, act: &str| script("b", act)
    };
    let (acts, outcome) = run(&plan(Operation::Deploy, &["a"]), &refuses_alone(1));
    assert!(acts.ends_with("a confirm\na abort"), "{acts}");
    assert_eq!(outcome, Outcome::Failed);
    let (acts, outcome) = run(&plan(Operation::Rollback, &["a"]), &refuses_alone(1));
    assert!(acts.ends_with("a confirm\nwait 2 s\na confirm\na prune"), "{acts}");
    assert_eq!(outcome, Outcome::Done);
}

#[test]
fn a_cancelled_run_goes_back_and_says_so() {
    let plan = plan(Operation::Deploy, &["a"]);
    let mut story = Story::new(&plan);
    let course = story.courses.values_mut().next().unwrap();
    course.reached = Reached::Activated;
    story.cancelled = Some(15);
    let (acts, outcome) = run_with(&plan, &mut story, &|_, _| None);
    assert_eq!(acts, "a abort");
    assert_eq!(outcome, Outcome::Cancelled { signal: 15 });
}

#[test]
fn an_undecided_change_is_held_when_asked_for() {
    let mut plan = plan(Operation::Deploy, &["a"]);
    plan.hold = Some(Seconds(3600));
    let unreadable = |_: &str, act: &str| {
        (act == "verify").then(|| Ok(Answer::Done(Box::new(Report::Checked(vec![result(Verdict::Error)])))))
    };
    let (acts, outcome) = run(&plan, &unreadable);
    assert!(acts.ends_with("a verify\na hold"), "{acts}");
    assert_eq!(outcome, Outcome::Inconclusive);
    plan.hold = None;
    let (acts, outcome) = run(&plan, &unreadable);
    assert!(acts.ends_with("a abort"), "{acts}");
    assert_eq!(outcome, Outcome::Failed);
}

#[test]
fn a_host_that_cannot_go_back_needs_a_human() {
    let bad = |_: &str, act: &str| match act {
        "activate" => Some(Ok(Answer::Failed(Failure::failed("crash loop")))),
        "abort" => Some(Ok(Answer::Undone(ending(false)))),
        _ => None,
    };
    let (_, outcome) = run(&plan(Operation::Deploy, &["a"]), &bad);
    assert_eq!(outcome, Outcome::FailedBack);
}

#[test]
fn a_host_that_falls_silent_while_open_is_unknown() {
    for act in ["arm", "activate", "verify", "confirm"] {
        let silent = move |_: &str, asked: &str| {
            (asked == act).then(|| Err(Failure::new(Kind::Unknown { settles_in: Some(Seconds(60)) }, "silence")))
        };
        let (_, outcome) = run(&plan(Operation::Deploy, &["a"]), &silent);
        assert_eq!(outcome, Outcome::Unknown, "{act}");
    }
}

/// Whose fault the abort is that follows a failed activation.
fn fault_of(cancelled: Option<u8>, kind: Kind) -> Fault {
    let plan = plan(Operation::Deploy, &["a"]);
    let mut story = Story::new(&plan);
    story.cancelled = cancelled;
    let label = Label::new("a").unwrap();
    let txn = plan.targets[0].txn.clone();
    story.answered(&plan, &label, &Act::Arm(txn.clone()), Ok(fine(&Act::Arm(txn.clone()))));
    story.answered(&plan, &label, &Act::Activate(txn), Ok(Answer::Failed(Failure::new(kind, "it does not start"))));
    match next(&plan, &story) {
        Next::Perform(acts) => match acts.as_slice() {
            [(_, Act::Abort { fault, .. })] => *fault,
            acts => panic!("{acts:?}"),
        },
        next => panic!("{next:?}"),
    }
}

#[test]
fn only_a_release_that_failed_by_itself_is_at_fault() {
    assert_eq!(fault_of(None, Kind::Failed), Fault::Release);
    assert_eq!(fault_of(Some(15), Kind::Failed), Fault::World, "it was ended with the run");
    assert_eq!(fault_of(None, Kind::Cancelled { signal: 15 }), Fault::World);
    assert_eq!(fault_of(None, Kind::Inconclusive), Fault::World, "what runs could not be read");
    assert_eq!(fault_of(None, Kind::Bug), Fault::World);
}

#[path = "next_answers_tests.rs"]
mod answers;

#[path = "next_outside_tests.rs"]
mod outside;

#[test]
fn without_any_answer_a_deploy_is_kept_only_when_that_is_allowed() {
    let silent = |_: &str, act: &str| match act {
        "activate" => Some(Ok(Answer::Done(Box::new(Report::Activated { proofs: vec![], settles_in: Seconds(60) })))),
        "verify" => Some(Ok(Answer::Done(Box::new(Report::Checked(vec![]))))),
        _ => None,
    };
    let mut deploy = plan(Operation::Deploy, &["a"]);
    let (acts, outcome) = run(&deploy, &silent);
    assert!(acts.ends_with("a verify\na abort"), "{acts}");
    assert_eq!(outcome, Outcome::Failed);
    deploy.allow = vec![Allow::Unchecked];
    assert_eq!(run(&deploy, &silent).1, Outcome::Done);
    // What is asked from outside and has not answered is not nothing.
    deploy.targets[0].checked_outside = true;
    assert_eq!(run(&deploy, &silent).1, Outcome::Failed);
    // A rollback goes to what was proven, or named, before.
    assert_eq!(run(&plan(Operation::Rollback, &["a"]), &silent).1, Outcome::Done);
}
