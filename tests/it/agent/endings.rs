//! Going back: asked for, by itself, and what is said of the release afterwards.

use std::fs;

use rollback_deploy_core::model::{Allow, Check, CheckFrom, LogSource, Question, ReleaseState, Seconds};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Intent, Report};

use super::root::{Root, abort_act, done, failed, files, refused, undone};

#[test]
fn an_abort_before_and_after_the_switch() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.stage("v2");
    let pid = fs::read_to_string(root.base().join("pid")).unwrap();

    let txn = root.open(&root.intent(&v2));
    let ending = undone(root.abort(&txn));
    assert_eq!((ending.now.as_ref(), ending.healthy, ending.marked_bad), (Some(&v1), true, false));
    root.assert_serves(Some(&v1));
    assert_eq!(fs::read_to_string(root.base().join("pid")).unwrap(), pid, "what was not switched is not restarted");

    let txn = root.switched(&root.intent(&v2));
    assert_eq!(root.runs().as_deref(), Some("v2"));
    let ending = undone(root.abort(&txn));
    assert!(ending.healthy);
    root.assert_serves(Some(&v1));
    assert_ne!(fs::read_to_string(root.base().join("pid")).unwrap(), pid);
    assert_eq!(root.row(&v2).state.word(), "interrupted");
    assert!(root.has(ending.evidence.as_deref().unwrap()), "evidence is saved first");
    assert!(root.text("deploy.log").contains("undone: v2 → v1: the test said so"));
    // Free to be tried again.
    root.complete(&root.intent(&root.stage("v2")));
    root.assert_serves(Some(&v2));
}

#[test]
fn the_undo_of_a_first_deploy_leaves_nothing_live() {
    let root = Root::new();
    let v1 = root.stage("v1");
    let txn = root.switched(&root.intent(&v1));
    assert_eq!(root.runs().as_deref(), Some("v1"));
    let ending = undone(root.abort(&txn));
    assert_eq!((ending.now, ending.healthy), (None, true));
    root.assert_serves(None);
    assert!(root.path().join("current").symlink_metadata().is_err());
    assert!(root.text("deploy.log").contains("nothing live, as before"));
    root.deploy("v1");
}

#[test]
fn with_nobody_connected_the_watchdog_goes_back_when_the_window_is_over() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.stage("v2");
    let intent = Intent { window: Seconds(5), ..root.intent(&v2) };
    let txn = root.switched(&intent);
    root.await_settled();
    root.assert_serves(Some(&v1));
    let ending = root.last_undo();
    assert_eq!((&ending.txn, ending.marked_bad), (&txn, false));
    assert!(ending.why.contains("nobody confirmed it in time"), "{}", ending.why);
    assert_eq!(undone(root.confirm(&txn)).txn, txn, "who comes too late is told");
}

#[test]
fn a_controller_killed_while_the_new_release_starts_is_undone() {
    let mut root = Root::new();
    let v1 = root.deploy("v1");
    if let rollback_deploy_core::model::Service::Commands { start, .. } = &mut root.settings.services[0] {
        *start = format!("touch started; sleep 3; {start}");
    }
    let v2 = root.stage("v2");
    let txn = root.open(&Intent { window: Seconds(6), ..root.intent(&v2) });
    let mut agent = root.agent();
    agent.send_request(rollback_deploy_core::wire::Request::Act(Act::Activate(txn)));
    let started = root.path().join("releases/v2/started");
    root.await_that("the new release is being started", || started.exists());
    agent.kill();
    root.await_settled();
    root.assert_serves(Some(&v1));
}

#[test]
fn a_bad_release_is_marked_and_refused_until_lifted() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let mut content = files("v2");
    content.insert("broken".to_owned(), Vec::new());
    let v2 = root.stage_files("v2", &content).release;
    let txn = root.open(&root.intent(&v2));
    let failure = failed(root.act(Act::Activate(txn.clone())));
    assert!(failure.what.contains("start command exited with 7"), "{failure:?}");
    let ending = undone(root.act(abort_act(&txn, Fault::Release)));
    assert!(ending.healthy && ending.marked_bad, "{ending:?}");
    root.assert_serves(Some(&v1));
    assert!(matches!(root.row(&v2).state, ReleaseState::Bad { .. }));
    assert!(!root.row(&v2).proven);

    let (what, lift) = refused(root.act(Act::Begin(Box::new(root.intent(&v2)))));
    assert_eq!(lift, Some(Allow::KnownBad), "{what}");
    let (what, lift) = refused(root.act(Act::Begin(Box::new(root.rollback(&v2)))));
    assert_eq!(lift, Some(Allow::KnownBad), "no rollback picks a bad target: {what}");
    let staging = root.staging("v2", &content);
    match root.try_stage(&staging, &content) {
        Answer::Failed(failure) | Answer::Refused(failure) => assert_eq!(failure.lifted_by(), Some(Allow::KnownBad)),
        other => panic!("{other:?}"),
    }
    // Lifted: staged anew under a name of its own.
    let lifted = rollback_deploy_core::wire::Staging { allow: vec![Allow::KnownBad], ..staging };
    let anew = super::root::staged(root.try_stage(&lifted, &content));
    assert_eq!((anew.release.as_str(), anew.reused), ("v2_2", false));
    let intent = Intent { allow: vec![Allow::KnownBad, Allow::WeakWatchdog], ..root.intent(&v2) };
    done(root.act(Act::Begin(Box::new(intent.clone()))));
    undone(root.abort(&intent.txn));
    root.assert_serves(Some(&v1));
}

#[test]
fn an_unhealthy_release_fails_its_check_and_the_watchdog_sees_it_too() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let mut content = files("v2");
    content.insert("unhealthy".to_owned(), Vec::new());
    let v2 = root.stage_files("v2", &content).release;
    let txn = root.switched(&root.intent(&v2));
    let report = done(root.act(Act::Verify(txn)));
    assert!(!super::root::all_pass(&report), "{report:?}");
    // Long before the window is over: three failed looks, ten seconds or less apart.
    root.await_settled();
    let ending = root.last_undo();
    assert!(ending.marked_bad && ending.why.contains("failed 3 times in a row"), "{ending:?}");
    root.assert_serves(Some(&v1));
}

#[test]
fn an_undo_that_does_not_heal_is_failed_and_a_deploy_goes_forward() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.stage("v2");
    let txn = root.switched(&root.intent(&v2));
    // The old release broke meanwhile.
    fs::write(root.path().join("releases/v1/unhealthy"), "").unwrap();
    let ending = undone(root.act(abort_act(&txn, Fault::Release)));
    assert!(!ending.healthy && !ending.marked_bad, "{ending:?}");
    let status = root.status();
    assert!(status.failed.is_some() && root.has("failed"), "{status:?}");
    assert_eq!(status.link, Some(v1));
    assert!(!undone(root.confirm(&txn)).healthy);
    let v3 = root.stage("v3");
    root.complete(&root.intent(&v3));
    root.assert_serves(Some(&v3));
    assert!(!root.has("failed"), "the next confirm removes it");
}

#[test]
fn a_held_change_waits_for_a_person_until_its_own_expiry() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.stage("v2");
    let txn = root.switched(&Intent { window: Seconds(60), hard_limit: Seconds(60), ..root.intent(&v2) });
    let Report::Holding { settles_in } = done(root.act(Act::Hold { txn: txn.clone(), window: Seconds(1000) })) else {
        panic!("holding")
    };
    assert!(settles_in.0 > 900, "a hold goes beyond the hard limit: {settles_in}");
    let open = root.status().open.unwrap();
    assert!(open.held && open.switched, "{open:?}");
    // Decided: a person confirms it.
    done(root.confirm(&txn));
    root.assert_serves(Some(&v2));
    // Not decided: its own expiry, then the rule of the change.
    let txn = root.switched(&root.intent(&v1));
    done(root.act(Act::Hold { txn: txn.clone(), window: Seconds(1000) }));
    root.expire();
    root.await_settled();
    root.assert_serves(Some(&v2));
    assert_eq!(root.last_undo().txn, txn);
}

#[test]
fn a_lease_never_goes_beyond_the_hard_limit() {
    let root = Root::new();
    root.deploy("v1");
    let txn = root.open(&Intent { window: Seconds(30), hard_limit: Seconds(50), ..root.intent(&root.stage("v2")) });
    let Report::Renewed { settles_in } = done(root.act(Act::Renew { txn: txn.clone(), window: Seconds(40) })) else {
        panic!("renewed")
    };
    assert!(settles_in.0 > 30 && settles_in.0 <= 40, "{settles_in}");
    let Report::Renewed { settles_in } = done(root.act(Act::Renew { txn: txn.clone(), window: Seconds(400) })) else {
        panic!("renewed")
    };
    assert!(settles_in.0 <= 50, "{settles_in}");
    undone(root.abort(&txn));
}

#[test]
fn a_watchdog_that_does_not_survive_a_restart_has_to_be_allowed_for_a_rollback_too() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.deploy("v2");
    let refuses = |intent: Intent| {
        let (what, lift) = refused(root.act(Act::Begin(Box::new(Intent { allow: Vec::new(), ..intent }))));
        assert_eq!(lift, Some(Allow::WeakWatchdog), "{what}");
        assert!(!root.has("pending"));
    };
    refuses(root.intent(&v1));
    // Whoever accepted it for the deploy has accepted it for the way back.
    let back = Intent { allow: Vec::new(), ..root.rollback(&v1) };
    done(root.act(Act::Begin(Box::new(back.clone()))));
    undone(root.abort(&back.txn));
    let confirmed = fs::read_to_string(root.state("confirmed")).unwrap();
    fs::write(root.state("confirmed"), confirmed.replace("weak-watchdog=yes\n", "")).unwrap();
    refuses(root.rollback(&v1));
    // Opened while a stronger one stood, which is gone since: it is not armed either.
    let intent = root.rollback(&v1);
    done(root.act(Act::Begin(Box::new(intent.clone()))));
    let text = fs::read_to_string(root.state("pending")).unwrap();
    assert!(text.contains("\nweak-watchdog=yes\n"), "{text}");
    fs::write(root.state("pending"), text.replace("weak-watchdog=yes\n", "")).unwrap();
    let (what, lift) = refused(root.act(Act::Arm(intent.txn.clone())));
    assert_eq!(lift, Some(Allow::WeakWatchdog), "{what}");
    undone(root.abort(&intent.txn));
    root.assert_serves(Some(&v2));
}

#[test]
fn a_first_deploy_whose_services_could_not_be_stopped_again_is_not_armed() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    let mut root = Root::new();
    // A unit that this host does not have, or cannot be asked about: nobody could stop it.
    root.settings.services = vec![rollback_deploy_core::model::Service::Systemd {
        unit: rollback_deploy_core::model::UnitName::new("no-such-unit-of-the-test").unwrap(),
        how: rollback_deploy_core::model::Restart::Restart,
    }];
    let intent = root.intent(&root.stage("v1"));
    done(root.act(Act::Begin(Box::new(intent.clone()))));
    let mut watchdog = Command::new(root.program())
        .arg("watchdog")
        .arg(root.path())
        .stderr(Stdio::piped())
        .current_dir(root.base())
        .spawn()
        .unwrap();
    let said = BufReader::new(watchdog.stderr.take().unwrap()).lines().map_while(Result::ok);
    let why = said.into_iter().find(|line| line.contains("not settled yet")).expect("it says why");
    assert!(why.contains("unit") || why.contains("systemctl"), "{why}");
    assert!(!root.has("tick"), "no tick, no switch");
    watchdog.kill().unwrap();
    watchdog.wait().unwrap();
    undone(root.abort(&intent.txn));
}

#[test]
fn a_release_that_does_not_answer_is_not_waited_for_with_its_evidence() {
    let mut root = Root::new();
    let v1 = root.deploy("v1");
    let hangs = root.base().join("hangs");
    let check = format!("[ ! -e {} ] || sleep 987", hangs.display());
    let question = rollback_deploy_core::model::Question::Command { run: check, timeout: Seconds(3600) };
    root.settings.checks.push(rollback_deploy_core::model::Check { question, ..super::root::command_check("true") });
    let txn = root.switched(&root.intent(&root.stage("v2")));
    fs::write(&hangs, "").unwrap();
    let ending = undone(root.abort(&txn));
    assert!(ending.healthy, "{ending:?}");
    let saved = std::process::Command::new("tar")
        .arg("-xzOf")
        .arg(root.state(ending.evidence.as_deref().unwrap()))
        .args(["why.txt", "checks/01.txt", "incomplete.txt"])
        .output()
        .unwrap();
    assert!(saved.status.success(), "what came in time is kept, and that it is not all is said: {saved:?}");
    root.assert_serves(Some(&v1));
    let asking = || root.processes(|_, command| command.contains("sleep 987"));
    root.await_that("nobody asks any more", || asking().is_empty());
}

#[test]
fn what_was_not_switched_is_not_judged_by_what_it_said_before() {
    let mut root = Root::new();
    let log = LogSource::File("app.log".to_owned());
    let question = Question::Errors { log, patterns: vec!["ERROR".to_owned()], at_most: 0 };
    root.settings.checks.push(Check { question, within: Seconds(0), from: CheckFrom::Host });
    let v1 = root.deploy("v1");
    fs::write(root.path().join("releases/v1/app.log"), "ERROR of yesterday\n").unwrap();
    let ending = undone(root.abort(&root.open(&root.intent(&root.stage("v2")))));
    assert!(ending.healthy, "{ending:?}");
    root.assert_serves(Some(&v1));
    // It is sick for another reason: told, but it is no undo that did not end well.
    fs::write(root.path().join("releases/v1/unhealthy"), "").unwrap();
    let ending = undone(root.abort(&root.open(&root.intent(&root.stage("v2")))));
    assert!(ending.healthy && ending.why.contains("nothing was switched; command"), "{ending:?}");
    assert!(!root.has("failed"));
    root.assert_serves(Some(&v1));
}
