//! Migrations by a plain command: expand-only ones can be undone, one-way ones never go back by themselves.

use std::fs;

use rollback_deploy_core::model::{Allow, Migrate, SchemaVerdict, Seconds};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Intent, Report, Request};

use super::root::{Root, abort_act, done, failed, kill, refused, undone};

/// A root whose next releases migrate by this command.
fn migrating(run: &str, verdict: SchemaVerdict) -> Root {
    let mut root = Root::new();
    root.deploy("v1");
    root.settings.migrate = Some(Migrate { run: run.to_owned(), verdict, timeout: Seconds(30), head: None });
    root
}

fn intent(root: &Root, verdict: SchemaVerdict) -> Intent {
    let release = root.stage("v2");
    Intent { schema: verdict, allow: vec![Allow::OneWay, Allow::WeakWatchdog], ..root.intent(&release) }
}

const COUNTED: &str = "echo once >> \"$ROLLBACK_DEPLOY_ROOT/migrated\"; echo it said so";

#[test]
fn an_expand_only_migration_runs_once_and_can_be_undone() {
    let root = migrating(COUNTED, SchemaVerdict::ExpandOnly);
    let intent = intent(&root, SchemaVerdict::ExpandOnly);
    let txn = root.open(&intent);
    for _ in 0..2 {
        let report = done(root.act(Act::Migrate(txn.clone())));
        assert_eq!(report, Report::Migrated { schema: SchemaVerdict::ExpandOnly, ran: true });
    }
    assert_eq!(root.text("migrated"), "once\n");
    done(root.act(Act::Activate(txn.clone())));
    root.expire();
    root.await_settled();
    root.assert_serves(Some(&super::root::id("v1")));
    assert!(!root.last_undo().marked_bad);
    root.complete(&Intent { txn: super::root::fresh_txn(), ..intent });
    assert_eq!(root.text("migrated"), "once\nonce\n");
}

#[test]
fn a_migration_that_fails_switches_nothing() {
    let root = migrating("echo no room for it; exit 3", SchemaVerdict::ExpandOnly);
    let txn = root.open(&intent(&root, SchemaVerdict::ExpandOnly));
    let failure = failed(root.act(Act::Migrate(txn.clone())));
    assert_eq!(failure.what, "the migration exited with 3");
    assert!(failure.because.iter().any(|said| said.expose().contains("no room for it")), "{failure:?}");
    assert_eq!(root.runs().as_deref(), Some("v1"));
    assert!(undone(root.abort(&txn)).healthy);
    root.assert_serves(Some(&super::root::id("v1")));
}

#[test]
fn a_keeper_that_was_killed_is_told() {
    let root = migrating("touch running; sleep 60", SchemaVerdict::ExpandOnly);
    let txn = root.open(&intent(&root, SchemaVerdict::ExpandOnly));
    let mut agent = root.agent();
    agent.send_request(rollback_deploy_core::wire::Request::Act(Act::Migrate(txn.clone())));
    root.await_that("the migration runs", || root.path().join("releases/v2/running").exists());
    root.processes(|_, command| command.contains(" keeper ")).into_iter().for_each(kill);
    let failure = failed(agent.answer(&|_| Vec::new()).unwrap());
    assert!(failure.what.contains("died without saying how it ended"), "{failure:?}");
    agent.leave();
    assert!(undone(root.abort(&txn)).healthy);
    root.assert_serves(Some(&super::root::id("v1")));
}

#[test]
fn a_one_way_migration_needs_a_word() {
    let root = migrating(COUNTED, SchemaVerdict::OneWay);
    let intent = Intent { allow: vec![Allow::WeakWatchdog], ..intent(&root, SchemaVerdict::OneWay) };
    let (what, lift) = refused(root.act(Act::Begin(Box::new(intent))));
    assert_eq!(lift, Some(Allow::OneWay), "{what}");
    assert!(!root.has("pending"));
}

#[test]
fn a_healthy_one_way_change_is_held_once_then_a_human_is_needed() {
    let root = migrating(COUNTED, SchemaVerdict::OneWay);
    let intent = intent(&root, SchemaVerdict::OneWay);
    let txn = root.switched(&intent);
    root.expire();
    root.await_that("it is held", || root.has("held"));
    let open = root.status().open.expect("it is still open");
    assert!(open.held && open.switched && open.settles_in.0 > 3600, "{open:?}");
    assert_eq!(root.runs().as_deref(), Some("v2"));
    // A day later, still without a person: as if its own expiry had come.
    let held = fs::read_to_string(root.state("held")).unwrap();
    let past: String = held
        .lines()
        .map(|l| if l.starts_with("deadline=") { "deadline=1\n".to_owned() } else { format!("{l}\n") })
        .collect();
    fs::write(root.state("held.test"), past).unwrap();
    fs::rename(root.state("held.test"), root.state("held")).unwrap();
    root.await_settled();
    let ending = root.last_undo();
    assert_eq!((&ending.txn, ending.healthy), (&txn, false));
    assert!(ending.why.contains("schema moved"), "{}", ending.why);
    assert!(root.has("failed"));
    assert_eq!(root.runs().as_deref(), Some("v2"), "the old release cannot run on it: nothing is switched");
    // Forward is the way out.
    let v3 = root.stage("v3");
    let next = Intent { allow: vec![Allow::Drift, Allow::WeakWatchdog], ..root.intent(&v3) };
    root.complete(&next);
    root.assert_serves(Some(&v3));
}

#[test]
fn a_held_one_way_change_can_be_confirmed() {
    let root = migrating(COUNTED, SchemaVerdict::OneWay);
    let txn = root.switched(&intent(&root, SchemaVerdict::OneWay));
    root.expire();
    root.await_that("it is held", || root.has("held"));
    let Report::Confirmed(proven) = done(root.confirm(&txn)) else { panic!("confirmed") };
    assert_eq!(proven.schema, SchemaVerdict::OneWay);
    root.assert_serves(Some(&super::root::id("v2")));
}

#[test]
fn an_unhealthy_one_way_change_does_not_go_back() {
    let root = migrating(COUNTED, SchemaVerdict::OneWay);
    let txn = root.switched(&intent(&root, SchemaVerdict::OneWay));
    fs::write(root.path().join("releases/v2/unhealthy"), "").unwrap();
    root.expire();
    root.await_settled();
    let ending = root.last_undo();
    assert!(!ending.healthy && ending.why.contains("schema moved"), "{ending:?}");
    assert_eq!(root.runs().as_deref(), Some("v2"));
    assert!(matches!(root.confirm(&txn), Answer::Undone(_)));
}

/// A root whose v2 migrated one way, and says where the database stands.
fn moved(run: &str) -> Root {
    let mut root = migrating(run, SchemaVerdict::OneWay);
    root.settings.migrate.as_mut().unwrap().head = Some("cat \"$ROLLBACK_DEPLOY_ROOT/stands\"".to_owned());
    fs::write(root.path().join("stands"), "r1 (head)\n").unwrap();
    root.complete(&intent(&root, SchemaVerdict::OneWay));
    root
}

#[test]
fn a_migration_that_is_known_to_have_moved_nothing_is_in_nobodys_way() {
    let root = moved("true");
    let heads = fs::read_to_string(root.state("releases/v2.heads")).unwrap();
    assert!(heads.contains("\nbefore=r1 (head)\nafter=r1 (head)\n"), "{heads}");
    let v1 = super::root::id("v1");
    root.complete(&root.rollback(&v1));
    root.assert_serves(Some(&v1));
}

#[test]
fn where_the_database_stands_is_kept_and_named() {
    let root = moved("echo r2 > \"$ROLLBACK_DEPLOY_ROOT/stands\"");
    assert_eq!(root.status().confirmed.unwrap().head.unwrap().expose(), "r2");
    let v1 = super::root::id("v1");
    let back = || Act::Begin(Box::new(root.rollback(&v1)));
    let Answer::Refused(failure) = root.act(back()) else { panic!("refused") };
    assert_eq!(failure.lifted_by(), Some(Allow::OneWay));
    assert!(
        failure.hints.iter().any(|hint| hint == "It stood at r1 (head) for v1, and stands at r2 since."),
        "{failure:?}"
    );
    // What is not recorded, or is of another change of this release, is as good as moved.
    let heads = fs::read_to_string(root.state("releases/v2.heads")).unwrap();
    for other in [String::new(), heads.replace("after=r2", "after=r1 (head)").replacen("txn=", "txn=x", 1)] {
        fs::write(root.state("releases/v2.heads"), other).unwrap();
        refused(root.act(back()));
    }
}

#[test]
fn a_change_that_failed_after_it_moved_the_database_is_in_the_way_of_a_rollback_too() {
    let mut root = migrating(COUNTED, SchemaVerdict::OneWay);
    let v1 = super::root::id("v1");
    root.switched(&intent(&root, SchemaVerdict::OneWay));
    fs::write(root.path().join("releases/v2/unhealthy"), "").unwrap();
    root.expire();
    root.await_settled();
    assert!(root.has("failed"));
    let (what, lift) = refused(root.act(Act::Begin(Box::new(root.rollback(&v1)))));
    assert_eq!(lift, Some(Allow::OneWay), "{what}");
    assert!(what.contains("v2 moved the database one way"), "{what}");
    // A fix, confirmed: `failed` is gone, but the database is where it is.
    root.settings.migrate = None;
    root.complete(&root.intent(&root.stage("v3")));
    assert!(!root.has("failed"));
    let (what, lift) = refused(root.act(Act::Begin(Box::new(root.rollback(&v1)))));
    assert_eq!(lift, Some(Allow::OneWay), "{what}");
    // What came after it knows that database.
    root.complete(&root.intent(&root.stage("v4")));
    root.complete(&root.rollback(&super::root::id("v3")));
    let lifted = Intent { allow: vec![Allow::OneWay, Allow::WeakWatchdog], ..root.rollback(&v1) };
    root.complete(&lifted);
    root.assert_serves(Some(&v1));
}

#[test]
fn a_rollback_does_not_end_an_open_change_that_it_could_not_go_past() {
    let root = migrating(COUNTED, SchemaVerdict::OneWay);
    let v1 = super::root::id("v1");
    root.complete(&root.intent(&root.stage("v1.1")));
    let txn = root.switched(&intent(&root, SchemaVerdict::OneWay));
    let (what, lift) = refused(root.act(Act::Begin(Box::new(root.rollback(&v1)))));
    assert_eq!(lift, Some(Allow::OneWay), "{what}");
    assert!(root.has("pending"), "the open deploy goes on");
    let lifted = Intent { allow: vec![Allow::OneWay, Allow::WeakWatchdog], ..root.rollback(&v1) };
    let Report::Begun { preempted, .. } = done(root.act(Act::Begin(Box::new(lifted)))) else { panic!("begun") };
    assert_eq!(preempted.unwrap().txn, txn);
}

#[test]
fn a_one_way_change_that_failed_before_its_migration_is_in_nobodys_way() {
    let mut root = migrating(COUNTED, SchemaVerdict::OneWay);
    let v1 = super::root::id("v1");
    root.settings.migrate = None;
    root.deploy("v1.1");
    let txn = root.open(&intent(&root, SchemaVerdict::OneWay));
    done(root.act(Act::Activate(txn.clone())));
    fs::write(root.path().join("releases/v1.1/unhealthy"), "").unwrap();
    assert!(!undone(root.abort(&txn)).healthy);
    assert!(root.has("failed"));
    root.complete(&root.rollback(&v1));
    root.assert_serves(Some(&v1));
}

#[test]
fn what_a_migration_leaves_running_holds_nobody_up() {
    let root = migrating("setsid sleep 902 </dev/null & echo $! > left; echo done", SchemaVerdict::ExpandOnly);
    let txn = root.open(&intent(&root, SchemaVerdict::ExpandOnly));
    done(root.act(Act::Migrate(txn.clone())));
    done(root.act(Act::Activate(txn.clone())));
    assert!(undone(root.abort(&txn)).healthy);
    root.assert_serves(Some(&super::root::id("v1")));
    let left = root.processes(|_, command| command.starts_with("sleep 902"));
    assert_eq!(left.len(), 1, "it was not touched");
}

#[test]
fn an_undo_says_that_it_waits_for_a_migration() {
    let root = migrating("touch running; while [ ! -e enough ]; do sleep 0.05; done", SchemaVerdict::ExpandOnly);
    let txn = root.open(&intent(&root, SchemaVerdict::ExpandOnly));
    let mut migrating = root.agent();
    migrating.send_request(Request::Act(Act::Migrate(txn.clone())));
    let release = root.path().join("releases/v2");
    root.await_that("the migration runs", || release.join("running").exists());
    let mut aborting = root.agent();
    aborting.send_request(Request::Act(abort_act(&txn, Fault::World)));
    aborting.await_step("waiting for the step under way");
    assert!(root.has("aborting"));
    fs::write(release.join("enough"), "").unwrap();
    assert!(undone(aborting.answer(&|_| Vec::new()).unwrap()).healthy);
    aborting.leave();
    migrating.leave();
    root.assert_serves(Some(&super::root::id("v1")));
}

#[test]
fn two_that_settle_a_healthy_one_way_change_at_once_hold_it_once() {
    let root = migrating(COUNTED, SchemaVerdict::OneWay);
    let txn = root.switched(&intent(&root, SchemaVerdict::OneWay));
    root.kill_watchdogs();
    let step = fs::File::open(root.state("step")).unwrap();
    step.lock().unwrap();
    root.expire();
    let mut agents = [root.agent(), root.agent()];
    for agent in &mut agents {
        agent.send_request(Request::Act(Act::Recover { allow: Vec::new() }));
        agent.await_step("waiting for the step under way");
    }
    drop(step);
    for mut agent in agents {
        let Report::Recovered { ending, .. } = done(agent.answer(&|_| Vec::new()).unwrap()) else {
            panic!("recovered")
        };
        assert_eq!(ending, None);
        agent.leave();
    }
    let open = root.status().open.expect("it waits for a person");
    assert!(open.held && open.txn == txn && !root.has("failed"), "{open:?}");
}

#[test]
fn the_release_that_moved_the_database_is_one_that_knows_it() {
    let root = migrating(COUNTED, SchemaVerdict::OneWay);
    root.switched(&intent(&root, SchemaVerdict::OneWay));
    let unhealthy = root.path().join("releases/v2/unhealthy");
    fs::write(&unhealthy, "").unwrap();
    root.expire();
    root.await_settled();
    assert!(root.has("failed"));
    // A person mended what was wrong with it.
    fs::remove_file(unhealthy).unwrap();
    let v2 = super::root::id("v2");
    let lifted = Intent { allow: vec![Allow::Unproven, Allow::WeakWatchdog], ..root.rollback(&v2) };
    root.complete(&lifted);
    root.assert_serves(Some(&v2));
}
