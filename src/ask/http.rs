//! Does the URL answer as it should? Queries of URLs are never shown: they may hold secrets.

use std::time::Duration;

use rollback_deploy_core::model::check::Http;
use url::Url;

use super::{Seen, beginning};

/// The most that is read of an answer's body.
const LARGEST_BODY: usize = 64 * 1024;
/// How much of a body is shown.
const SHOWN: usize = 200;

/// From where it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On the host: directly.
    Host,
    /// From the runner: through its proxy, unless the address is its own.
    Outside,
}

pub(super) async fn ask(question: &Http, version: &str, way: Way) -> Seen {
    let url = match Url::parse(&question.url) {
        Ok(url) => url,
        Err(error) => return Seen::error(format!("the URL is not valid: {error}")),
    };
    let client = match client(&url, question, way) {
        Ok(client) => client,
        Err(error) => return Seen::error(format!("no HTTP client could be made: {}", chain(error))),
    };
    match client.get(url).send().await {
        Ok(answer) => judge(question, version, answer).await,
        Err(error) if error.is_builder() => Seen::error(format!("it cannot be asked: {}", chain(error))),
        Err(error) if error.is_timeout() => Seen::fail(format!("no answer within {}", question.timeout)),
        Err(error) => Seen::fail(format!("no answer: {}", chain(error))),
    }
}

fn client(url: &Url, question: &Http, way: Way) -> reqwest::Result<reqwest::Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Normally main has done so; another thread may be first, which is as good.
        let _first = rustls::crypto::ring::default_provider().install_default();
    }
    let own = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    };
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(question.timeout.0.max(1)))
        .user_agent(concat!("rollback-deploy/", env!("CARGO_PKG_VERSION")));
    if own || way == Way::Host {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" && way == Way::Host {
        // Without TLS no certificates are needed: a host may have none.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

/// An error with its causes, without the URL that it was about.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(&error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        next = cause.source();
    }
    words.join(": ")
}

async fn judge(question: &Http, version: &str, mut answer: reqwest::Response) -> Seen {
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    let (body, whole) = match body(&mut answer).await {
        Ok(body) => body,
        Err(error) => return Seen::fail(format!("status {status}, but its body broke off: {}", chain(error))),
    };
    let text = String::from_utf8_lossy(&body);
    let shown = format!("body: {}", if text.is_empty() { "empty".to_owned() } else { beginning(&text, SHOWN) });
    let limit = if whole { "" } else { " (only the first 64 KiB were read)" };
    if status != question.status {
        let to = headers.get("location").and_then(|to| to.to_str().ok()).map_or(String::new(), |to| {
            format!(", to {}", beginning(to.split(['?', '#']).next().unwrap_or_default(), SHOWN))
        });
        return Seen::fail(format!("status {status}{to}, wanted {}; {shown}", question.status));
    }
    let expand = |wanted: &str| wanted.replace("{version}", version);
    for (name, wanted) in &question.header {
        let wanted = expand(wanted);
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        if !values.iter().any(|value| value.contains(&wanted)) {
            let saw = if values.is_empty() {
                "is missing".to_owned()
            } else {
                format!("is {:?}", beginning(&values.join(", "), SHOWN))
            };
            return Seen::fail(format!("status {status}; header {name} {saw}, wanted {wanted:?}"));
        }
    }
    if let Some(wanted) = &question.text {
        let wanted = expand(wanted);
        if !text.contains(&wanted) {
            return Seen::fail(format!("status {status}; the text {wanted:?} is missing{limit}; {shown}"));
        }
    }
    if !question.json.is_empty() {
        let json: serde_json::Value = match serde_json::from_slice(&body) {
            Ok(json) => json,
            Err(error) => return Seen::fail(format!("status {status}; no JSON{limit}: {error}; {shown}")),
        };
        for (path, wanted) in &question.json {
            let wanted = expand(wanted);
            match at(&json, path) {
                Some(value) if value == wanted => {}
                Some(value) => {
                    let value = beginning(&value, SHOWN);
                    return Seen::fail(format!("status {status}; {path} is {value:?}, wanted {wanted:?}"));
                }
                None => return Seen::fail(format!("status {status}; {path} is missing, wanted {wanted:?}; {shown}")),
            }
        }
    }
    Seen::pass(format!("status {status}"))
}

/// The body up to its limit, and whether that was all.
async fn body(answer: &mut reqwest::Response) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        let room = LARGEST_BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}

/// The value at `a.0.b`, as text.
fn at(json: &serde_json::Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(json, |value, part| match value {
        serde_json::Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })?;
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
}

/// Whether the answer of this question names the version: then it proves which release runs.
#[must_use]
pub(crate) fn names_version(question: &Http) -> bool {
    let named = |text: &String| text.contains("{version}");
    question.text.iter().any(named) || question.json.values().any(named) || question.header.values().any(named)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
