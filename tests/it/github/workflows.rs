//! The workflows of `examples/`, each run by act as it is, with the built image, against a real host.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::act::Workflow;
use crate::world::action::published;
use crate::world::command::Said;
use crate::world::github::TOKEN;

use super::scene::{FIRST, SECOND, Scene, unpacked};

/// Runs a workflow of the repository; its log must not hold a secret.
fn act(scene: &Scene, file: &str, event: &str, mut payload: Value) -> Said {
    let action = published();
    payload["repository"] = json!({"full_name": "org/diary", "private": true, "default_branch": "main"});
    payload["deleted"] = json!(false);
    let said = Workflow {
        repository: scene.sample.folder(),
        file: &format!(".github/workflows/{file}"),
        event,
        payload,
        action: ("org/rollback-deploy@v1", action.path()),
        secrets: BTreeMap::from([("DEPLOY_KEY", scene.key())]),
        vars: BTreeMap::new(),
    }
    .run(&scene.github);
    let text = format!("{}{}", said.out, said.err);
    scene.assert_no_secret(file, &text);
    assert!(!text.contains(TOKEN), "{text}");
    said
}

fn by_tag(scene: &Scene, file: &str, tag: &str) -> Said {
    act(scene, file, "push", json!({"ref": format!("refs/tags/{tag}"), "after": scene.sample.commit(tag)}))
}

fn by_hand(scene: &Scene, file: &str, inputs: &[(&str, &str)]) -> Said {
    let inputs: BTreeMap<_, _> = inputs.iter().copied().collect();
    let commit = scene.sample.commit("main");
    act(scene, file, "workflow_dispatch", json!({"ref": "refs/heads/main", "after": commit, "inputs": inputs}))
}

/// It went well and said this, outputs among it.
fn said(ended: &Said, words: &[&str]) {
    assert!(ended.ok(), "{}{}", ended.out, ended.err);
    for word in words {
        assert!(ended.out.contains(word), "{word} is missing in\n{}{}", ended.out, ended.err);
    }
}

#[test]
#[ignore = "world: github"]
fn a_pushed_tag_and_the_buttons_deploy_and_roll_back() {
    let scene = Scene::new();
    let ended = by_tag(&scene, "deploy-on-tag.yml", FIRST);
    said(&ended, &[&format!("{FIRST} of diary is live in production, confirmed."), "::set-output:: outcome=done"]);
    assert_eq!(scene.serves(), FIRST);

    let ended = by_hand(&scene, "deploy-manual.yml", &[("action", "plan"), ("version", SECOND)]);
    said(&ended, &[SECOND, "plan"]);
    assert_eq!(scene.serves(), FIRST, "a plan changes nothing");

    let ended = by_hand(&scene, "deploy-manual.yml", &[("action", "deploy"), ("version", SECOND)]);
    said(&ended, &[&format!("Rollback target: {FIRST}."), &format!("::set-output:: rollback-target={FIRST}")]);
    assert_eq!(scene.serves(), SECOND);

    said(&by_hand(&scene, "deploy-manual.yml", &[("action", "status")]), &[SECOND, "The status of diary"]);

    // No input at all.
    let ended = by_hand(&scene, "rollback.yml", &[]);
    said(&ended, &[&format!("diary in production went back to {FIRST}"), &format!("::set-output:: version={FIRST}")]);
    assert_eq!(scene.serves(), FIRST);

    let ended = by_hand(&scene, "rollback-approved.yml", &[("version", SECOND)]);
    said(&ended, &[&format!("went back to {SECOND}"), "::set-output:: outcome=done"]);
    assert_eq!(scene.serves(), SECOND);

    let ended = by_hand(&scene, "deploy-manual.yml", &[("action", "rollback"), ("version", FIRST)]);
    said(&ended, &[&format!("went back to {FIRST}")]);
    assert_eq!(scene.serves(), FIRST);

    let names: Vec<String> = scene.github.artifacts().into_iter().map(|artifact| artifact.name).collect();
    let expected = [FIRST, SECOND].map(|version| format!("deployment-backup-production-{version}-web-1-7-1"));
    assert_eq!(names, expected);
    for artifact in scene.github.artifacts() {
        for (path, text) in unpacked(&artifact) {
            scene.assert_no_secret(&path, &text);
        }
    }
}

#[test]
#[ignore = "world: github"]
fn one_workflow_calls_another_for_staging_and_production() {
    let scene = Scene::new();
    let ended = by_tag(&scene, "call-reusable.yml", FIRST);
    said(
        &ended,
        &[
            &format!("{FIRST} of diary is live in staging, confirmed."),
            &format!("{FIRST} of diary is live in production, confirmed."),
        ],
    );
    assert_eq!(scene.serves(), FIRST);
    assert_eq!(scene.host.app_version(&crate::world::host::App::second()).as_deref(), Some(FIRST));
    let names: Vec<String> = scene.github.artifacts().into_iter().map(|artifact| artifact.name).collect();
    let expected = ["staging", "production"].map(|name| format!("deployment-backup-{name}-{FIRST}-web-1-7-1"));
    assert_eq!(names, expected);
}

/// The queues of the examples: a rollback shares none with a deploy.
#[test]
fn a_rollback_never_waits_in_the_queue_of_a_deploy() {
    let group = |file: &str| {
        let text = std::fs::read_to_string(crate::world::repository(&format!("examples/workflows/{file}"))).unwrap();
        let workflow: Value = serde_yaml::from_str(&text).unwrap();
        let own = workflow["concurrency"].clone();
        let jobs = workflow["jobs"].as_object().unwrap().values();
        let all: Vec<Value> =
            jobs.map(|job| job["concurrency"].clone()).chain([own]).filter(|it| !it.is_null()).collect();
        assert!(!all.is_empty(), "{file}");
        all.into_iter()
            .map(|concurrency| {
                assert_eq!(concurrency["cancel-in-progress"], false, "{file}: nothing cancels a change");
                concurrency["group"].as_str().unwrap().to_owned()
            })
            .collect::<Vec<_>>()
    };
    let deploys: Vec<String> =
        ["deploy-on-tag.yml", "reusable-deploy.yml", "call-reusable.yml"].into_iter().flat_map(group).collect();
    let rollback = group("rollback.yml");
    assert_eq!(rollback, ["rollback-production"]);
    assert!(!deploys.contains(&rollback[0]) && !group("rollback-approved.yml").contains(&rollback[0]), "{deploys:?}");
    // By the button for everything: each action has a queue of its own.
    assert_eq!(group("deploy-manual.yml"), ["${{ inputs.action }}-${{ inputs.environment }}"]);
}
