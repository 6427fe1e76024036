//! What GitHub says of the run: `GITHUB_*`, `RUNNER_*` and the event's payload, typed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use rollback_deploy_core::model::{Commit, Failure};
use secrecy::SecretString;
use serde::Deserialize;

use super::values::wrong;
use crate::github::settings::Proxies;
use crate::report::files::Files;

/// The most that is read of an event's payload, in bytes; GitHub itself sends at most 25 MB.
const LARGEST_EVENT: u64 = 32 << 20;

/// What GitHub says of the run. What is absent was not said.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// `owner/name`.
    pub repository: Option<String>,
    /// Whether others can read the repository, and so the artifacts of its runs; unknown counts as yes.
    pub visibility: Visibility,
    /// The branch that workflows started by hand run on.
    pub default_branch: Option<String>,
    /// What started the run: `push`, `workflow_dispatch` ….
    pub event: String,
    /// For `workflow_run`: the event that started the other workflow.
    pub started_by: Option<String>,
    /// The tag or branch.
    pub git_ref: GitRef,
    /// The commit.
    pub sha: Option<Commit>,
    /// The run's number in addresses.
    pub run_id: Option<u64>,
    /// Which attempt of it.
    pub run_attempt: Option<u64>,
    /// The job's id in the workflow.
    pub job: String,
    /// Who started it.
    pub actor: String,
    /// `https://github.com`, or an Enterprise server.
    pub server_url: String,
    /// `https://api.github.com`, or an Enterprise server's.
    pub api_url: String,
    /// Where the repository is checked out, if a step did that.
    pub workspace: Option<PathBuf>,
    /// A folder that goes away with the job.
    pub temp: Option<PathBuf>,
    /// The files for outputs, state and summary.
    pub files: Files,
    /// Where artifacts go, and the token for that.
    pub artifacts: Option<Artifacts>,
    /// How the network is reached.
    pub network: Network,
    /// A person asked for debug logs.
    pub debug: bool,
}

/// Who can read the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Those who were let in (private), or everybody inside of the company (internal).
    Closed,
    /// It was not said.
    #[default]
    Unknown,
}

/// What the run is of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GitRef {
    /// A tag.
    Tag(String),
    /// A branch.
    Branch(String),
    /// Something else, such as a pull request.
    #[default]
    Other,
}

/// Where artifacts go.
#[derive(Debug, Clone)]
pub struct Artifacts {
    /// `ACTIONS_RESULTS_URL`.
    pub url: String,
    /// `ACTIONS_RUNTIME_TOKEN`.
    pub token: SecretString,
}

/// How the network is reached; a proxy's address may hold a password.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// `https_proxy`.
    pub https_proxy: Option<SecretString>,
    /// `http_proxy`.
    pub http_proxy: Option<SecretString>,
    /// `no_proxy`.
    pub no_proxy: Option<String>,
    /// `SSL_CERT_FILE`: certificates of private authorities.
    pub ca_file: Option<PathBuf>,
}

impl Network {
    /// The proxies, for requests to GitHub.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        let (https, http) = (self.https_proxy.clone(), self.http_proxy.clone());
        Proxies { https, http, except: self.no_proxy.clone() }
    }
}

#[derive(Deserialize)]
struct Payload {
    repository: Option<PayloadRepository>,
    workflow_run: Option<PayloadRun>,
}

#[derive(Deserialize)]
struct PayloadRun {
    event: Option<String>,
}

#[derive(Deserialize, Default)]
struct PayloadRepository {
    private: Option<bool>,
    default_branch: Option<String>,
}

impl Context {
    /// Reads the environment of the step. What is odd is told as warnings, never guessed.
    #[must_use]
    pub fn read(env: &BTreeMap<String, String>) -> (Self, Vec<String>) {
        let text = |name: &str| env.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let owned = |name: &str| text(name).map(str::to_owned);
        let path = |name: &str| text(name).map(PathBuf::from);
        // Programs disagree on the case of these, and the runner sets both.
        let either = |name: &str| text(name).or_else(|| env.get(&name.to_uppercase()).map(String::as_str));
        let mut context = Self {
            repository: owned("GITHUB_REPOSITORY"),
            event: owned("GITHUB_EVENT_NAME").unwrap_or_default(),
            git_ref: match (text("GITHUB_REF_TYPE"), text("GITHUB_REF_NAME"), text("GITHUB_REF")) {
                (Some("tag"), Some(name), _) => GitRef::Tag(name.to_owned()),
                (_, Some(name), Some(full)) if full == format!("refs/heads/{name}") => GitRef::Branch(name.to_owned()),
                _ => GitRef::Other,
            },
            sha: text("GITHUB_SHA").and_then(|sha| Commit::new(sha).ok()),
            run_id: text("GITHUB_RUN_ID").and_then(|id| id.parse().ok()),
            run_attempt: text("GITHUB_RUN_ATTEMPT").and_then(|attempt| attempt.parse().ok()),
            job: owned("GITHUB_JOB").unwrap_or_default(),
            actor: owned("GITHUB_ACTOR").unwrap_or_default(),
            server_url: server(text("GITHUB_SERVER_URL"), "https://github.com"),
            api_url: server(text("GITHUB_API_URL"), "https://api.github.com"),
            workspace: path("GITHUB_WORKSPACE"),
            temp: path("RUNNER_TEMP"),
            files: Files {
                output: path("GITHUB_OUTPUT"),
                state: path("GITHUB_STATE"),
                summary: path("GITHUB_STEP_SUMMARY"),
            },
            artifacts: text("ACTIONS_RESULTS_URL")
                .zip(text("ACTIONS_RUNTIME_TOKEN"))
                .map(|(url, token)| Artifacts { url: url.to_owned(), token: token.into() }),
            network: Network {
                https_proxy: either("https_proxy").map(SecretString::from),
                http_proxy: either("http_proxy").map(SecretString::from),
                no_proxy: either("no_proxy").map(str::to_owned),
                ca_file: path("SSL_CERT_FILE"),
            },
            debug: text("RUNNER_DEBUG") == Some("1"),
            ..Self::default()
        };
        let mut warnings = Vec::new();
        match text("GITHUB_EVENT_PATH").map(|path| payload(Path::new(path))) {
            Some(Ok(payload)) => {
                let repository = payload.repository.unwrap_or_default();
                context.started_by = payload.workflow_run.and_then(|run| run.event);
                context.visibility = match repository.private {
                    Some(true) => Visibility::Closed,
                    Some(false) => Visibility::Public,
                    None => Visibility::Unknown,
                };
                context.default_branch = repository.default_branch;
            }
            Some(Err(why)) => {
                warnings.push(format!("the event's payload cannot be read, the repository is taken for public: {why}"));
            }
            None => {}
        }
        (context, warnings)
    }

    /// The address of this run's attempt.
    #[must_use]
    pub fn run_url(&self) -> Option<String> {
        let (repository, run) = (self.repository.as_ref()?, self.run_id?);
        Some(format!("{}/{repository}/actions/runs/{run}/attempts/{}", self.server_url, self.run_attempt.unwrap_or(1)))
    }

    /// A path of an input, inside of the workspace. The runner rewrites its own folders at the beginning of a value
    /// only; a path of the machine under it does not exist in this container.
    ///
    /// # Errors
    /// It leads out of the workspace, or there is none.
    pub fn in_workspace(&self, input: &str, path: &str) -> Result<PathBuf, Failure> {
        let Some(workspace) = &self.workspace else {
            return Err(wrong(input, format!("{path:?} cannot be found: there is no workspace")));
        };
        let relative = match Path::new(path).strip_prefix(workspace) {
            Ok(inside) => inside,
            Err(_) if path.starts_with("/home/runner/") || path.contains("/_work/") => {
                let what = format!("{path:?} is a path of the runner's machine, which this container cannot see");
                return Err(wrong(input, what).hint("Write the path relative to the workspace."));
            }
            Err(_) => Path::new(path),
        };
        if relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Ok(workspace.join(relative));
        }
        Err(wrong(input, format!("{path:?} leads out of the workspace"))
            .hint("Write a path relative to the workspace."))
    }

    /// The file of the workflow that rolls back, when it is in the workspace, and which inputs it has by a plain look
    /// at its text.
    #[must_use]
    pub fn rollback_workflow(&self) -> Option<(String, Vec<String>)> {
        let folder = self.workspace.as_ref()?.join(".github/workflows");
        ["rollback.yml", "rollback.yaml"].into_iter().find_map(|name| {
            let mut text = String::new();
            File::open(folder.join(name)).ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
            let takes = |input: &&str| text.lines().any(|line| line.trim_end().ends_with(&format!(" {input}:")));
            let inputs =
                ["environment", "version"].iter().filter(|input| takes(input)).map(|input| (*input).to_owned());
            Some((name.to_owned(), inputs.collect()))
        })
    }
}

/// An address of GitHub without the slash at its end.
fn server(text: Option<&str>, usual: &str) -> String {
    text.unwrap_or(usual).trim_end_matches('/').to_owned()
}

fn payload(path: &Path) -> Result<Payload, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(LARGEST_EVENT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_EVENT {
        return Err("it is too large".to_owned());
    }
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn with_event(payload: &str) -> (Context, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        std::io::Write::write_all(&mut File::create(&path).unwrap(), payload.as_bytes()).unwrap();
        Context::read(&env(&[("GITHUB_EVENT_PATH", path.to_str().unwrap())]))
    }

    #[test]
    fn a_run_of_a_tag() {
        let (context, warnings) = Context::read(&env(&[
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_REF", "refs/tags/v1.2.0"),
            ("GITHUB_REF_NAME", "v1.2.0"),
            ("GITHUB_REF_TYPE", "tag"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_SERVER_URL", "https://ghe.example/"),
            ("HTTPS_PROXY", "http://u:p@proxy:3128"),
        ]));
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(context.git_ref, GitRef::Tag("v1.2.0".to_owned()));
        assert_eq!(context.run_url().unwrap(), "https://ghe.example/o/r/actions/runs/7/attempts/2");
        assert!(context.network.https_proxy.is_some());
        assert!(!format!("{context:?}").contains("u:p"));
    }

    #[test]
    fn a_ref_is_never_guessed() {
        let of = |full: &str, name: &str, kind: &str| {
            Context::read(&env(&[("GITHUB_REF", full), ("GITHUB_REF_NAME", name), ("GITHUB_REF_TYPE", kind)])).0.git_ref
        };
        assert_eq!(of("refs/heads/main", "main", "branch"), GitRef::Branch("main".to_owned()));
        assert_eq!(of("refs/pull/3/merge", "3/merge", "branch"), GitRef::Other);
        assert_eq!(of("", "", ""), GitRef::Other);
    }

    #[test]
    fn the_payload_says_who_can_read() {
        let (context, _) = with_event(r#"{"repository":{"private":true,"default_branch":"trunk"},"more":[1]}"#);
        assert_eq!((context.visibility, context.default_branch.as_deref()), (Visibility::Closed, Some("trunk")));
        assert_eq!(with_event(r#"{"repository":{"private":false}}"#).0.visibility, Visibility::Public);
        assert_eq!(with_event("{}").0.visibility, Visibility::Unknown);
        let (context, _) = with_event(r#"{"workflow_run":{"event":"pull_request"}}"#);
        assert_eq!(context.started_by.as_deref(), Some("pull_request"));
        let (context, warnings) = with_event("not json");
        assert_eq!((context.visibility, warnings.len()), (Visibility::Unknown, 1));
    }

    #[test]
    fn paths_stay_in_the_workspace() {
        let context = Context { workspace: Some("/github/workspace".into()), ..Context::default() };
        let at = |path: &str| context.in_workspace("source", path);
        assert_eq!(at("dist/").unwrap(), Path::new("/github/workspace/dist"));
        assert_eq!(at("/github/workspace/dist").unwrap(), Path::new("/github/workspace/dist"));
        for path in ["../x", "/etc/passwd", "a/../../b"] {
            assert!(at(path).is_err(), "{path}");
        }
        let failure = at("/home/runner/work/r/r/dist").unwrap_err();
        assert!(failure.what.contains("runner's machine"), "{}", failure.what);
    }

    #[test]
    fn the_rollback_workflow_is_found_with_its_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let workflows = folder.path().join(".github/workflows");
        std::fs::create_dir_all(&workflows).unwrap();
        let text = "on:\n  workflow_dispatch:\n    inputs:\n      version:\n        required: false\n";
        std::io::Write::write_all(&mut File::create(workflows.join("rollback.yml")).unwrap(), text.as_bytes()).unwrap();
        let context = Context { workspace: Some(folder.path().to_owned()), ..Context::default() };
        assert_eq!(context.rollback_workflow(), Some(("rollback.yml".to_owned(), vec!["version".to_owned()])));
    }
}
