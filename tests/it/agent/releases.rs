//! What a release consists of on a host: shared paths, assets, clones; what is kept of old ones.

use std::fs;
use std::process::{Command, Stdio};

use rollback_deploy_core::model::{RelPath, SharedPath};
use rollback_deploy_core::wire::{Act, Answer, Report};

use super::root::{Files, Root, done, files};

pub(crate) fn rel(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

fn what_failed(answer: Answer) -> String {
    match answer {
        Answer::Failed(failure) | Answer::Refused(failure) => failure.what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn shared_paths_outlive_releases() {
    let mut root = Root::new();
    root.settings.shared = vec![
        SharedPath::File(rel(".env")),
        SharedPath::Folder { path: rel("logs"), seed: false },
        SharedPath::Folder { path: rel("media"), seed: true },
    ];
    root.settings.build = vec!["cat .env > built; mkdir -p logs; echo from the build > logs/build".to_owned()];
    let content = files("v1");
    let missing = what_failed(root.try_stage(&root.staging("v1", &content), &content));
    assert_eq!(missing, "a shared file is missing");
    assert!(!root.path().join("releases/v1").exists());
    fs::create_dir(root.path().join("shared")).unwrap();
    fs::write(root.path().join("shared/.env"), "A=1\n").unwrap();

    let mut content = files("v1");
    content.insert("media/first".to_owned(), b"seed".to_vec());
    let v1 = root.stage_files("v1", &content).release;
    root.complete(&root.intent(&v1));
    assert_eq!(root.text("current/built"), "A=1\n", "shared files are there before the build");
    assert_eq!(root.text("current/logs/build"), "from the build\n", "shared folders come after it");
    assert_eq!(root.text("current/media/first"), "seed");
    fs::write(root.path().join("current/logs/line"), "kept").unwrap();
    fs::write(root.path().join("shared/media/upload"), "kept").unwrap();

    let mut content = files("v2");
    content.insert("logs/tracked".to_owned(), b"x".to_vec());
    let refused = what_failed(root.try_stage(&root.staging("v2", &content), &content));
    assert!(refused.contains("logs is shared"), "{refused}");
    root.deploy("v3");
    assert_eq!(root.text("current/logs/line"), "kept");
    assert_eq!(root.text("current/media/upload"), "kept");
    assert_eq!(root.text("current/media/first"), "seed");

    // One that changes what is live before the switch is pointed out.
    root.settings.shared.push(SharedPath::Folder { path: rel("static"), seed: true });
    let Report::Facts(facts) = done(root.act(Act::Inspect(Box::new(root.settings.clone())))) else { panic!("facts") };
    assert!(facts.warnings.iter().any(|warning| warning.starts_with("static/ is shared")), "{:?}", facts.warnings);
}

#[test]
fn assets_of_the_release_before_stay_reachable_but_do_not_pile_up() {
    let mut root = Root::new();
    root.settings.assets = vec![rel("static")];
    let with = |version: &str| {
        let mut content = files(version);
        content.insert(format!("static/app-{version}.js"), version.as_bytes().to_vec());
        content.insert("static/logo".to_owned(), format!("logo of {version}").into_bytes());
        content
    };
    let deploy = |version: &str| {
        let release = root.stage_files(version, &with(version)).release;
        root.complete(&root.intent(&release));
    };
    deploy("v1");
    deploy("v2");
    assert_eq!(root.text("current/static/app-v1.js"), "v1");
    assert_eq!(root.text("current/static/logo"), "logo of v2");
    deploy("v3");
    assert_eq!(root.text("current/static/app-v2.js"), "v2");
    assert_eq!(root.text("current/static/app-v1.js"), "", "only of the release before");
}

#[test]
fn what_the_host_has_does_not_travel_and_is_no_hard_link() {
    let root = Root::new();
    let content = files("v1");
    let first = root.stage_files("v1", &content);
    assert_eq!((first.files_sent, first.files_cloned), (3, 0));
    let second = root.stage_files("v2", &files("v2"));
    assert_eq!((second.files_sent, second.files_cloned), (2, 1));
    // An app that writes in place changes only its own release.
    fs::write(root.path().join("releases/v2/lib/same"), "changed").unwrap();
    assert_eq!(root.text("releases/v1/lib/same"), "the same in every release\n");
    // What was changed on the host is no source any more: from another release, or over the wire.
    fs::write(root.path().join("releases/v1/lib/same"), "changed too\n").unwrap();
    let third = root.stage_files("v3", &files("v3"));
    assert_eq!((third.files_sent, third.files_cloned), (3, 0));
    assert_eq!(root.text("releases/v3/lib/same"), "the same in every release\n");
    // A release of which everything is there already.
    let mut content = Files::new();
    content.insert("VERSION".to_owned(), b"v3".to_vec());
    let fourth = root.stage_files("v4", &content);
    assert_eq!((fourth.files_sent, fourth.files_cloned), (0, 1));
}

#[test]
fn a_build_that_fails_leaves_nothing_behind() {
    let mut root = Root::new();
    let v1 = root.deploy("v1");
    root.settings.build = vec!["echo what went wrong; exit 4".to_owned()];
    let content = files("v2");
    let Answer::Failed(failure) = root.try_stage(&root.staging("v2", &content), &content) else { panic!("failed") };
    assert!(failure.what.contains("exited with 4"), "{failure:?}");
    assert!(failure.because.iter().any(|said| said.expose().contains("what went wrong")));
    assert!(!root.path().join("releases/v2").exists());
    assert_eq!(root.list().len(), 1);
    root.assert_serves(Some(&v1));
}

#[test]
fn prune_never_takes_what_is_needed() {
    let mut root = Root::new();
    root.settings.keep = 10;
    for version in ["v1", "v2", "v3", "v4", "v5"] {
        root.deploy(version);
    }
    let fresh = root.stage("v6");
    // An old process still runs from the oldest.
    let mut old = Command::new("sleep")
        .arg("600")
        .current_dir(root.path().join("releases/v1"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let Report::Pruned { removed, kept } = done(root.act(Act::Prune { keep: 2 })) else { panic!("pruned") };
    let removed: Vec<&str> = removed.iter().map(rollback_deploy_core::model::ReleaseId::as_str).collect();
    assert_eq!(
        {
            let mut sorted = removed.clone();
            sorted.sort_unstable();
            sorted
        },
        ["v2", "v3"]
    );
    assert!(
        kept.iter().any(|line| line.starts_with("v1: process ") && line.contains("still runs from it")),
        "{kept:?}"
    );
    assert!(kept.iter().any(|line| line.starts_with("v6: ") && line.contains("within a day")), "{kept:?}");
    old.kill().unwrap();
    old.wait().unwrap();
    let there = |version: &str| root.path().join("releases").join(version).is_dir();
    assert!(there("v1") && there("v4") && there("v5") && there("v6") && !there("v2"));
    // A rollback's target and its way back stay while it is open, whatever is asked for.
    let v4 = super::root::id("v4");
    let txn = root.switched(&root.rollback(&v4));
    done(root.act(Act::Prune { keep: 1 }));
    assert!(there("v4") && there("v5"));
    done(root.confirm(&txn));
    root.assert_serves(Some(&v4));
    assert!(root.list().iter().any(|row| row.id == fresh));
    // The name of what was pruned is not used again for another content.
    assert_eq!(root.stage("v2").as_str(), "v2_2");
}

#[test]
fn the_live_link_has_a_name_and_place_of_ones_choice() {
    let mut root = Root::new();
    let link = root.base().join("www").join("site");
    fs::create_dir(root.base().join("www")).unwrap();
    root.settings.link = rollback_deploy_core::model::AbsPath::new(link.to_str().unwrap()).unwrap();
    root.deploy("v1");
    root.deploy("v2");
    assert_eq!(fs::read_link(&link).unwrap(), root.path().join("releases/v2"));
    assert!(root.path().join("current").symlink_metadata().is_err());
    root.complete(&root.rollback(&super::root::id("v1")));
    assert_eq!(fs::read_link(&link).unwrap(), root.path().join("releases/v1"));
    assert_eq!(fs::read_dir(root.base().join("www")).unwrap().count(), 1, "nothing is left beside the link");
}
