//! A GitHub in this process: the REST API over real git repositories, the results service of artifacts, and the host
//! where archives and artifacts lie. It records every request and can be told to be in trouble.

mod artifacts;
mod blob;
mod openapi;
mod repository;
mod rest;
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::runtime::Runtime;

pub(crate) use artifacts::{Artifact, digest};
pub(crate) use openapi::OpenApi;
pub(crate) use server::{Answer, Asked, Origin};

/// The token that may do everything.
pub(crate) const TOKEN: &str = "ghs_Fake1TokenOfTheTests2NotASecret3abc4";

/// How the results service spells its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As GitHub: `signed_upload_url`.
    Snake,
    /// As act and Gitea: `signedUploadUrl`.
    Camel,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The hour's requests are used up; they come back in so many seconds.
    RateLimit(u64),
    /// Too fast: wait so many seconds.
    SecondaryLimit(u64),
    /// The token lacks the permission.
    Forbidden,
    /// A status of the server's own, without a useful body.
    Server(u16),
    /// The connection ends without an answer.
    Cut,
}

/// A request and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// What was asked.
    pub(crate) asked: Asked,
    /// What was answered.
    pub(crate) answer: Answer,
}

/// What both hosts of the fake know.
pub(crate) struct State {
    repositories: BTreeMap<String, Repository>,
    artifacts: artifacts::Store,
    blobs: blob::Store,
    troubles: Vec<(String, u32, Trouble)>,
    page: Option<usize>,
    archive: Option<Vec<u8>>,
    spelling: Spelling,
    seen: Vec<Seen>,
    storage_port: u16,
}

struct Repository {
    folder: PathBuf,
    private: bool,
}

/// A running fake, gone when dropped.
pub(crate) struct GitHub {
    state: Arc<Mutex<State>>,
    // Ends both servers when it goes.
    _runtime: Runtime,
    port: u16,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no request panics while it holds it")
}

impl GitHub {
    /// Starts it, empty and well.
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the servers");
        let state = Arc::new(Mutex::new(State {
            repositories: BTreeMap::new(),
            artifacts: artifacts::Store::default(),
            blobs: blob::Store::default(),
            troubles: Vec::new(),
            page: None,
            archive: None,
            spelling: Spelling::Snake,
            seen: Vec::new(),
            storage_port: 0,
        }));
        let handler = |answer: fn(&mut State, &Asked) -> Answer| {
            let state = Arc::clone(&state);
            Arc::new(move |asked: Asked| {
                let mut state = lock(&state);
                let answer = match state.trouble(&asked) {
                    Some(trouble) => in_trouble(trouble),
                    None => answer(&mut state, &asked),
                };
                state.seen.push(Seen { asked, answer: answer.clone() });
                answer
            })
        };
        let port = server::listen(&runtime, Origin::Api, handler(rest::answer));
        let storage = server::listen(&runtime, Origin::Storage, handler(blob::answer));
        lock(&state).storage_port = storage;
        Self { state, _runtime: runtime, port }
    }

    /// Serves this git repository under `owner/name`.
    pub(crate) fn serve(&self, name: &str, folder: &Path) {
        let repository = Repository { folder: folder.to_owned(), private: false };
        lock(&self.state).repositories.insert(name.to_owned(), repository);
    }

    /// From now on this repository is not there for those without the token.
    pub(crate) fn make_private(&self, name: &str) {
        lock(&self.state).repositories.get_mut(name).expect("a repository that is served").private = true;
    }

    /// The value of `GITHUB_API_URL`, as seen from where this machine is called `host`: `127.0.0.1`, or the bridge's
    /// gateway for a container.
    pub(crate) fn api_url(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// The value of `ACTIONS_RESULTS_URL`. Clients keep its origin only.
    pub(crate) fn results_url(&self, host: &str) -> String {
        format!("http://{host}:{}/some/path/", self.port)
    }

    /// The value of `ACTIONS_RUNTIME_TOKEN` in a run: its scopes name the run and the job for the results service.
    pub(crate) fn runtime_token(&self, run: u64) -> String {
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let scopes = format!(
            "Actions.ExampleScope Actions.Results:{}:{} Actions.UploadArtifacts:1/1:1",
            artifacts::run_backend(run),
            artifacts::JOB_BACKEND
        );
        let token =
            format!("{}.{}.c2lnbmVk", part(&json!({"alg": "RS256"})), part(&json!({"scp": scopes, "nameid": "1"})));
        lock(&self.state).artifacts.issue(&token);
        token
    }

    /// The next requests, so many, whose path contains this text get into trouble.
    pub(crate) fn trouble(&self, path: &str, times: u32, trouble: Trouble) {
        lock(&self.state).troubles.push((path.to_owned(), times, trouble));
    }

    /// From now on every archive is this one.
    pub(crate) fn archive_is(&self, bytes: Vec<u8>) {
        lock(&self.state).archive = Some(bytes);
    }

    /// Lists come in pages of at most so many, wherever GitHub may do so.
    pub(crate) fn pages_of(&self, size: usize) {
        lock(&self.state).page = Some(size);
    }

    /// How the results service spells from now on.
    pub(crate) fn spell(&self, spelling: Spelling) {
        lock(&self.state).spelling = spelling;
    }

    /// Every request so far, with its answer.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        lock(&self.state).seen.clone()
    }

    /// The artifacts that were finished.
    pub(crate) fn artifacts(&self) -> Vec<Artifact> {
        lock(&self.state).artifacts.finished()
    }

    /// # Panics
    /// A token went to the host of signed addresses, where everybody who sees the address may read.
    pub(crate) fn assert_no_token_left_the_api(&self) {
        for seen in self.seen().iter().filter(|seen| seen.asked.origin == Origin::Storage) {
            let told = seen.asked.header("authorization").is_some() || seen.asked.query.contains(TOKEN);
            assert!(!told, "a token went along to {} {}", seen.asked.method, seen.asked.path);
        }
    }
}

impl State {
    fn trouble(&mut self, asked: &Asked) -> Option<Trouble> {
        let found = self.troubles.iter_mut().find(|(path, times, _)| *times > 0 && asked.path.contains(path.as_str()));
        found.map(|(_, times, trouble)| {
            *times -= 1;
            *trouble
        })
    }

    /// Where the other host is, in the words of the one who asks.
    fn storage(&self, asked: &Asked) -> String {
        let host = asked.header("host").and_then(|host| host.rsplit_once(':')).map_or("127.0.0.1", |(host, _)| host);
        format!("http://{host}:{}", self.storage_port)
    }
}

fn in_trouble(trouble: Trouble) -> Answer {
    let say = |status, message: &str| {
        Answer::json(status, &json!({"message": message, "documentation_url": "https://docs.github.com/rest"}))
    };
    match trouble {
        Trouble::RateLimit(seconds) => say(403, "API rate limit exceeded for installation ID 1.")
            .with("x-ratelimit-limit", "1000")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-reset", (jiff::Timestamp::now().as_second().unsigned_abs() + seconds).to_string()),
        Trouble::SecondaryLimit(seconds) => {
            say(403, "You have exceeded a secondary rate limit.").with("retry-after", seconds.to_string())
        }
        Trouble::Forbidden => say(403, "Resource not accessible by integration"),
        Trouble::Server(status) => Answer::text(status, "text/html", "<html>Unicorn!</html>"),
        Trouble::Cut => Answer::default(),
    }
}
