//! Services by commands whose process number lies in the release's own folder, as the example deploy file has it.

use std::fs;

use rollback_deploy_core::model::{Allow, Service};
use rollback_deploy_core::wire::Intent;
use rollback_deploy_core::wire::act::Fault;

use super::root::{Root, abort_act, command_check, done, undone};

/// Says where it runs by its own process number, beside its files.
fn beside(name: &str) -> Service {
    Service::Commands {
        name: name.to_owned(),
        start: format!("setsid sleep 901 </dev/null >/dev/null 2>&1 & echo $! >{name}.pid"),
        stop: format!("if [ -f {name}.pid ]; then kill \"$(cat {name}.pid)\"; fi"),
        status: format!("kill -0 \"$(cat {name}.pid)\""),
    }
}

fn root(services: &[&str]) -> Root {
    let mut root = Root::new();
    root.settings.services = services.iter().map(|name| beside(name)).collect();
    root.settings.checks = vec![command_check("kill -0 \"$(cat app.pid)\"")];
    root
}

/// The releases that processes run from.
fn running(root: &Root) -> Vec<String> {
    let mut found = Vec::new();
    for pid in root.processes(|_, command| command.starts_with("sleep 901")) {
        let Ok(cwd) = fs::read_link(format!("/proc/{pid}/cwd")) else { continue };
        found.push(cwd.file_name().unwrap().to_str().unwrap().to_owned());
    }
    found.sort();
    found
}

#[track_caller]
fn assert_run(root: &Root, releases: &[&str]) {
    root.await_that(&format!("{releases:?} run alone"), || running(root) == releases);
}

fn deploy(root: &Root, version: &str) {
    let txn = root.switched(&root.intent(&root.stage(version)));
    done(root.confirm(&txn));
}

#[test]
fn each_release_is_stopped_where_it_was_started() {
    let root = root(&["app"]);
    deploy(&root, "v1");
    assert_run(&root, &["v1"]);
    deploy(&root, "v2");
    assert_run(&root, &["v2"]);
    let txn = root.switched(&root.intent(&root.stage("v3")));
    assert_run(&root, &["v3"]);
    let ending = undone(root.abort(&txn));
    assert!(ending.healthy, "{ending:?}");
    assert_run(&root, &["v2"]);
}

#[test]
fn what_only_the_undone_release_has_is_stopped_in_its_own_folder() {
    let mut root = root(&["app"]);
    deploy(&root, "v1");
    root.settings.services.push(beside("worker"));
    let txn = root.switched(&root.intent(&root.stage("v2")));
    assert_run(&root, &["v2", "v2"]);
    let ending = undone(root.abort(&txn));
    assert!(ending.healthy, "{ending:?}");
    assert_run(&root, &["v1"]);
}

#[test]
fn what_the_next_release_has_no_more_is_stopped() {
    let mut root = root(&["app", "worker"]);
    deploy(&root, "v1");
    root.settings.services.pop();
    let txn = root.switched(&root.intent(&root.stage("v2")));
    assert_run(&root, &["v2"]);
    undone(root.abort(&txn));
    assert_run(&root, &["v1", "v1"]);
}

#[test]
fn the_undo_of_a_first_deploy_that_was_recorded_but_not_switched() {
    let root = root(&["app"]);
    let txn = root.switched(&root.intent(&root.stage("v1")));
    root.kill_watchdogs();
    // As when it died between the record of the switch and the link.
    fs::remove_file(root.path().join("current")).unwrap();
    let ending = undone(root.abort(&txn));
    assert!(ending.healthy, "{ending:?}");
    assert_run(&root, &[]);
    assert!(!root.has("failed"));
}

#[test]
fn what_the_link_led_to_is_stopped_not_only_what_is_confirmed() {
    let root = root(&["app"]);
    deploy(&root, "v1");
    let txn = root.switched(&root.intent(&root.stage("v2")));
    done(root.confirm(&txn));
    // As after a link that was moved and a release that was started by hand.
    let moved = Intent { allow: vec![Allow::Drift, Allow::WeakWatchdog], ..root.intent(&root.stage("v3")) };
    let link = root.path().join("current");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("releases/v1", &link).unwrap();
    let stopped = root.processes(|_, command| command.starts_with("sleep 901"));
    stopped.into_iter().for_each(super::root::kill);
    let started = std::process::Command::new("sh")
        .args(["-c", "setsid sleep 901 </dev/null >/dev/null 2>&1 & echo $! >app.pid"])
        .current_dir(&link)
        .status();
    assert!(started.unwrap().success());
    assert_run(&root, &["v1"]);
    let txn = root.switched(&moved);
    assert_run(&root, &["v3"]);
    assert!(undone(root.act(abort_act(&txn, Fault::World))).healthy);
    assert_run(&root, &["v2"]);
}

#[test]
fn a_status_that_does_not_know_of_which_release_is_no_obstacle() {
    let mut root = root(&["app"]);
    let releases = root.path().join("releases");
    let Service::Commands { stop, status, .. } = &mut root.settings.services[0] else { panic!() };
    // Fails where nothing was started; says yes whoever runs.
    "kill \"$(cat app.pid)\" && rm app.pid".clone_into(stop);
    *status = format!("for p in {}/*/app.pid; do kill -0 $(cat $p) && exit 0; done; exit 1", releases.display());
    deploy(&root, "v1");
    let txn = root.open(&root.intent(&root.stage("v2")));
    root.kill_watchdogs();
    // As when it died between the switch and the first stop.
    let record = format!("v=1\ntxn={txn}\nfinished=no\nend=1\n");
    fs::write(root.state("activated"), record).unwrap();
    let link = root.path().join("current");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("releases/v2", &link).unwrap();
    let ending = undone(root.abort(&txn));
    assert!(ending.healthy, "{ending:?}");
    assert_run(&root, &["v1"]);
}
