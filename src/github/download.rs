//! A large answer into a file. The token goes only to the server of the API: an archive lies on another host, and its
//! address there is signed.

use std::fs::File;
use std::io::{Seek as _, Write as _};

use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, LOCATION};
use rollback_deploy_core::model::Failure;
use url::Url;

use super::client::{Cause, Client, Heard};

/// How often we are sent on.
const HOPS: usize = 5;
/// How much of a refusal is read.
const REFUSAL: usize = 64 << 10;

/// Why a download is given up for good: it is not sent again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("we were sent on more than {HOPS} times")]
    TooManyHops,
    #[error("we were sent from https to another scheme")]
    Downgraded,
    #[error("we were sent on without an address")]
    Nowhere,
}

/// Downloads a route of the API into a temporary file without a name, at most `limit` bytes; repeats it from the start
/// when the connection breaks.
///
/// # Errors
/// No good answer, or it is too large.
pub async fn to_file(client: &Client, route: &str, limit: u64, what: &str) -> Result<File, Failure> {
    let start = Url::parse(&format!("{}{route}", client.api.as_str().trim_end_matches('/')))
        .map_err(|error| Failure::bug(format!("the address of {what} is not valid")).because(error.to_string()))?;
    let disk = |error: std::io::Error| {
        Failure::failed(format!("{what} cannot be kept in a temporary file")).because(error.to_string())
    };
    let file = tempfile::tempfile().map_err(disk)?;
    let heard = client
        .patiently(what, || {
            let (start, target) = (start.clone(), file.try_clone());
            async {
                let mut target = target?;
                target.set_len(0)?;
                target.rewind()?;
                fetch(client, start, &mut target, limit).await
            }
        })
        .await?;
    client.good(&heard, what)?;
    let mut file = file;
    file.rewind().map_err(disk)?;
    Ok(file)
}

/// One attempt: follows redirects by hand, writes a success to the file, and reads the start of anything else.
async fn fetch(client: &Client, start: Url, file: &mut File, limit: u64) -> Result<Heard, Cause> {
    let mut url = start;
    for _ in 0..=HOPS {
        let mut answer = ask(client, &url).send().await.map_err(reqwest::Error::without_url)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_redirection() {
            url = onward(&url, &headers)?;
            continue;
        }
        let mut body = Vec::new();
        let mut written: u64 = 0;
        while let Some(piece) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if status.is_success() {
                written += piece.len() as u64;
                if written > limit {
                    return Err(Broken::TooLarge(limit).into());
                }
                file.write_all(&piece)?;
            } else if body.len() < REFUSAL {
                body.extend_from_slice(&piece);
            }
        }
        return Ok(Heard { status, headers, body });
    }
    Err(Broken::TooManyHops.into())
}

/// The request for an address; the token goes along only to the server of the API.
fn ask(client: &Client, url: &Url) -> reqwest::RequestBuilder {
    let mut request = client.http.get(url.clone());
    if url.origin() == client.api.origin() {
        request = request.header(ACCEPT, "application/vnd.github+json").header("x-github-api-version", "2022-11-28");
        if let Some(bearer) = &client.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
    }
    request
}

/// Where an answer sends us.
fn onward(from: &Url, headers: &HeaderMap) -> Result<Url, Cause> {
    let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).ok_or(Broken::Nowhere)?;
    let to = from.join(to).map_err(|_| Broken::Nowhere)?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Broken::Downgraded.into());
    }
    Ok(to)
}

#[cfg(test)]
mod tests;
