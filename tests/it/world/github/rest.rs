//! The API host: routes of the REST API, and the results service.

use serde_json::{Value, json};

use super::repository::Git;
use super::server::{Answer, Asked, unescaped};
use super::{State, TOKEN, artifacts};

/// When the hour of counted requests ends, for the headers.
const RESET: &str = "4102444800";

pub(super) fn answer(state: &mut State, asked: &Asked) -> Answer {
    if let Some(method) = asked.path.strip_prefix(artifacts::SERVICE) {
        return artifacts::answer(state, asked, method);
    }
    rest(state, asked)
        .unwrap_or_else(|| refusal(404, "Not Found"))
        .with("x-github-request-id", "F00D:1:2:3")
        .with("x-ratelimit-limit", "1000")
        .with("x-ratelimit-remaining", "999")
        .with("x-ratelimit-reset", RESET)
}

fn refusal(status: u16, message: &str) -> Answer {
    let body =
        json!({"message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()});
    Answer::json(status, &body)
}

/// Nothing: there is no such thing, or not for this one.
fn rest(state: &mut State, asked: &Asked) -> Option<Answer> {
    if asked.header("user-agent").is_none() {
        return Some(refusal(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
        ));
    }
    let known = match asked.header("authorization") {
        None => false,
        Some(given) if given == format!("Bearer {TOKEN}") || given == format!("token {TOKEN}") => true,
        Some(_) => return Some(refusal(401, "Bad credentials")),
    };
    // An Enterprise server has its API below a path.
    let path = asked.path.strip_prefix("/api/v3").unwrap_or(&asked.path);
    let mut parts = path.strip_prefix("/repos/")?.splitn(3, '/');
    let name = format!("{}/{}", parts.next()?, parts.next()?);
    let below = unescaped(parts.next().unwrap_or_default());
    let repository = state.repositories.get(&name).filter(|repository| known || !repository.private)?;
    if asked.method != "GET" {
        return Some(refusal(403, "Resource not accessible by integration"));
    }
    let base = format!("http://{}", asked.header("host").unwrap_or("127.0.0.1"));
    let folder = repository.folder.clone();
    let git = Git { folder: &folder, url: format!("{base}/repos/{name}") };
    if let Some(rest) = below.strip_prefix("actions/") {
        return if known {
            artifacts::rest(state, asked, &git.url, rest)
        } else {
            Some(refusal(401, "Requires authentication"))
        };
    }
    git_route(state, asked, &git, &name, &below)
}

fn git_route(state: &mut State, asked: &Asked, git: &Git<'_>, name: &str, below: &str) -> Option<Answer> {
    if let Some(prefix) = below.strip_prefix("git/matching-refs/") {
        return Some(state.listed(asked, &git.refs(prefix), state.page));
    }
    if let Some(wanted) = below.strip_prefix("git/ref/") {
        let full = format!("refs/{wanted}");
        return git.refs(wanted).into_iter().find(|found| found["ref"] == full).map(|found| Answer::json(200, &found));
    }
    if let Some(sha) = below.strip_prefix("git/tags/") {
        return git.tag(sha).map(|tag| Answer::json(200, &tag));
    }
    if let Some(sha) = below.strip_prefix("git/commits/") {
        return git.git_commit(sha).map(|commit| Answer::json(200, &commit));
    }
    if below == "tags" {
        return Some(state.listed(asked, &git.tags(), Some(state.page.unwrap_or(30))));
    }
    if let Some(wanted) = below.strip_prefix("commits/") {
        let sha = git.commit(wanted)?;
        if asked.header("accept").is_some_and(|accept| accept.contains("sha")) {
            return Some(Answer::text(200, "application/vnd.github.sha; charset=utf-8", sha));
        }
        return git.full_commit(&sha).map(|commit| Answer::json(200, &commit));
    }
    if let Some(wanted) = below.strip_prefix("tarball/") {
        let commit = git.commit(wanted)?;
        let archive = match &state.archive {
            Some(archive) => archive.clone(),
            None => git.archive(name, &commit)?,
        };
        let path = format!("/{name}/legacy.tar.gz/{wanted}");
        let address = state.blobs.publish(archive, "application/x-gzip", &path);
        return Some(Answer::default_redirect(&format!("{}{address}", state.storage(asked))));
    }
    let path = below.strip_prefix("contents/")?;
    let commit = git.commit(&asked.parameter("ref").unwrap_or_else(|| "HEAD".to_owned()))?;
    if asked.header("accept").is_some_and(|accept| accept.contains("raw")) {
        let content = git.bytes(&["cat-file", "blob", &format!("{commit}:{path}")])?;
        return Some(Answer::text(200, "application/vnd.github.raw; charset=utf-8", content));
    }
    git.file(&commit, path).map(|file| Answer::json(200, &file))
}

impl State {
    /// One page of a list, with the way to the next.
    pub(super) fn page(&self, asked: &Asked, all: &[Value], most: Option<usize>) -> (Vec<Value>, Option<String>) {
        let number = |name: &str| asked.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let page = number("page").unwrap_or(1).max(1);
        let size = match (number("per_page"), most) {
            (Some(wanted), Some(most)) => wanted.min(if self.page.is_some() { most } else { 100 }).max(1),
            (None, Some(most)) => most,
            (_, None) => return (all.to_vec(), None),
        };
        let some = all.iter().skip((page - 1) * size).take(size).cloned().collect();
        let next = (page * size < all.len()).then(|| {
            let others = url::form_urlencoded::parse(asked.query.as_bytes()).filter(|(name, _)| name != "page");
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(others).append_pair("page", &(page + 1).to_string());
            let host = asked.header("host").unwrap_or("127.0.0.1");
            format!("<http://{host}{}?{}>; rel=\"next\"", asked.path, query.finish())
        });
        (some, next)
    }

    fn listed(&self, asked: &Asked, all: &[Value], most: Option<usize>) -> Answer {
        let (some, next) = self.page(asked, all, most);
        let answer = Answer::json(200, &Value::Array(some));
        match next {
            Some(next) => answer.with("link", next),
            None => answer,
        }
    }
}

impl Answer {
    /// `302 Found`.
    pub(super) fn default_redirect(address: &str) -> Self {
        Self { status: 302, ..Self::default() }.with("location", address)
    }
}
