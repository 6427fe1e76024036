//! What a step finds in its environment, and the arguments of its container.

use std::collections::BTreeMap;
use std::path::Path;

use super::metadata::{Metadata, variable};
use super::{Program, Runner, Stage};
use crate::world::github::TOKEN;
use crate::world::label;

/// Folders of the runner.
pub(super) const FOLDERS: [&str; 5] =
    ["temp", "_github_home", "_github_workflow", "_runner_file_commands", "workspace"];

/// Where a folder of the runner is inside a container.
const MOUNTS: [(&str, &str); 5] = [
    ("temp", "/github/runner_temp"),
    ("_github_home", "/github/home"),
    ("_github_workflow", "/github/workflow"),
    ("_runner_file_commands", "/github/file_commands"),
    ("workspace", "/github/workspace"),
];

/// The files that are read after a stage: outputs, state, summary, in this order.
pub(super) const SPEAKS: [(&str, &str); 3] = [
    ("GITHUB_OUTPUT", "_runner_file_commands/set_output_0a1b"),
    ("GITHUB_STATE", "_runner_file_commands/save_state_0a1b"),
    ("GITHUB_STEP_SUMMARY", "_runner_file_commands/step_summary_0a1b"),
];

/// What a dispatched run of `org/diary` is told.
pub(super) fn context() -> BTreeMap<String, String> {
    let known = [
        ("GITHUB_ACTION", "__org_rollback-deploy"),
        ("GITHUB_ACTION_REF", "v1"),
        ("GITHUB_ACTION_REPOSITORY", "org/rollback-deploy"),
        ("GITHUB_ACTOR", "ada"),
        ("GITHUB_ACTOR_ID", "1"),
        ("GITHUB_API_URL", "https://api.github.com"),
        ("GITHUB_BASE_REF", ""),
        ("GITHUB_EVENT_NAME", "workflow_dispatch"),
        ("GITHUB_GRAPHQL_URL", "https://api.github.com/graphql"),
        ("GITHUB_HEAD_REF", ""),
        ("GITHUB_JOB", "deploy"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_REF_PROTECTED", "False"),
        ("GITHUB_REF_TYPE", "branch"),
        ("GITHUB_REPOSITORY", "org/diary"),
        ("GITHUB_REPOSITORY_ID", "1"),
        ("GITHUB_REPOSITORY_OWNER", "org"),
        ("GITHUB_REPOSITORY_OWNER_ID", "1"),
        ("GITHUB_RETENTION_DAYS", "90"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_RUN_NUMBER", "3"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_SHA", "0000000000000000000000000000000000000000"),
        ("GITHUB_TRIGGERING_ACTOR", "ada"),
        ("GITHUB_WORKFLOW", "deploy"),
        ("GITHUB_WORKFLOW_REF", "org/diary/.github/workflows/deploy.yml@refs/heads/main"),
        ("GITHUB_WORKFLOW_SHA", "0000000000000000000000000000000000000000"),
        ("RUNNER_ARCH", "X64"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
        ("RUNNER_NAME", "Hosted Agent"),
        ("RUNNER_OS", "Linux"),
        ("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache"),
        ("RUNNER_WORKSPACE", "/home/runner/work/diary"),
    ];
    known.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

impl Runner {
    /// Every variable of a stage, in the runner's order of precedence, and what the runner would warn about.
    pub(super) fn variables(&self, stage: Stage, metadata: &Metadata) -> (BTreeMap<String, String>, Vec<String>) {
        let mut all = self.env.clone();
        let mut problems = Vec::new();
        if stage == Stage::Post && self.keeps_state {
            all.extend(self.state.iter().map(|(name, value)| (format!("STATE_{name}"), value.clone())));
        }
        for (name, input) in &metadata.inputs {
            all.insert(variable(name), default_of(name, input.default.as_deref().unwrap_or_default()));
        }
        for (name, value) in &self.inputs {
            if !metadata.inputs.is_empty() && !metadata.inputs.contains_key(name) {
                problems.push(format!("Unexpected input(s) '{name}'"));
            }
            all.insert(variable(name), value.clone());
        }
        for (name, value) in &metadata.runs.env {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
        all.extend(self.context.clone());
        all.insert("GITHUB_ACTIONS".to_owned(), "true".to_owned());
        all.entry("CI".to_owned()).or_insert_with(|| "true".to_owned());
        let folder = |name: &str| self.folders.path().join(name).display().to_string();
        all.insert("HOME".to_owned(), folder("_github_home"));
        all.insert("RUNNER_TEMP".to_owned(), folder("temp"));
        all.insert("GITHUB_WORKSPACE".to_owned(), folder("workspace"));
        all.insert("GITHUB_EVENT_PATH".to_owned(), folder("_github_workflow/event.json"));
        all.extend(SPEAKS.map(|(name, file)| (name.to_owned(), folder(file))));
        if matches!(self.program, Program::Image(_)) {
            for value in all.values_mut() {
                *value = inside(self.folders.path(), value);
            }
        }
        (all, problems)
    }
}

/// The default of an input, with the one expression that actions use there.
fn default_of(name: &str, text: &str) -> String {
    match text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim) {
        Some("github.token") => TOKEN.to_owned(),
        Some(other) => panic!("the default of {name} uses {other}, which this harness does not know"),
        None => text.to_owned(),
    }
}

/// A value that starts with a folder of the runner, as the container must see it. Only at its start, as the runner does.
fn inside(folders: &Path, value: &str) -> String {
    for (outside, inside) in MOUNTS {
        let outside = folders.join(outside).display().to_string();
        if let Some(rest) = value.strip_prefix(&outside).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            return format!("{inside}{rest}");
        }
    }
    value.to_owned()
}

/// The arguments of docker. Values travel in the client's own environment: names only are said here.
pub(super) fn docker(
    folders: &Path,
    container: &str,
    entrypoint: Option<&str>,
    image: &str,
    variables: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut all = ["run", "--name", container, "--label", &label(), "--workdir", "/github/workspace", "--rm"]
        .map(str::to_owned)
        .to_vec();
    let spelled = ["GITHUB_ACTIONS", "CI"];
    for name in variables.keys().filter(|name| !spelled.contains(&name.as_str())) {
        all.extend(["-e".to_owned(), name.clone()]);
    }
    all.extend(["-e", "GITHUB_ACTIONS=true", "-e", "CI=true"].map(str::to_owned));
    if let Some(entrypoint) = entrypoint {
        all.extend(["--entrypoint".to_owned(), entrypoint.to_owned()]);
    }
    all.extend(["-v", "/var/run/docker.sock:/var/run/docker.sock"].map(str::to_owned));
    for (outside, inside) in MOUNTS {
        all.extend(["-v".to_owned(), format!("{}:{inside}", folders.join(outside).display())]);
    }
    all.push(image.to_owned());
    all
}
