//! act itself, with a small action that stands for ours: what the tests of `examples/` rest on.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::world::act::Workflow;
use crate::world::github::GitHub;
use crate::world::sample::Sample;

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// Says what it was given, and asks GitHub for a tag with bash alone.
const ENTRY: &str = r#"#!/bin/bash
echo "key: $(printf %s "$INPUT_KEY" | wc -l) lines, version ${INPUT_VERSION}, root ${INPUT_ROOT}"
echo "results: ${ACTIONS_RESULTS_URL}, run ${GITHUB_RUN_ID}, event ${GITHUB_EVENT_NAME}"
address=${GITHUB_API_URL#http://}
exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
printf 'GET /repos/org/diary/git/ref/tags/v1.0.0 HTTP/1.0\r\nUser-Agent: x\r\nAuthorization: Bearer %s\r\n\r\n' "$INPUT_TOKEN" >&3
head -n 1 <&3
echo "outcome=as asked" >>"$GITHUB_OUTPUT"
"#;

#[test]
#[ignore = "world: github"]
fn a_workflow_runs_an_action_by_its_published_name() {
    let (sample, github, action) = (Sample::new(), GitHub::start(), tempfile::TempDir::new().unwrap());
    github.serve("org/diary", sample.folder());
    write(action.path(), "entry", ENTRY);
    write(
        action.path(),
        "Dockerfile",
        "FROM debian:bookworm-slim\nCOPY entry /entry\nRUN chmod 755 /entry\nENTRYPOINT [\"/entry\"]\n",
    );
    let inputs = "{ key: { required: true }, version: { default: '' }, root: { default: '' }, token: { default: '${{ github.token }}' } }";
    let outputs = "{ outcome: { description: x } }";
    let metadata = format!(
        "name: x\ndescription: x\ninputs: {inputs}\noutputs: {outputs}\nruns: {{ using: docker, image: Dockerfile }}\n"
    );
    write(action.path(), "action.yml", &metadata);
    write(
        sample.folder(),
        ".github/workflows/deploy.yml",
        r"
on:
  workflow_dispatch:
    inputs: { version: { type: string } }
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - id: deploy
        uses: org/rollback-deploy@v1
        with:
          key: ${{ secrets.DEPLOY_KEY }}
          version: ${{ inputs.version }}
          root: ${{ vars.ROOT }}
      - run: echo 'outcome ${{ steps.deploy.outputs.outcome }}'; cat VERSION
",
    );
    let said = Workflow {
        repository: sample.folder(),
        file: ".github/workflows/deploy.yml",
        event: "workflow_dispatch",
        payload: json!({"inputs": {"version": "v1.0.0"}, "repository": {"full_name": "org/diary", "private": true}}),
        action: ("org/rollback-deploy@v1", action.path()),
        secrets: BTreeMap::from([("DEPLOY_KEY", "-----BEGIN\nline two\n".to_owned())]),
        vars: BTreeMap::from([("ROOT", "/srv/diary".to_owned())]),
    }
    .run(&github);
    assert!(said.ok(), "{}{}", said.out, said.err);
    for words in [
        "key: 2 lines, version v1.0.0, root /srv/diary",
        "run 7, event workflow_dispatch",
        "HTTP/1.0 200 OK",
        "outcome as asked",
        "v1.2.0-wrong-version",
    ] {
        assert!(said.out.contains(words), "{words} is missing in\n{}{}", said.out, said.err);
    }
    assert!(said.out.contains(&format!("results: {}", github.results_url("127.0.0.1"))), "{}", said.out);
}
