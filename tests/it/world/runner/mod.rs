//! A runner: starts the action with exactly the contract of GitHub's runner and understands what it says.

mod console;
mod environment;
mod files;
mod metadata;
mod process;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use console::Console;
pub(crate) use files::pairs;
pub(crate) use metadata::variable;
pub(crate) use process::{Go, Watch};

use super::command::say;
use super::github::{GitHub, TOKEN};
use super::unique;

/// Which program runs as the action.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    /// This file, directly: quick, and everything but the container is as in a run.
    File(PathBuf),
    /// This image, as the runner runs it.
    Image(String),
}

/// Which part of the action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The step itself.
    Main,
    /// After the job.
    Post,
}

/// A job on a runner, with one step: the action. Its folders are gone when dropped.
pub(crate) struct Runner {
    folders: TempDir,
    program: Program,
    /// `with:` of the step.
    pub(crate) inputs: BTreeMap<String, String>,
    /// `env:` of workflow, job and step.
    pub(crate) env: BTreeMap<String, String>,
    /// What the runner says of the run: `GITHUB_…` and `ACTIONS_…`; to be changed before a stage runs.
    pub(crate) context: BTreeMap<String, String>,
    /// What triggered the run.
    pub(crate) event: Value,
    /// Masked from the start.
    pub(crate) secrets: Vec<String>,
    /// Runs instead of what `action.yml` names as entrypoint of both stages.
    pub(crate) stand_in: Option<String>,
    /// Does the state of the main stage reach the post stage? Not in every runner.
    pub(crate) keeps_state: bool,
    state: BTreeMap<String, String>,
    containers: Vec<String>,
}

/// How a stage ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// What it printed, understood.
    pub(crate) console: Console,
    /// `outputs` of the step.
    pub(crate) outputs: BTreeMap<String, String>,
    /// What it left for the post stage.
    pub(crate) state: BTreeMap<String, String>,
    /// The job summary.
    pub(crate) summary: String,
    /// What the runner itself would complain about: files it cannot read, inputs that are not declared.
    pub(crate) problems: Vec<String>,
    /// From cancel or kill to the end.
    pub(crate) settled_in: Option<Duration>,
}

impl Ended {
    /// Is the step green?
    pub(crate) fn success(&self) -> bool {
        self.code == Some(0) && self.problems.is_empty()
    }
}

impl Runner {
    /// A dispatched run, number 7, of `org/diary` on `main`, with an empty workspace.
    pub(crate) fn new(program: Program) -> Self {
        let folders = TempDir::new().expect("a temporary folder");
        for name in environment::FOLDERS {
            std::fs::create_dir_all(folders.path().join(name)).expect("our own folder");
        }
        Self {
            folders,
            program,
            inputs: BTreeMap::new(),
            env: BTreeMap::new(),
            context: environment::context(),
            event: json!({
                "inputs": {}, "ref": "refs/heads/main",
                "repository": {"full_name": "org/diary", "private": true, "visibility": "private", "default_branch": "main"},
                "sender": {"login": "ada"},
            }),
            secrets: vec![TOKEN.to_owned()],
            stand_in: None,
            keeps_state: true,
            state: BTreeMap::new(),
            containers: Vec::new(),
        }
    }

    /// The run talks to this GitHub, artifacts included.
    pub(crate) fn at(&mut self, github: &GitHub) {
        let host = match self.program {
            Program::File(_) => "127.0.0.1".to_owned(),
            Program::Image(_) => gateway(),
        };
        let run = self.context["GITHUB_RUN_ID"].parse().expect("a run's number");
        for (name, value) in [
            ("GITHUB_API_URL", github.api_url(&host)),
            ("ACTIONS_RESULTS_URL", github.results_url(&host)),
            ("ACTIONS_RUNTIME_URL", github.results_url(&host)),
            ("ACTIONS_RUNTIME_TOKEN", github.runtime_token(run)),
        ] {
            self.context.insert(name.to_owned(), value);
        }
    }

    /// Sets an input of the step.
    pub(crate) fn input(&mut self, name: &str, value: &str) {
        self.inputs.insert(name.to_owned(), value.to_owned());
    }

    /// The run's trigger and ref: `push` of `refs/tags/v1.0.0` at a commit.
    pub(crate) fn triggered(&mut self, event: &str, name: &str, commit: &str) {
        let (kind, short) = match name.strip_prefix("refs/tags/") {
            Some(tag) => ("tag", tag),
            None => ("branch", name.strip_prefix("refs/heads/").unwrap_or(name)),
        };
        for (key, value) in [
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_REF", name),
            ("GITHUB_REF_NAME", short),
            ("GITHUB_REF_TYPE", kind),
            ("GITHUB_SHA", commit),
        ] {
            self.context.insert(key.to_owned(), value.to_owned());
        }
        self.event["ref"] = json!(name);
    }

    /// The checked-out repository, where a test puts files.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.folders.path().join("workspace")
    }

    /// Runs a stage to its end.
    pub(crate) fn run(&mut self, stage: Stage) -> Ended {
        self.run_watched(stage, &mut |_| Go::On)
    }

    /// Runs a stage; the watch sees each line and may cancel or kill.
    pub(crate) fn run_watched(&mut self, stage: Stage, watch: Watch<'_>) -> Ended {
        let metadata = metadata::read();
        let (variables, mut problems) = self.variables(stage, &metadata);
        let speaks = environment::SPEAKS.map(|(name, file)| (name, self.folders.path().join(file)));
        for (_, file) in &speaks {
            std::fs::write(file, "").expect("our own folder");
        }
        let event = self.folders.path().join("_github_workflow/event.json");
        std::fs::write(event, self.event.to_string()).expect("our own folder");

        let command = self.command(stage, &metadata, &variables);
        let mut console = Console::new(&self.secrets);
        let end = process::run(command, &mut console, watch);

        let mut said = speaks.into_iter().map(|(name, file)| {
            let bytes = std::fs::read(file).expect("the file is still there");
            (name, String::from_utf8(bytes).map_err(|error| format!("{name}: {error}")))
        });
        let mut next = || {
            said.next().expect("three files").1.unwrap_or_else(|problem| {
                problems.push(problem);
                String::new()
            })
        };
        let (outputs, kept, summary) = (next(), next(), next());
        if summary.len() > files::LARGEST_SUMMARY {
            problems.push(format!("the summary has {} bytes and is not uploaded", summary.len()));
        }
        let mut read = |what: &str, text: &str| {
            pairs(text).unwrap_or_else(|why| {
                problems.push(format!("Unable to process file command '{what}' successfully: {why}"));
                BTreeMap::new()
            })
        };
        let (outputs, kept) = (read("output", &outputs), read("state", &kept));
        if stage == Stage::Main {
            self.state.clone_from(&kept);
        }
        let (code, signal, settled_in) = (end.status.code(), end.signal(), end.settled_in);
        Ended { code, signal, console, outputs, state: kept, summary, problems, settled_in }
    }

    fn command(
        &mut self,
        stage: Stage,
        metadata: &metadata::Metadata,
        variables: &BTreeMap<String, String>,
    ) -> Command {
        let entrypoint = match stage {
            Stage::Main => metadata.runs.entrypoint.clone(),
            Stage::Post => {
                Some(metadata.runs.post_entrypoint.clone().unwrap_or_else(|| "rollback-deploy-post".to_owned()))
            }
        };
        let entrypoint = self.stand_in.clone().or(entrypoint);
        let path = std::env::var_os("PATH").unwrap_or_default();
        match &self.program {
            Program::File(file) => {
                let mut command = Command::new(file);
                command.env_clear().envs(variables).env("PATH", path).current_dir(self.workspace());
                // The stages are told apart by the name the program is called by.
                if let Some(name) = entrypoint {
                    command.arg0(name);
                }
                command
            }
            Program::Image(image) => {
                let container = unique("action");
                let mut command = Command::new("docker");
                command.args(environment::docker(
                    self.folders.path(),
                    &container,
                    entrypoint.as_deref(),
                    image,
                    variables,
                ));
                command.env_clear().envs(variables).env("PATH", path).current_dir(self.workspace());
                self.containers.push(container);
                command
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // A container outlives its killed client.
        for container in &self.containers {
            say("docker", &["rm", "-f", "-v", container], b"");
        }
    }
}

/// What containers call this machine: its address on the engine's bridge.
pub(crate) fn gateway() -> String {
    let said = say("ip", &["-4", "-o", "address", "show", "docker0"], b"");
    let address = said.out.split_once(" inet ").and_then(|(_, rest)| rest.split_once('/')).map(|(address, _)| address);
    address.unwrap_or_else(|| panic!("no bridge of an engine: {}{}", said.out, said.err)).to_owned()
}
