//! Rollbacks on request: to what was proven, before everybody else, and kept by the watchdog when nobody confirms.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rollback_deploy_core::model::{Allow, Kind, RelPath, Seconds, SharedPath};
use rollback_deploy_core::wire::{Act, Answer, Intent, Report, Request};

use super::root::{Root, done, failed, refused, undone};

#[test]
fn a_rollback_goes_to_a_proven_release() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.deploy("v2");
    root.complete(&root.rollback(&v1));
    root.assert_serves(Some(&v1));
    assert_eq!(root.text("current_version"), "v1\n");
    assert_eq!(root.text("previous_version"), "v2\n");
    assert!(root.status().way_back.is_none(), "going back twice goes back twice: there is nothing before v1");
    root.complete(&root.rollback(&v2));
    root.assert_serves(Some(&v2));
}

#[test]
fn an_unproven_target_is_refused_until_lifted() {
    let root = Root::new();
    root.deploy("v1");
    let v2 = root.stage("v2");
    let (what, lift) = refused(root.act(Act::Begin(Box::new(root.rollback(&v2)))));
    assert_eq!(lift, Some(Allow::Unproven), "{what}");
    let intent = Intent { allow: vec![Allow::Unproven, Allow::WeakWatchdog], ..root.rollback(&v2) };
    root.complete(&intent);
    root.assert_serves(Some(&v2));
}

#[test]
fn with_nobody_connected_the_watchdog_keeps_a_target_that_passes() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    root.deploy("v2");
    let txn = root.switched(&Intent { window: Seconds(5), ..root.rollback(&v1) });
    root.await_settled();
    root.assert_serves(Some(&v1));
    let Report::Confirmed(proven) = done(root.confirm(&txn)) else { panic!("confirmed") };
    assert_eq!(proven.release, v1);
    assert!(root.text("deploy.log").contains("kept by the watchdog"));
}

#[test]
fn a_target_that_does_not_pass_is_left_for_the_other_one() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.deploy("v2");
    fs::write(root.path().join("releases/v1/unhealthy"), "").unwrap();
    let txn = root.switched(&root.rollback(&v1));
    root.expire();
    root.await_settled();
    root.assert_serves(Some(&v2));
    let ending = root.last_undo();
    assert_eq!((&ending.txn, ending.marked_bad), (&txn, false), "a rollback never marks its target");
    assert!(root.row(&v1).proven);
    // Neither passes: it stays, and says so.
    let txn = root.switched(&root.rollback(&v1));
    fs::write(root.path().join("releases/v2/unhealthy"), "").unwrap();
    root.expire();
    root.await_settled();
    assert!(root.status().failed.is_some());
    assert!(!root.last_undo().healthy && root.last_undo().txn == txn);
}

#[test]
fn a_rollback_comes_before_an_open_deploy() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.deploy("v2");
    let open = root.switched(&root.intent(&root.stage("v3")));
    assert_eq!(root.runs().as_deref(), Some("v3"));
    let intent = root.rollback(&v1);
    let Report::Begun { previous, preempted, .. } = done(root.act(Act::Begin(Box::new(intent.clone())))) else {
        panic!("begun")
    };
    assert_eq!(previous, Some(v2));
    let ending = preempted.expect("the deploy was undone first");
    assert_eq!((&ending.txn, ending.marked_bad), (&open, false));
    // The controller of the deploy is fenced.
    for act in [Act::Activate(open.clone()), Act::Verify(open.clone())] {
        assert!(matches!(root.act(act), Answer::Undone(_) | Answer::Busy(_)));
    }
    assert!(matches!(root.confirm(&open), Answer::Undone(_) | Answer::Busy(_)));
    // Only another rollback makes it wait.
    assert!(matches!(root.act(Act::Begin(Box::new(root.rollback(&v1)))), Answer::Busy(_)));
    for act in [Act::Arm(intent.txn.clone()), Act::Activate(intent.txn.clone()), Act::Verify(intent.txn.clone())] {
        done(root.act(act));
    }
    done(root.confirm(&intent.txn));
    root.assert_serves(Some(&v1));
}

#[test]
fn drift_is_explained_and_lifted() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.deploy("v2");
    let link = root.path().join("current");
    let by_hand = |to: &str| {
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(to, &link).unwrap();
    };
    by_hand("releases/v1");
    let answer = root.act(Act::Recover { allow: Vec::new() });
    let Answer::Refused(failure) = answer else { panic!("{answer:?}") };
    assert_eq!(failure.lifted_by(), Some(Allow::Drift));
    assert_eq!(failure.what, "somebody moved the live link by hand: it should lead to v2, but it leads to release v1");
    let command = format!("ln -sfn {0}/releases/v2 {0}/current", root.path().display());
    assert!(failure.hints.iter().any(|hint| hint.contains(&command)), "{:?}", failure.hints);
    assert_eq!(root.status().drift.unwrap().expose(), "it leads to release v1");
    let (_, lift) = refused(root.act(Act::Begin(Box::new(root.intent(&v1)))));
    assert_eq!(lift, Some(Allow::Drift));
    done(root.act(Act::Recover { allow: vec![Allow::Drift] }));
    let lifted = Intent { allow: vec![Allow::Drift, Allow::WeakWatchdog], ..root.intent(&v1) };
    root.complete(&lifted);
    root.assert_serves(Some(&v1));

    by_hand("/somewhere");
    assert_eq!(root.status().drift.unwrap().expose(), "it leads to /somewhere");
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    let lifted = Intent { allow: vec![Allow::Drift, Allow::WeakWatchdog], ..root.intent(&v2) };
    let (what, lift) = refused(root.act(Act::Begin(Box::new(lifted))));
    assert_eq!(lift, None, "a real folder is never replaced: {what}");
    assert!(!super::walk::leftovers(&root).iter().any(|name| name.contains(".rollback-deploy.t")));
}

#[test]
fn the_idle_watchdog_tells_of_drift_once_and_touches_nothing() {
    let root = Root::new();
    root.deploy("v1");
    root.deploy("v2");
    root.await_that("the watchdog ends", || !root.has_watchdog());
    let link = root.path().join("current");
    let watch = || {
        let mut watchdog = std::process::Command::new(root.program());
        assert!(watchdog.arg("watchdog").arg(root.path()).status().unwrap().success());
    };
    let told = |what: &str| root.text("deploy.log").lines().filter(|line| line.contains(what)).count();
    watch();
    assert_eq!(told("drift"), 0);
    for (times, to) in ["releases/v1", "/somewhere"].into_iter().enumerate() {
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(to, &link).unwrap();
        for _ in 0..3 {
            watch();
            assert_eq!(told("current should lead to v2, but it leads to"), times + 1);
        }
        assert_eq!(fs::read_link(&link).unwrap().to_str(), Some(to));
    }
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("releases/v2", &link).unwrap();
    watch();
    watch();
    assert_eq!(told("leads to what is confirmed again"), 1);
    assert!(!root.has("drift"));
}

#[test]
fn an_environment_file_comes_back_with_its_release_and_is_undone_with_it() {
    let mut root = Root::new();
    let env = RelPath::new(".env").unwrap();
    root.settings.shared = vec![SharedPath::File(env.clone())];
    root.settings.environment_file = Some(env);
    let shared = root.path().join("shared/.env");
    fs::create_dir(root.path().join("shared")).unwrap();
    fs::write(&shared, "A=1\n").unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o640)).unwrap();
    let v1 = root.deploy("v1");
    fs::write(&shared, "A=2\n").unwrap();
    let v2 = root.deploy("v2");
    assert_eq!(fs::read_to_string(root.state("releases/v1.env")).unwrap(), "A=1\n");
    let mode = fs::metadata(root.state("releases/v1.env")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);

    let with_env = Intent { with_env: true, ..root.rollback(&v1) };
    let txn = root.switched(&with_env);
    assert_eq!(root.text("shared/.env"), "A=1\n");
    undone(root.abort(&txn));
    assert_eq!(root.text("shared/.env"), "A=2\n", "undone with the release");
    root.assert_serves(Some(&v2));

    root.complete(&Intent { txn: super::root::fresh_txn(), ..with_env });
    assert_eq!(root.text("shared/.env"), "A=1\n");
    assert_eq!(fs::metadata(&shared).unwrap().permissions().mode() & 0o777, 0o640, "the app can read it as before");
    root.assert_serves(Some(&v1));
    assert_eq!(super::walk::leftovers(&root), Vec::<String>::new());
    // Without the wish the file stays as it is.
    root.complete(&root.rollback(&v2));
    assert_eq!(root.text("shared/.env"), "A=1\n");
    assert!(!fs::read_link(root.path().join("releases/v2/.env")).unwrap().is_absolute());
}

#[test]
fn a_rollback_that_fails_says_so_and_marks_nothing() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.deploy("v2");
    fs::write(root.path().join("releases/v1/broken"), "").unwrap();
    let txn = root.open(&root.rollback(&v1));
    failed(root.act(Act::Activate(txn.clone())));
    let ending = undone(root.act(super::root::abort_act(&txn, rollback_deploy_core::wire::act::Fault::Release)));
    assert!(ending.healthy && !ending.marked_bad, "{ending:?}");
    root.assert_serves(Some(&v2));
}

#[test]
fn a_rollback_that_was_cancelled_while_it_waited_opens_nothing_afterwards() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.deploy("v2");
    let open = root.switched(&root.intent(&root.stage("v3")));
    let step = fs::File::open(root.state("step")).unwrap();
    step.lock().unwrap();
    let mut agent = root.agent();
    agent.send_request(Request::Act(Act::Begin(Box::new(root.rollback(&v1)))));
    agent.await_step("waiting for the step under way");
    agent.cancel();
    // The undo takes longer than reading it.
    drop(step);
    let Some(Answer::Refused(failure)) = agent.answer(&|_| Vec::new()) else { panic!("refused") };
    assert!(matches!(failure.kind, Kind::Cancelled { .. }), "{failure:?}");
    agent.leave();
    assert_eq!(root.last_undo().txn, open, "what was under way is finished");
    root.assert_serves(Some(&v2));
}
