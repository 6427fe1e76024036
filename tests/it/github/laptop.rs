//! A person's machine with an empty repository, and the part of GitHub that starts runs: what is pushed there, and what
//! `gh` asks for, happens.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::act::Workflow;
use crate::world::action::published;
use crate::world::command::{Said, must, say};
use crate::world::github::{GitHub, TOKEN};
use crate::world::host::{Host, Options};
use crate::world::repository;

/// Where the repository is on GitHub.
const ORIGIN: &str = "https://github.com/org/hello.git";

/// The machine, and GitHub behind it.
pub(super) struct Laptop {
    machine: Host,
    /// `origin.git`, `environments/NAME/SECRET`, and `dispatched`: what GitHub knows.
    there: TempDir,
    /// The API that runs ask.
    pub(super) github: GitHub,
    /// What was on GitHub when runs were last started.
    refs: BTreeSet<(String, String)>,
    dispatched: usize,
}

/// A run that GitHub started.
#[derive(Debug)]
pub(super) struct Run {
    /// The workflow's file.
    pub(super) workflow: String,
    /// The tag or branch.
    pub(super) of: String,
    /// How it ended.
    pub(super) ended: Said,
}

impl Laptop {
    /// A machine where git, ssh and bash are, `gh` is logged in, and an empty repository is cloned.
    pub(super) fn new() -> Self {
        let (there, github) = (TempDir::new().unwrap(), GitHub::start());
        let origin = there.path().join("origin.git");
        must("git", &["init", "-q", "--bare", "-b", "main", path(&origin)], b"");
        github.serve("org/hello", &origin);
        github.make_private("org/hello");
        let docker = vec!["-v".to_owned(), format!("{}:/github", there.path().display())];
        let machine = Host::start(&Options { apps: Vec::new(), docker, ..Options::default() });
        machine.copy_in(&repository("tests/world/laptop/gh.sh"), "/usr/local/bin/gh");
        machine.copy_in(&repository("tests/world/laptop/curl.sh"), "/usr/local/bin/curl");
        machine.copy_in(&repository("tests/world/laptop/askpass.sh"), "/usr/local/bin/askpass");
        machine.exec("mkdir /published");
        machine.copy_in(&repository("examples"), "/published/examples");
        machine.exec(&format!(
            "git config --global user.name Ada && git config --global user.email ada@example.com && \
             git config --global url./github/origin.git.insteadOf {ORIGIN} && git clone -q {ORIGIN} /root/hello"
        ));
        Self { machine, there, github, refs: BTreeSet::new(), dispatched: 0 }
    }

    /// What the person will paste when ssh asks whether it is the right host, and type as password.
    pub(super) fn knows(&self, fingerprint: &str, password: &str) {
        self.machine.put_file("/root/.fingerprint", format!("{fingerprint}\n").as_bytes());
        self.machine.put_file("/root/.password", format!("{password}\n").as_bytes());
    }

    /// Runs a command in the repository.
    pub(super) fn run(&self, command: &str) -> Said {
        let env = ["-e", "SSH_ASKPASS=/usr/local/bin/askpass", "-e", "SSH_ASKPASS_REQUIRE=force", "-e", "HOME=/root"];
        let run = ["-w", "/root/hello", self.machine.name(), "bash", "-e", "-o", "pipefail", "-c", command];
        say("docker", &[&["exec"], &env[..], &run].concat(), b"")
    }

    /// What GitHub holds for an environment, or nothing when there is none of that name.
    pub(super) fn secrets(&self, environment: &str) -> Option<BTreeMap<String, String>> {
        let entries = std::fs::read_dir(self.there.path().join("environments").join(environment)).ok()?;
        let secret = |entry: std::fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
        };
        Some(entries.map(|entry| secret(entry.unwrap())).collect())
    }

    /// Runs every workflow that was asked for since the last time, by a push or by hand, with the secrets that are there.
    pub(super) fn runs(&mut self) -> Vec<Run> {
        let mut runs = Vec::new();
        let origin = self.there.path().join("origin.git");
        let format = "--format=%(refname) %(objectname)";
        let now: BTreeSet<(String, String)> = must("git", &["-C", path(&origin), "for-each-ref", format], b"")
            .lines()
            .map(|line| line.split_once(' ').map(|(name, sha)| (name.to_owned(), sha.to_owned())).unwrap())
            .collect();
        let pushed: Vec<_> = now.difference(&self.refs).cloned().collect();
        self.refs = now;
        for (name, sha) in pushed {
            let tree = self.checkout(&sha);
            for (file, workflow) in workflows(tree.path()) {
                if starts(&workflow["on"]["push"], &name) {
                    runs.push(self.act(tree.path(), file, &workflow, "push", &name, &sha));
                }
            }
        }
        let asked = std::fs::read_to_string(self.there.path().join("dispatched")).unwrap_or_default();
        for file in asked.lines().skip(self.dispatched) {
            let sha = must("git", &["-C", path(&origin), "rev-parse", "main"], b"");
            let tree = self.checkout(&sha);
            let workflow = workflows(tree.path()).remove(file).unwrap();
            assert!(workflow["on"].get("workflow_dispatch").is_some(), "{file} cannot be started by hand");
            runs.push(self.act(tree.path(), file.to_owned(), &workflow, "workflow_dispatch", "refs/heads/main", &sha));
        }
        self.dispatched = asked.lines().count();
        runs
    }

    fn checkout(&self, sha: &str) -> TempDir {
        let tree = TempDir::new().unwrap();
        let origin = self.there.path().join("origin.git");
        must("git", &["clone", "-q", path(&origin), path(tree.path())], b"");
        must("git", &["-C", path(tree.path()), "checkout", "-q", sha], b"");
        must("git", &["-C", path(tree.path()), "remote", "set-url", "origin", ORIGIN], b"");
        tree
    }

    fn act(&self, tree: &Path, file: String, workflow: &Value, event: &str, name: &str, sha: &str) -> Run {
        let action = published();
        let jobs = workflow["jobs"].as_object().unwrap();
        assert_eq!(jobs.len(), 1, "{file}: one job, one environment");
        // An environment that nobody made is made by the first run that names it, without secrets.
        let environment = jobs.values().find_map(|job| job["environment"].as_str()).unwrap_or_default();
        let secrets = self.secrets(environment).unwrap_or_default();
        let ended = Workflow {
            repository: tree,
            file: &format!(".github/workflows/{file}"),
            event,
            payload: json!({
                "ref": name, "after": sha, "inputs": {}, "deleted": false,
                "repository": {"full_name": "org/hello", "private": true, "default_branch": "main"},
            }),
            action: ("org/rollback-deploy@v1", action.path()),
            secrets: secrets.iter().map(|(name, value)| (name.as_str(), value.clone())).collect(),
            vars: BTreeMap::new(),
        }
        .run(&self.github);
        let text = format!("{}{}", ended.out, ended.err);
        assert!(!text.contains(TOKEN), "{text}");
        for line in secrets.values().flat_map(|secret| secret.lines()).filter(|line| !line.starts_with("-----")) {
            assert!(!text.contains(line), "the log holds a line of a secret:\n{text}");
        }
        Run { workflow: file, of: name.to_owned(), ended }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The workflows of a work tree, by file.
fn workflows(tree: &Path) -> BTreeMap<String, Value> {
    let Ok(entries) = std::fs::read_dir(tree.join(".github/workflows")) else { return BTreeMap::new() };
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        (file.file_name().unwrap().to_str().unwrap().to_owned(), serde_yaml::from_str(&text).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// Does a push of this ref start it? With patterns of tags alone, branches do not, and the other way round.
fn starts(push: &Value, name: &str) -> bool {
    let fits = |kind: &str, name: &str| {
        let patterns = push[kind].as_array();
        patterns.is_some_and(|all| all.iter().any(|pattern| glob(pattern.as_str().unwrap(), name)))
    };
    let unfiltered = !push.is_null() && push.get("tags").is_none() && push.get("branches").is_none();
    match name.strip_prefix("refs/tags/") {
        Some(tag) => unfiltered || fits("tags", tag),
        None => unfiltered || fits("branches", name.trim_start_matches("refs/heads/")),
    }
}

/// Only `*`, which stands for anything but a slash.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(after) = name.strip_prefix(before) else { return false };
    let ends = after.char_indices().map(|(at, _)| at).chain([after.len()]);
    ends.take_while(|at| !after[..*at].contains('/')).any(|at| glob(rest, &after[at..]))
}
