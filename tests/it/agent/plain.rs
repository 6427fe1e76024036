//! Deploys as they should go: each act on a connection of its own and all on one; said again, each tells the truth.

use std::fs;

use rollback_deploy_core::model::{Proof, Seconds};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Query, Report, Request};

use super::root::{Root, abort_act, all_pass, done, files, id, refused, undone};

#[test]
fn a_first_deploy_and_the_next_ones() {
    let root = Root::new();
    root.assert_serves(None);
    let v1 = root.deploy("v1.0.0");
    assert_eq!(root.text("current_version"), "v1.0.0\n");
    assert_eq!(root.text("previous_version"), "");
    let v2 = root.deploy("v1.1.0");
    assert_eq!(root.text("current_version"), "v1.1.0\n");
    assert_eq!(root.text("previous_version"), "v1.0.0\n");
    let log = root.text("deploy.log");
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.lines().last().unwrap().contains("confirmed: v1.1.0 was v1.0.0 by a test"), "{log}");
    let Report::History(lines) = done(root.ask(Request::Ask(Query::History { limit: 1 }))) else { panic!("history") };
    assert_eq!(lines.as_slice(), [log.lines().last().unwrap()]);
    assert!(all_pass(&done(root.ask(Request::Ask(Query::Health)))));
    let status = root.status();
    assert_eq!(status.way_back.unwrap().release, v1);
    assert!(root.row(&v2).live && root.row(&v1).proven);
    // The watchdog lives only while something is open.
    root.await_that("the watchdog ends", || !root.has_watchdog());
    assert_eq!(super::walk::leftovers(&root), Vec::<String>::new());
}

#[test]
fn every_act_said_again_tells_the_truth() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.stage("v2");
    let again = root.stage_files("v2", &files("v2"));
    assert!(again.reused && again.release == v2, "the same content is staged once");
    let intent = root.intent(&v2);
    let txn = intent.txn.clone();
    let acts = [
        Act::Begin(Box::new(intent.clone())),
        Act::Arm(txn.clone()),
        Act::Migrate(txn.clone()),
        Act::Activate(txn.clone()),
        Act::Verify(txn.clone()),
        Act::Renew { txn: txn.clone(), window: Seconds(60) },
    ];
    for act in &acts {
        let first = done(root.act(act.clone()));
        let second = done(root.act(act.clone()));
        assert_eq!(std::mem::discriminant(&first), std::mem::discriminant(&second), "{act:?}");
        // What is done already stays so when everything before it is said again, too.
        assert!(matches!(root.act(acts[0].clone()), Answer::Done(_)));
    }
    assert_eq!(root.runs().as_deref(), Some("v2"));
    for _ in 0..2 {
        let Report::Confirmed(proven) = done(root.confirm(&txn)) else { panic!("confirmed") };
        assert_eq!((proven.release, proven.txn), (v2.clone(), txn.clone()));
    }
    for act in acts.iter().chain([&abort_act(&txn, Fault::World)]) {
        let Report::Confirmed(proven) = done(root.act(act.clone())) else { panic!("{act:?} after confirm") };
        assert_eq!(proven.release, v2, "{act:?}");
    }
    root.assert_serves(Some(&v2));

    // The same of one that is undone.
    let intent = root.intent(&v1);
    let txn = root.switched(&intent);
    for _ in 0..2 {
        assert_eq!(undone(root.abort(&txn)).now.as_ref(), Some(&v2));
    }
    for act in
        [Act::Begin(Box::new(intent)), Act::Arm(txn.clone()), Act::Activate(txn.clone()), Act::Verify(txn.clone())]
    {
        assert_eq!(undone(root.act(act.clone())).txn, txn, "{act:?}");
    }
    assert_eq!(undone(root.confirm(&txn)).txn, txn);
    for _ in 0..2 {
        assert!(matches!(done(root.act(Act::Recover { allow: Vec::new() })), Report::Recovered { ending: None, .. }));
        assert!(matches!(done(root.act(Act::Prune { keep: 5 })), Report::Pruned { .. }));
    }
    assert!(matches!(
        root.act(Act::Abort { txn: None, why: String::new(), fault: Fault::World }),
        Answer::Done(report) if *report == Report::NothingOpen
    ));
    // A change that nobody began here.
    let (what, _) = refused(root.confirm(&super::root::fresh_txn()));
    assert!(what.contains("is open on this host"), "{what}");
    root.assert_serves(Some(&v2));
}

#[test]
fn confirm_needs_a_connection_made_after_the_switch() {
    let root = Root::new();
    root.deploy("v1");
    let v2 = root.stage("v2");
    let intent = root.intent(&v2);
    let txn = intent.txn.clone();
    // All acts on one connection.
    let mut agent = root.agent();
    let acts = [
        Act::Recover { allow: Vec::new() },
        Act::Begin(Box::new(intent)),
        Act::Arm(txn.clone()),
        Act::Migrate(txn.clone()),
    ];
    for act in acts {
        done(agent.ask(Request::Act(act)).unwrap());
    }
    let proof = Proof::by_person(&txn, "a test");
    let (what, _) = refused(agent.ask(Request::Confirm(proof.clone())).unwrap());
    assert!(what.contains("not activated yet"), "{what}");
    done(agent.ask(Request::Act(Act::Activate(txn.clone()))).unwrap());
    assert!(all_pass(&done(agent.ask(Request::Act(Act::Verify(txn.clone()))).unwrap())));
    let (what, _) = refused(agent.ask(Request::Confirm(proof.clone())).unwrap());
    assert!(what.contains("not on the same one"), "{what}");
    assert!(root.has("pending"));
    // Another one that was open already at that time would be another process: a new one is accepted.
    done(root.ask(Request::Confirm(proof.clone())));
    // What is permanent may be said on any connection.
    done(agent.ask(Request::Confirm(proof)).unwrap());
    assert!(agent.steps.iter().any(|step| step.starts_with("switch ")), "{:?}", agent.steps);
    agent.leave();
    root.assert_serves(Some(&v2));
}

#[test]
fn no_switch_before_the_watchdog_is_ready() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.stage("v2");
    let intent = root.intent(&v2);
    done(root.act(Act::Begin(Box::new(intent.clone()))));
    let (what, _) = refused(root.act(Act::Activate(intent.txn.clone())));
    assert!(what.contains("watchdog"), "{what}");
    assert_eq!(root.runs().as_deref(), Some("v1"));
    undone(root.abort(&intent.txn));
    root.assert_serves(Some(&v1));
}

#[test]
fn busy_names_the_holder() {
    let root = Root::new();
    root.deploy("v1");
    let (v2, v3) = (root.stage("v2"), root.stage("v3"));
    let first = root.intent(&v2);
    root.open(&first);
    let other = rollback_deploy_core::wire::Intent { by: "somebody else".to_owned(), ..root.intent(&v3) };
    let Answer::Busy(holder) = root.act(Act::Begin(Box::new(other.clone()))) else { panic!("busy") };
    assert_eq!((holder.txn, holder.release, holder.by.as_str()), (first.txn.clone(), v2, "a test"));
    assert!(holder.settles_in.0 > 60 && holder.settles_in.0 <= 120, "{}", holder.settles_in);
    for act in [Act::Activate(other.txn.clone()), Act::Verify(other.txn.clone()), abort_act(&other.txn, Fault::World)] {
        assert!(matches!(root.act(act.clone()), Answer::Busy(_)), "{act:?}");
    }
    let status = root.status();
    assert_eq!(status.open.unwrap().by, "a test");
    undone(root.abort(&first.txn));
    root.complete(&other);
    root.assert_serves(Some(&v3));
}

#[test]
fn a_holder_of_the_mutex_is_named_and_only_delays() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let txn = root.switched(&root.intent(&root.stage("v2")));
    let mutex = root.mutex();
    let mut agent = root.agent();
    agent.send_request(Request::Act(abort_act(&txn, Fault::World)));
    let held = fs::read_to_string(root.state("mutex")).unwrap();
    assert!(held.starts_with("pid="), "{held}");
    // Questions need no mutex.
    assert!(root.status().open.unwrap().switched);
    drop(mutex);
    undone(agent.answer(&|_| Vec::new()).unwrap());
    agent.leave();
    root.assert_serves(Some(&v1));
}

#[test]
fn the_step_lock_makes_an_undo_wait_for_a_running_command() {
    let mut root = Root::new();
    let v1 = root.deploy("v1");
    // A start that takes its time, and says when it began.
    if let rollback_deploy_core::model::Service::Commands { start, .. } = &mut root.settings.services[0] {
        *start = format!("touch started; sleep 2; touch finished; {start}");
    }
    let v2 = root.stage("v2");
    let txn = root.open(&root.intent(&v2));
    let mut activating = root.agent();
    activating.send_request(Request::Act(Act::Activate(txn.clone())));
    let release = root.path().join("releases").join(v2.as_str());
    root.await_that("the new release is being started", || release.join("started").exists());
    // The step sees that its change is gone and ends its command; the undo comes after it.
    let ending = undone(root.abort(&txn));
    assert!(ending.healthy && !ending.marked_bad, "{ending:?}");
    let told = activating.answer(&|_| Vec::new()).unwrap();
    assert_eq!(undone(told).txn, txn, "what was taken away is no failure of the release");
    assert!(!release.join("finished").exists());
    activating.leave();
    root.assert_serves(Some(&v1));
    assert_eq!(root.row(&v2).state.word(), "interrupted");
}

#[test]
fn a_cancelled_activation_is_not_the_releases_fault() {
    let mut root = Root::new();
    let v1 = root.deploy("v1");
    if let rollback_deploy_core::model::Service::Commands { start, .. } = &mut root.settings.services[0] {
        *start = format!("touch started; sleep 20; {start}");
    }
    root.settings.activate_timeout = Seconds(30);
    let v2 = root.stage("v2");
    let txn = root.open(&root.intent(&v2));
    let mut agent = root.agent();
    agent.send_request(Request::Act(Act::Activate(txn.clone())));
    let release = root.path().join("releases").join(v2.as_str());
    root.await_that("the new release is being started", || release.join("started").exists());
    agent.cancel();
    let failure = super::root::failed(agent.answer(&|_| Vec::new()).unwrap());
    assert!(matches!(failure.kind, rollback_deploy_core::model::Kind::Cancelled { .. }), "{failure:?}");
    agent.leave();
    undone(root.abort(&txn));
    root.assert_serves(Some(&v1));
}

#[test]
fn a_release_has_one_owner() {
    let mut root = Root::new();
    root.deploy("v1");
    root.settings.app = rollback_deploy_core::model::AppName::new("other").unwrap();
    let content = files("v2");
    let answer = root.try_stage(&root.staging("v2", &content), &content);
    let failure = match answer {
        Answer::Failed(failure) | Answer::Refused(failure) => failure,
        other => panic!("{other:?}"),
    };
    assert!(failure.what.contains("belongs to app diary, not to other"), "{failure:?}");
    let (what, _) = refused(root.act(Act::Inspect(Box::new(root.settings.clone()))));
    assert!(what.contains("belongs to app diary"), "{what}");
    assert!(!root.path().join("releases/v2").exists());
    let _nothing = id("v2");
}
