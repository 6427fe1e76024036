//! One small file at a commit, read through the API: the deploy file of a run that checked nothing out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollback_deploy_core::model::{Commit, Failure, Place, RelPath};
use serde::Deserialize;

use super::client::Client;
use super::repository::Repository;
use super::tags::escaped;

/// The most that such a file may hold.
pub const LARGEST: u64 = 256 << 10;

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    encoding: String,
    #[serde(default)]
    content: String,
}

/// Reads the file at this path of the commit; none when there is none.
///
/// # Errors
/// It is no plain file, larger than [`LARGEST`], or there is no good answer.
pub async fn read(
    client: &Client,
    repository: &Repository,
    path: &RelPath,
    commit: &Commit,
) -> Result<Option<Vec<u8>>, Failure> {
    let parts: Vec<String> = path.as_str().split('/').map(escaped).collect();
    let what = format!("the file {path} of {repository}");
    let wrong = |what: &str| Failure::input(what).at(Place::File { path: path.to_string(), at: None });
    let route = repository.route(&format!("contents/{}?ref={commit}", parts.join("/")));
    let found: Option<serde_json::Value> = client.find(&route, &what).await?;
    let Some(found) = found else { return Ok(None) };
    if found.is_array() {
        return Err(wrong("a file is wanted here, but it is a folder"));
    }
    let unreadable = |why: String| Failure::failed(format!("GitHub's answer about {what} cannot be read")).because(why);
    let file: File = serde_json::from_value(found).map_err(|error| unreadable(error.to_string()))?;
    if file.kind != "file" {
        return Err(wrong("a plain file is wanted here").because(file.kind).hint("A link or a submodule is not read."));
    }
    if file.size > LARGEST {
        return Err(wrong("the file is larger than 256 KiB").hint("A deploy file is a few kilobytes."));
    }
    if file.encoding != "base64" {
        return Err(unreadable(format!("encoding {}", file.encoding)));
    }
    let text: String = file.content.split_ascii_whitespace().collect();
    STANDARD.decode(text).map(Some).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests;
