//! The results service (artifacts version 4), and the REST API over what it holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::server::{Answer, Asked};
use super::{Spelling, State};

/// Where its methods are.
pub(super) const SERVICE: &str = "/twirp/github.actions.results.api.v1.ArtifactService/";
/// The job, in the service's own words.
pub(super) const JOB_BACKEND: &str = "3c1f1d5e-0000-4000-8000-0000000000aa";

/// The run, in the service's own words: not the number that people see.
pub(super) fn run_backend(run: u64) -> String {
    format!("9f1b7c2a-0000-4000-8000-{run:012x}")
}

/// An artifact that was finished.
#[derive(Debug, Clone)]
pub(crate) struct Artifact {
    /// Its number.
    pub(crate) id: u64,
    /// Its name.
    pub(crate) name: String,
    /// The run that made it.
    pub(crate) run: u64,
    /// The zip, as uploaded.
    pub(crate) zip: Vec<u8>,
}

/// `sha256:` and the digest, as GitHub writes it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[derive(Default)]
pub(super) struct Store {
    tokens: Vec<String>,
    /// Name and run → where its blob is.
    begun: BTreeMap<(u64, String), String>,
    done: Vec<Artifact>,
}

impl Store {
    pub(super) fn issue(&mut self, token: &str) {
        self.tokens.push(token.to_owned());
    }

    pub(super) fn finished(&self) -> Vec<Artifact> {
        self.done.clone()
    }
}

/// What each method takes. A field that is not here is refused, as the strictest server does.
fn fields(method: &str) -> Option<&'static [&'static str]> {
    Some(match method {
        "CreateArtifact" => &["name", "expires_at", "version"],
        "FinalizeArtifact" => &["name", "size", "hash"],
        "ListArtifacts" => &["name_filter", "id_filter"],
        "GetSignedArtifactURL" | "DeleteArtifact" => &["name"],
        _ => return None,
    })
}

pub(super) fn answer(state: &mut State, asked: &Asked, method: &str) -> Answer {
    match call(state, asked, method) {
        Ok(body) => {
            let body = if state.spelling == Spelling::Camel { camel(body) } else { body };
            Answer::json(200, &body)
        }
        Err((status, code, message)) => Answer::json(status, &json!({"code": code, "msg": message})),
    }
}

type Refusal = (u16, &'static str, String);

fn call(state: &mut State, asked: &Asked, method: &str) -> Result<Value, Refusal> {
    let malformed = |why: &str| (400, "malformed", why.to_owned());
    let known = fields(method).ok_or((404, "bad_route", format!("no handler for {method}")))?;
    let token = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if asked.method != "POST" || !state.artifacts.tokens.iter().any(|issued| issued == token) {
        return Err((401, "unauthenticated", "invalid token".to_owned()));
    }
    if !asked.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(malformed("the content type is not JSON"));
    }
    let body: Map<String, Value> =
        serde_json::from_slice(&asked.body).map_err(|error| malformed(&error.to_string()))?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    for name in body.keys() {
        if !known.contains(&name.as_str())
            && !["workflow_run_backend_id", "workflow_job_run_backend_id"].contains(&name.as_str())
        {
            return Err(malformed(&format!("unknown field {name:?}")));
        }
    }
    let backend = text("workflow_run_backend_id").unwrap_or_default();
    let run = backend.rsplit('-').next().and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
    if backend != run_backend(run) || text("workflow_job_run_backend_id").as_deref() != Some(JOB_BACKEND) {
        return Err((403, "permission_denied", "another run's or job's backend id".to_owned()));
    }
    let name = text("name");
    match method {
        "ListArtifacts" => return Ok(list(state, run, text("name_filter").as_deref(), text("id_filter").as_deref())),
        "CreateArtifact" => return create(state, asked, run, &body),
        _ => {}
    }
    let name = name.ok_or_else(|| malformed("name is missing"))?;
    let missing = || (404, "not_found", format!("artifact {name} not found"));
    if method == "FinalizeArtifact" {
        let path = state.artifacts.begun.get(&(run, name.clone())).ok_or_else(missing)?.clone();
        let zip = state.blobs.content(&path).ok_or((412, "failed_precondition", "nothing was uploaded".to_owned()))?;
        let id = 3_012_345_600 + state.artifacts.done.len() as u64 + 1;
        let artifact = Artifact { id, name, run, zip: zip.to_vec() };
        if text("size").as_deref() != Some(&artifact.zip.len().to_string()) {
            return Err(malformed("size is not a string, or not the size of what was uploaded"));
        }
        if text("hash").is_some_and(|hash| hash != digest(&artifact.zip)) {
            return Err(malformed("hash is not the digest of what was uploaded"));
        }
        state.artifacts.done.push(artifact);
        return Ok(json!({"ok": true, "artifact_id": id.to_string()}));
    }
    let found = state.artifacts.done.iter().position(|artifact| artifact.run == run && artifact.name == name);
    let found = found.ok_or_else(missing)?;
    if method == "DeleteArtifact" {
        let gone = state.artifacts.done.remove(found);
        state.artifacts.begun.remove(&(run, name));
        return Ok(json!({"ok": true, "artifact_id": gone.id.to_string()}));
    }
    let zip = state.artifacts.done[found].zip.clone();
    let address = state.blobs.publish(zip, "application/zip", &format!("/signed/{run}/{found}.zip"));
    Ok(json!({"signed_url": format!("{}{address}", state.storage(asked))}))
}

fn create(state: &mut State, asked: &Asked, run: u64, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let refused = |why: &str| (400, "invalid_argument", why.to_owned());
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() || name.contains(['"', ':', '<', '>', '|', '*', '?', '\r', '\n', '\\', '/']) {
        return Err(refused("the artifact name is not valid"));
    }
    if body.get("version").and_then(Value::as_u64) != Some(4) {
        return Err(refused("version must be the number 4"));
    }
    if let Some(until) = body.get("expires_at") {
        let until = until.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        until
            .filter(|until| *until > jiff::Timestamp::now())
            .ok_or_else(|| refused("expires_at is not a time to come"))?;
    }
    let key = (run, name.to_owned());
    if state.artifacts.begun.contains_key(&key) {
        let clash = "Conflict: an artifact with this name already exists on the workflow run";
        return Err((409, "already_exists", clash.to_owned()));
    }
    let path = format!("/actions-results/{run}/{}/artifact.zip", state.artifacts.begun.len());
    let address = state.blobs.open(&path);
    state.artifacts.begun.insert(key, path);
    Ok(json!({"ok": true, "signed_upload_url": format!("{}{address}", state.storage(asked))}))
}

fn list(state: &State, run: u64, name: Option<&str>, id: Option<&str>) -> Value {
    let found = state.artifacts.done.iter().filter(|artifact| {
        artifact.run == run
            && name.is_none_or(|name| name == artifact.name)
            && id.is_none_or(|id| id == artifact.id.to_string())
    });
    let found = found.map(|artifact| {
        json!({
            "workflow_run_backend_id": run_backend(run), "workflow_job_run_backend_id": JOB_BACKEND,
            "database_id": artifact.id.to_string(), "name": artifact.name, "size": artifact.zip.len().to_string(),
            "created_at": "2026-01-01T00:00:00Z", "digest": digest(&artifact.zip),
        })
    });
    json!({"artifacts": found.collect::<Vec<_>>()})
}

/// Names as act and Gitea write them.
fn camel(value: Value) -> Value {
    let name = |name: String| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |all, word| {
            let (start, rest) = word.split_at(1.min(word.len()));
            all + &start.to_uppercase() + rest
        })
    };
    match value {
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (name(key), camel(value))).collect(),
        Value::Array(items) => items.into_iter().map(camel).collect(),
        other => other,
    }
}

/// The REST API: `actions/` is already taken off.
pub(super) fn rest(state: &mut State, asked: &Asked, base: &str, below: &str) -> Option<Answer> {
    let parts: Vec<&str> = below.split('/').collect();
    let run = match parts[..] {
        ["artifacts"] => None,
        ["runs", run, "artifacts"] => Some(run.parse::<u64>().ok()?),
        ["artifacts", id, "zip"] => {
            let found = state.artifacts.done.iter().find(|artifact| artifact.id.to_string() == id)?.clone();
            let address = state.blobs.publish(found.zip, "application/zip", &format!("/zip/{id}.zip"));
            return Some(Answer::default_redirect(&format!("{}{address}", state.storage(asked))));
        }
        _ => return None,
    };
    let name = asked.parameter("name");
    let wanted = |artifact: &&Artifact| {
        run.is_none_or(|run| run == artifact.run) && name.as_ref().is_none_or(|name| *name == artifact.name)
    };
    let all: Vec<Value> =
        state.artifacts.done.iter().rev().filter(wanted).map(|artifact| shown(artifact, base)).collect();
    let (some, next) = state.page(asked, &all, Some(state.page.unwrap_or(30)));
    let answer = Answer::json(200, &json!({"total_count": all.len(), "artifacts": some}));
    Some(match next {
        Some(next) => answer.with("link", next),
        None => answer,
    })
}

fn shown(artifact: &Artifact, base: &str) -> Value {
    let url = format!("{base}/actions/artifacts/{}", artifact.id);
    json!({
        "id": artifact.id, "node_id": format!("ART_{}", artifact.id), "name": artifact.name,
        "size_in_bytes": artifact.zip.len(), "url": url, "archive_download_url": format!("{url}/zip"),
        "expired": false, "created_at": "2026-01-01T00:00:00Z", "expires_at": "2036-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z", "digest": digest(&artifact.zip),
        "workflow_run": {
            "id": artifact.run, "repository_id": 1, "head_repository_id": 1, "head_branch": "main",
            "head_sha": "0000000000000000000000000000000000000000",
        },
    })
}
