//! The environment file: what changed in it is told by names only.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rollback_deploy_core::model::{RelPath, ReleaseId, SharedPath};
use rollback_deploy_core::wire::{Act, Intent, Report};

use super::root::{Root, done, undone};

fn root() -> Root {
    let mut root = Root::new();
    let file = RelPath::new(".env").unwrap();
    root.settings.shared = vec![SharedPath::File(file.clone())];
    root.settings.environment_file = Some(file);
    fs::create_dir(root.path().join("shared")).unwrap();
    root
}

fn env(root: &Root, text: &str) {
    let path = root.path().join("shared/.env");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What a rollback to a release says of the environment file.
fn told(root: &Root, to: &ReleaseId, with_env: bool) -> Vec<String> {
    let intent = Intent { with_env, ..root.rollback(to) };
    let Report::Begun { environment, .. } = done(root.act(Act::Begin(Box::new(intent.clone())))) else {
        panic!("begun")
    };
    undone(root.abort(&intent.txn));
    environment
}

#[test]
fn a_rollback_names_what_changed_and_shows_no_value() {
    let root = root();
    env(&root, "SAME=1\nSECRET=\"hunter2\"\nGONE=1\n# NOT=1\n");
    let v1 = root.deploy("v1");
    let v2 = root.deploy("v2");
    assert_eq!(told(&root, &v1, false), Vec::<String>::new());
    env(&root, "SAME=1\nSECRET=hunter3\nNEW=1\nBAD NAME=1\n");
    for with_env in [false, true] {
        assert_eq!(told(&root, &v1, with_env), ["GONE", "NEW", "SECRET"]);
    }
    // Before the next deploy too: its restart would bring them.
    let warned = "the environment file was changed since v2 was deployed: GONE, NEW, SECRET";
    for copy in [true, false] {
        let Report::Facts(facts) = done(root.act(Act::Inspect(Box::new(root.settings.clone())))) else { panic!() };
        assert!(facts.warnings.iter().any(|warning| warning == warned), "{copy}: {:?}", facts.warnings);
        // Without its copy the record itself says it.
        let _gone = fs::remove_file(root.state("releases/v2.env"));
    }
    let story = fs::read_to_string(root.state(&format!("releases/{v2}"))).unwrap();
    let line = story.lines().find_map(|line| line.strip_prefix("environment=")).unwrap();
    let names: BTreeMap<String, String> = serde_json::from_str(line).unwrap();
    assert_eq!(names.keys().map(String::as_str).collect::<Vec<_>>(), ["GONE", "SAME", "SECRET"]);
    assert!(!story.contains("hunter2") && story.contains("\nconfig="), "{story}");
}

#[test]
fn a_record_of_an_older_program_without_these_keys_is_read() {
    let root = root();
    env(&root, "A=1\n");
    let v1 = root.deploy("v1");
    root.deploy("v2");
    for name in ["releases/v1", "releases/v2"] {
        let text = fs::read_to_string(root.state(name)).unwrap();
        let older = text.lines().filter(|line| !line.starts_with("config=") && !line.starts_with("environment="));
        let older = older.fold(String::new(), |text, line| text + line + "\n");
        assert_ne!(older, text);
        fs::write(root.state(name), older).unwrap();
    }
    env(&root, "A=2\n");
    root.complete(&root.rollback(&v1));
    root.assert_serves(Some(&v1));
}
