//! The action itself, in its image.

use std::collections::BTreeMap;

use serde_json::json;

use crate::world::act::Workflow;
use crate::world::action::{image, published};
use crate::world::github::GitHub;
use crate::world::runner::{Runner, Stage};
use crate::world::sample::Sample;

#[test]
#[ignore = "world: github"]
fn without_inputs_it_says_what_is_missing() {
    let github = GitHub::start();
    let mut runner = Runner::new(image());
    runner.at(&github);
    let ended = runner.run(Stage::Main);
    assert_eq!(ended.code, Some(2), "{}", ended.console.text());
    assert!(!ended.console.annotated("error").is_empty(), "{}", ended.console.text());
    assert_eq!(ended.outputs.get("exit-code").map(String::as_str), Some("2"), "{:?}", ended.outputs);
    assert_eq!(ended.problems, Vec::<String>::new());
    assert_eq!(runner.run(Stage::Post).code, Some(0), "there is nothing to finish or undo");
}

#[test]
#[ignore = "world: github"]
fn act_runs_it_by_its_published_name() {
    let (github, sample, action) = (GitHub::start(), Sample::new(), published());
    let workflow = sample.folder().join(".github/workflows");
    std::fs::create_dir_all(&workflow).unwrap();
    let text = "on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v5\n      - uses: org/rollback-deploy@v1\n        with: { action: no-such-action }\n";
    std::fs::write(workflow.join("deploy.yml"), text).unwrap();
    let said = Workflow {
        repository: sample.folder(),
        file: ".github/workflows/deploy.yml",
        event: "push",
        payload: json!({"ref": "refs/heads/main", "repository": {"full_name": "org/diary", "private": true}}),
        action: ("org/rollback-deploy@v1", action.path()),
        secrets: BTreeMap::new(),
        vars: BTreeMap::new(),
    }
    .run(&github);
    assert!(!said.ok() && said.out.contains("no-such-action"), "{}{}", said.out, said.err);
}
