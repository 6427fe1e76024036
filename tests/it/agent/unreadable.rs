//! Records that the disk does not give: never taken for records that are not there.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rollback_deploy_core::model::{Allow, Failure};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Intent};

use super::root::{Root, abort_act, done, files, id, undone};

/// Puts a folder where a record is: it cannot be read, and it is there.
fn break_it(root: &Root, name: &str) -> PathBuf {
    let (at, aside) = (root.state(name), root.base().join("aside"));
    fs::rename(&at, &aside).unwrap();
    fs::create_dir(&at).unwrap();
    aside
}

fn mend(root: &Root, name: &str, aside: PathBuf) {
    fs::remove_dir(root.state(name)).unwrap();
    fs::rename(aside, root.state(name)).unwrap();
}

#[track_caller]
fn unreadable(answer: Answer, what: &str) {
    let (Answer::Refused(failure) | Answer::Failed(failure)) = answer else { panic!("{answer:?}") };
    let Failure { what: said, because, .. } = &failure;
    assert!(said.contains(what) && because.iter().any(|why| why.expose().contains("directory")), "{failure:?}");
}

#[test]
fn an_entry_of_the_history_is_not_overlooked() {
    let root = Root::new();
    let (v1, v2, v3) = (root.deploy("v1"), root.deploy("v2"), root.deploy("v3"));
    let of_v2 = fs::read_dir(root.state("history"))
        .unwrap()
        .flatten()
        .find(|entry| fs::read_to_string(entry.path()).unwrap().contains("\nrelease=v2\n"));
    let name = format!("history/{}", of_v2.unwrap().file_name().to_str().unwrap());
    let aside = break_it(&root, &name);
    // v1 is not the way back only because nobody can read that v2 is.
    let status = root.status();
    assert!(status.way_back.is_none(), "{:?}", status.way_back);
    assert!(status.way_back_unknown.unwrap().what.contains("cannot be read"));
    let lifted = |intent: Intent| Intent { allow: vec![Allow::OneWay, Allow::WeakWatchdog], ..intent };
    unreadable(root.act(Act::Begin(Box::new(lifted(root.rollback(&v2))))), "cannot be read");
    // No name and no number is given that may be taken.
    let content = files("v4");
    unreadable(root.try_stage(&root.staging("v4", &content), &content), "cannot be read");
    mend(&root, &name, aside);
    let txn = root.open(&root.rollback(&v2));
    let aside = break_it(&root, &name);
    undone(root.abort(&txn));
    assert!(root.row(&v2).state.word() != "interrupted", "it may be proven: it is left as it was");
    mend(&root, &name, aside);
    assert_eq!(root.status().way_back.unwrap().release, v2);
    root.assert_serves(Some(&v3));
    root.complete(&root.rollback(&v1));
}

#[test]
fn what_may_have_been_switched_is_started_again() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let txn = root.switched(&root.intent(&root.stage("v2")));
    root.kill_watchdogs();
    // As after an undo that died between its link and its services.
    let link = root.path().join("current");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("releases/v1", &link).unwrap();
    let _aside = break_it(&root, "activated");
    let ending = undone(root.act(abort_act(&txn, Fault::Release)));
    assert!(ending.healthy && !ending.marked_bad, "{ending:?}");
    assert_eq!(root.runs().as_deref(), Some("v1"));
    fs::remove_dir(root.state("activated")).unwrap();
    root.assert_serves(Some(&v1));
}

#[test]
fn a_first_deploy_that_may_have_been_started_is_stopped() {
    let root = Root::new();
    let txn = root.switched(&root.intent(&root.stage("v1")));
    root.kill_watchdogs();
    let _aside = break_it(&root, "activated");
    assert!(undone(root.abort(&txn)).healthy);
    fs::remove_dir(root.state("activated")).unwrap();
    root.assert_serves(None);
}

#[test]
fn nobody_is_told_that_nothing_is_open_when_that_cannot_be_read() {
    let root = Root::new();
    root.deploy("v1");
    let txn = root.switched(&root.intent(&root.stage("v2")));
    done(root.confirm(&txn));
    let aside = break_it(&root, "confirmed");
    for act in [Act::Activate(txn.clone()), abort_act(&txn, Fault::World)] {
        unreadable(root.act(act), "the record confirmed cannot be read");
    }
    let recovered = root.act(Act::Recover { allow: vec![Allow::Drift] });
    assert!(!matches!(recovered, Answer::Undone(_)), "{recovered:?}");
    mend(&root, "confirmed", aside);
    root.assert_serves(Some(&id("v2")));
}

#[test]
fn a_holder_of_the_mutex_that_is_stuck_after_the_deadline_is_ended() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    root.switched(&root.intent(&root.stage("v2")));
    let mutex = root.mutex();
    root.expire_under(&mutex);
    drop(mutex);
    // Holds it and does nothing, as a process that hangs on a broken disk; signed as every holder signs.
    let mut holder = Command::new("flock");
    holder.arg("-F").arg(root.state("mutex")).args(["sleep", "600"]).current_dir(root.base()).stdin(Stdio::null());
    let mut holder = holder.spawn().unwrap();
    root.await_that("it holds the mutex", || {
        let comm = fs::read_to_string(format!("/proc/{}/comm", holder.id())).unwrap_or_default();
        let file = fs::File::open(root.state("mutex")).unwrap();
        comm.trim() == "sleep" && file.try_lock().is_err()
    });
    let started = rollback_deploy::agent::clock::started(holder.id()).unwrap();
    fs::write(root.state("mutex"), format!("{:<62}\n", format!("pid={} started={started}", holder.id()))).unwrap();
    root.await_settled();
    let ended = holder.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(9), "{ended:?}");
    root.assert_serves(Some(&v1));
}
