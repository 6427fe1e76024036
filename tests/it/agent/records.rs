//! Records that are torn, newer, or somebody else's; what a killed run left.

use std::fs;

use rollback_deploy_core::wire::{Act, Answer, Report, Request};

use super::root::{Root, done, files, refused, undone};

#[test]
fn a_torn_record_of_a_change_is_as_good_as_expired() {
    for whole in [false, true] {
        let root = Root::new();
        let v1 = root.deploy("v1");
        let v2 = root.stage("v2");
        root.switched(&root.intent(&v2));
        root.kill_watchdogs();
        let text = fs::read_to_string(root.state("pending")).unwrap();
        let torn = if whole { String::new() } else { text[..text.len() / 2].to_owned() };
        fs::write(root.state("pending"), torn).unwrap();
        assert!(matches!(done(root.act(Act::Recover { allow: Vec::new() })), Report::Recovered { .. }));
        root.assert_serves(Some(&v1));
        assert!(root.has("torn"), "it is put aside, not lost");
        root.complete(&root.intent(&v2));
        root.assert_serves(Some(&v2));
    }
}

#[test]
fn a_torn_record_of_what_is_confirmed_stops_everything_and_guesses_nothing() {
    let root = Root::new();
    root.deploy("v1");
    let v2 = root.stage("v2");
    let text = fs::read_to_string(root.state("confirmed")).unwrap();
    fs::write(root.state("confirmed"), &text[..text.len() - 3]).unwrap();
    let (what, _) = refused(root.act(Act::Recover { allow: Vec::new() }));
    assert!(what.contains("the record confirmed cannot be read"), "{what}");
    refused(root.act(Act::Begin(Box::new(root.intent(&v2)))));
    assert!(matches!(root.act(Act::Prune { keep: 1 }), Answer::Failed(_)));
    assert_eq!(root.runs().as_deref(), Some("v1"));
    fs::write(root.state("confirmed"), text).unwrap();
    root.complete(&root.intent(&v2));
}

#[test]
fn records_of_a_newer_version_are_refused_with_words() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let v2 = root.stage("v2");
    let newer = |name: &str| {
        let text = fs::read_to_string(root.state(name)).unwrap();
        fs::write(root.state(name), text.replacen("v=1", "v=2", 1)).unwrap();
        text
    };
    let text = newer("confirmed");
    let Answer::Refused(failure) = root.act(Act::Begin(Box::new(root.intent(&v2)))) else { panic!("refused") };
    assert!(failure.because.iter().any(|said| said.expose().contains("use the newer program")), "{failure:?}");
    fs::write(root.state("confirmed"), text).unwrap();

    let intent = root.intent(&v2);
    done(root.act(Act::Begin(Box::new(intent.clone()))));
    let text = newer("pending");
    for act in [Act::Recover { allow: Vec::new() }, Act::Begin(Box::new(root.rollback(&v1)))] {
        let Answer::Refused(failure) = root.act(act.clone()) else { panic!("{act:?} refused") };
        assert!(failure.because.iter().any(|said| said.expose().contains("newer program")), "{failure:?}");
    }
    assert!(root.has("pending"), "it is not put aside");
    fs::write(root.state("pending"), text).unwrap();
    undone(root.abort(&intent.txn));
    root.assert_serves(Some(&v1));
}

#[test]
fn what_a_killed_run_left_is_collected_and_nothing_else() {
    let mut root = Root::new();
    let v1 = root.deploy("v1");
    root.settings.build = vec!["touch building; sleep 60".to_owned()];
    let content = files("v2");
    let staging = root.staging("v2", &content);
    let mut agent = root.agent();
    agent.send_request(Request::Act(Act::Prepare(Box::new(staging.clone()))));
    let folder = root.path().join("releases/v2");
    // The contents are asked for on the way to the answer, which never comes: another thread feeds the agent.
    std::thread::scope(|scope| {
        let entries = staging.manifest.entries().to_vec();
        let feeding = scope.spawn(move || {
            let answer = agent.answer(&|index| content[entries[index as usize].path.as_str()].clone());
            agent.leave();
            answer
        });
        root.await_that("the build runs", || folder.join("building").exists());
        let recovered = done(root.act(Act::Recover { allow: Vec::new() }));
        assert!(matches!(&recovered, Report::Recovered { rubbish, .. } if rubbish.is_empty()), "it is being staged");
        root.processes(|_, command| command.contains(" agent ")).into_iter().for_each(super::root::kill);
        assert_eq!(feeding.join().unwrap(), None, "killed in the middle");
    });
    // A build command that outlives its agent holds the lock of the folder that it writes to.
    let recovered = done(root.act(Act::Recover { allow: Vec::new() }));
    let building = root.processes(|_, command| command.contains("sleep 60"));
    if !building.is_empty() {
        assert!(matches!(&recovered, Report::Recovered { rubbish, .. } if rubbish.is_empty()), "{recovered:?}");
        root.processes(|target, _| target.starts_with(&folder)).into_iter().for_each(super::root::kill);
        root.await_that("the build is gone", || root.processes(|target, _| target.starts_with(&folder)).is_empty());
    }
    // A folder of somebody else's, and one that bears a name we would like to have.
    fs::create_dir(root.path().join("releases/theirs")).unwrap();
    fs::create_dir(root.path().join("releases/v3")).unwrap();
    let recovered = done(root.act(Act::Recover { allow: Vec::new() }));
    let Report::Recovered { strangers, .. } = &recovered else { panic!("{recovered:?}") };
    assert_eq!(strangers.as_slice(), ["theirs", "v3"], "told, by name");
    let Report::Facts(facts) = done(root.act(Act::Inspect(Box::new(root.settings.clone())))) else { panic!("facts") };
    assert_eq!(&facts.strangers, strangers);
    let found = matches!(&recovered, Report::Recovered { rubbish, .. } if rubbish.iter().any(|id| id.as_str() == "v2"));
    assert!(found || !building.is_empty() || !folder.exists(), "{recovered:?}");
    assert!(!folder.exists() && !root.has("releases/v2") && !root.has("releases/v2.state"));
    root.settings.build.clear();
    assert_eq!(root.stage("v3").as_str(), "v3_2", "the folder is theirs, and so is the name");
    done(root.act(Act::Recover { allow: Vec::new() }));
    done(root.act(Act::Prune { keep: 1 }));
    assert!(root.path().join("releases/theirs").is_dir() && root.path().join("releases/v3").is_dir());
    root.assert_serves(Some(&v1));
}

#[test]
fn leftovers_of_dead_processes_are_swept_only_while_nothing_is_open() {
    let root = Root::new();
    let v1 = root.deploy("v1");
    let mine = format!("lease.tmp.{}.{}", std::process::id(), started(std::process::id()));
    let left =
        ["lease.tmp.1.1", "releases/v1.state.tmp.1.1", "spare.bad", "agent/.making.4194305", "migration.old.log"];
    for name in left.iter().copied().chain([mine.as_str()]) {
        fs::write(root.state(name), "x").unwrap();
    }
    std::os::unix::fs::symlink("releases/v1", root.path().join(".current.rollback-deploy.gone.new")).unwrap();
    std::os::unix::fs::symlink("releases/v1", root.path().join(".current.rollback-deploy.gone.new.making")).unwrap();
    let txn = root.open(&root.intent(&root.stage("v2")));
    done(root.act(Act::Recover { allow: Vec::new() }));
    assert!(
        root.has("spare.bad")
            && root.path().join(format!(".current.rollback-deploy.{txn}.new")).symlink_metadata().is_ok()
    );
    undone(root.abort(&txn));
    root.await_that("the watchdog ends", || !root.has_watchdog());
    done(root.act(Act::Recover { allow: Vec::new() }));
    assert!(root.has(&mine), "its writer lives");
    fs::remove_file(root.state(&mine)).unwrap();
    assert_eq!(super::walk::leftovers(&root), Vec::<String>::new());
    assert!(!root.has("migration.old.log"));
    root.assert_serves(Some(&v1));
}

/// When a process started, as `/proc` counts.
fn started(pid: u32) -> u64 {
    rollback_deploy::agent::clock::started(pid).unwrap()
}
