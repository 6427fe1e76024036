//! `act` runs a whole workflow on this machine, its action as a container, against the fake GitHub.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::command::Said;
use super::github::{GitHub, TOKEN};
use super::{label, made};

/// The run's number; act's own artifact ids are made of it.
pub(crate) const RUN: u64 = 7;

/// One run of a workflow.
#[derive(Debug)]
pub(crate) struct Workflow<'a> {
    /// The repository, checked out; `uses: actions/checkout` copies it.
    pub(crate) repository: &'a Path,
    /// The workflow's file, below the repository.
    pub(crate) file: &'a str,
    /// `push`, `workflow_dispatch` …
    pub(crate) event: &'a str,
    /// The event itself.
    pub(crate) payload: Value,
    /// What `uses:` names, and the folder that stands for it: `org/rollback-deploy@v1`.
    pub(crate) action: (&'a str, &'a Path),
    /// `secrets`, besides the token.
    pub(crate) secrets: BTreeMap<&'a str, String>,
    /// `vars`.
    pub(crate) vars: BTreeMap<&'a str, String>,
}

impl Workflow<'_> {
    /// Runs it to its end; containers of its jobs use this machine's network, so that loopback is ours.
    ///
    /// # Panics
    /// There is no act: nothing was run.
    pub(crate) fn run(&self, github: &GitHub) -> Said {
        let home = TempDir::new().expect("a temporary folder");
        let act = made("bin/act");
        assert!(act.is_file(), "{} is missing; run `./test github`, or tests/world/tools.sh act", act.display());
        let payload = write(&home, "event.json", &self.payload.to_string());
        // Without it act asks a person which images to use. Secrets and variables go by files: nothing in argv.
        write(&home, ".actrc", "");
        let secrets = write(&home, "secrets", &lines(&self.secrets, &[("GITHUB_TOKEN", TOKEN)]));
        let vars = write(&home, "vars", &lines(&self.vars, &[]));
        let mut command = Command::new(act);
        command.arg(self.event).current_dir(self.repository);
        command
            .args(["-W", self.file, "-e"])
            .arg(payload)
            .arg("--secret-file")
            .arg(secrets)
            .arg("--var-file")
            .arg(vars);
        for runner in ["ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04"] {
            command.args(["-P", &format!("{runner}=debian:bookworm-slim")]);
        }
        command.args([
            "--pull=false",
            "--rm",
            "--network",
            "host",
            "--container-options",
            &format!("--label {}", label()),
        ]);
        command.args(["--local-repository", &format!("{}={}", self.action.0, self.action.1.display())]);
        let results = github.results_url("127.0.0.1");
        let env = [
            ("GITHUB_API_URL", github.api_url("127.0.0.1")),
            ("GITHUB_RUN_ID", RUN.to_string()),
            // Our service instead of act's own.
            ("ACTIONS_RESULTS_URL", results.clone()),
            ("ACTIONS_RUNTIME_URL", results),
            ("ACTIONS_RUNTIME_TOKEN", github.runtime_token(RUN)),
        ];
        command.arg("--env-file").arg(write(&home, "env", &lines(&env.into(), &[])));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home.path());
        command.stdin(Stdio::null()).output().expect("act can be started").into()
    }
}

fn write(home: &TempDir, name: &str, text: &str) -> PathBuf {
    let file = home.path().join(name);
    std::fs::write(&file, text).expect("our own folder");
    file
}

/// `NAME="value"` lines, line ends escaped: what act reads.
fn lines(values: &BTreeMap<&str, String>, more: &[(&str, &str)]) -> String {
    let all = values.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied());
    let lines: Vec<_> = all.map(|(name, value)| format!("{name}={}", serde_json::Value::from(value))).collect();
    lines.join("\n")
}
