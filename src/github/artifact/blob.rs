//! The store behind a signed address: blocks one after another, then their list. The address is a secret: it is used
//! as it was given, never taken apart, never said, and the runner's token never goes there.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use rollback_deploy_core::model::Foreign;
use url::Url;

use super::twirp::{Again, Twirp, lost, passing, read};
use super::unavailable::Unavailable;

/// Bytes of one block.
const BLOCK: usize = 8 << 20;
/// How much of a refusal is read.
const REFUSAL: usize = 64 << 10;

/// Uploads everything. One block at a time: not every server puts them in the order of the list.
pub(super) async fn put(twirp: &Twirp, signed: &str, content: &[u8]) -> Result<(), Unavailable> {
    let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for (index, block) in content.chunks(BLOCK).enumerate() {
        // All ids must have one length.
        let id = STANDARD.encode(format!("{index:08}"));
        let url = with(twirp, signed, &format!("comp=block&blockid={}", id.replace('=', "%3D")))?;
        send(twirp, &url, block, "application/octet-stream").await?;
        let _infallible = write!(list, "<Latest>{id}</Latest>");
    }
    list.push_str("</BlockList>");
    send(twirp, &with(twirp, signed, "comp=blocklist")?, list.as_bytes(), "application/xml").await
}

/// Downloads everything, at most `limit` bytes.
pub(super) async fn get(twirp: &Twirp, signed: &str, limit: usize) -> Result<Vec<u8>, Unavailable> {
    let url = checked(twirp, signed)?;
    twirp
        .again(|| async {
            let answer = twirp.http.get(url.clone()).send().await.map_err(lost)?;
            let status = answer.status();
            if !status.is_success() {
                return Err(refused(status, &read(answer, REFUSAL).await?));
            }
            read(answer, limit).await
        })
        .await
}

async fn send(twirp: &Twirp, url: &Url, content: &[u8], kind: &str) -> Result<(), Unavailable> {
    twirp
        .again(|| async {
            let request = twirp
                .http
                .request(Method::PUT, url.clone())
                .header("content-type", kind)
                .header("x-ms-blob-content-type", "application/zip")
                .body(content.to_vec());
            let answer = request.send().await.map_err(lost)?;
            let status = answer.status();
            if status.is_success() { Ok(()) } else { Err(refused(status, &read(answer, REFUSAL).await?)) }
        })
        .await
}

/// The signed address with more at its end, as text: taking it apart would change how the signature is written.
fn with(twirp: &Twirp, signed: &str, more: &str) -> Result<Url, Unavailable> {
    let sign = if signed.contains('?') { '&' } else { '?' };
    checked(twirp, &format!("{signed}{sign}{more}"))
}

fn checked(twirp: &Twirp, address: &str) -> Result<Url, Unavailable> {
    let url =
        Url::parse(address).ok().filter(|url| url.scheme() == "https" || (url.scheme() == "http" && !twirp.is_https()));
    url.ok_or_else(|| Unavailable::Answered { status: 200, said: "it gave no address to use".into() })
}

/// Only the store's word for it is said: the rest of its answer may repeat what was signed.
fn refused(status: StatusCode, body: &[u8]) -> Again {
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
    let said = Foreign::new(format!("the store answered {} {}", status.as_u16(), code).trim());
    Again(passing(status), Unavailable::Answered { status: status.as_u16(), said })
}
