//! The host of signed addresses: archives to read, and a block store as strict as the one behind artifacts.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::State;
use super::server::{Answer, Asked};

/// What lies there.
#[derive(Default)]
pub(super) struct Store {
    blobs: BTreeMap<String, Blob>,
    count: u32,
}

#[derive(Default)]
struct Blob {
    /// The one query that opens it, letter by letter; it may be longer at its end.
    signed: String,
    writable: bool,
    kind: String,
    /// Sent, not yet named by a list.
    blocks: BTreeMap<String, Vec<u8>>,
    content: Option<Vec<u8>>,
}

impl Store {
    fn sign(&mut self, permission: &str) -> String {
        self.count += 1;
        // Padded and escaped, as the real one: a client that takes it apart and writes it anew breaks it.
        let signature = STANDARD.encode(format!("signature {:>4}?>", self.count));
        let escaped = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        format!("sv=2025-01-05&se=2036-01-01T00%3A00%3A00Z&sr=b&sp={permission}&sig={escaped}")
    }

    /// Lays something there to be read; its address below the host.
    pub(super) fn publish(&mut self, content: Vec<u8>, kind: &str, path: &str) -> String {
        let signed = self.sign("r");
        let blob = Blob { signed: signed.clone(), kind: kind.to_owned(), content: Some(content), ..Blob::default() };
        self.blobs.insert(path.to_owned(), blob);
        format!("{path}?{signed}")
    }

    /// A place to upload to; its address below the host.
    pub(super) fn open(&mut self, path: &str) -> String {
        let signed = self.sign("cw");
        let blob = Blob { signed: signed.clone(), writable: true, ..Blob::default() };
        self.blobs.insert(path.to_owned(), blob);
        format!("{path}?{signed}")
    }

    /// What was uploaded there, once its blocks were put in order.
    pub(super) fn content(&self, path: &str) -> Option<&[u8]> {
        self.blobs.get(path)?.content.as_deref()
    }
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Answer {
    let Some(blob) = state.blobs.blobs.get_mut(&asked.path) else {
        return refusal(404, "BlobNotFound");
    };
    // A second authority beside the signature is refused there, too.
    let more = asked.query.strip_prefix(&blob.signed);
    if asked.header("authorization").is_some() || !more.is_some_and(|more| more.is_empty() || more.starts_with('&')) {
        return refusal(403, "AuthenticationFailed");
    }
    match (asked.method.as_str(), &blob.content) {
        ("GET", Some(content)) if !blob.writable => Answer::text(200, &blob.kind, content.clone()),
        ("PUT", _) if blob.writable => put(blob, asked),
        _ => refusal(403, "AuthorizationPermissionMismatch"),
    }
}

fn put(blob: &mut Blob, asked: &Asked) -> Answer {
    if asked.header("content-length").is_none() {
        return refusal(411, "MissingContentLengthHeader");
    }
    match asked.parameter("comp").as_deref() {
        Some("block") => {
            let id = asked.parameter("blockid").unwrap_or_default();
            if STANDARD.decode(&id).is_ok_and(|raw| !raw.is_empty() && raw.len() <= 64) && !asked.body.is_empty() {
                if blob.blocks.keys().any(|other| other.len() != id.len()) {
                    return refusal(400, "InvalidBlobOrBlock");
                }
                blob.blocks.insert(id, asked.body.clone());
                return Answer { status: 201, ..Answer::default() };
            }
            refusal(400, "InvalidQueryParameterValue")
        }
        Some("blocklist") => {
            let list = String::from_utf8_lossy(&asked.body).into_owned();
            let mut content = Vec::new();
            for piece in list.split("<Latest>").skip(1) {
                let id = piece.split("</Latest>").next().unwrap_or_default();
                let Some(block) = blob.blocks.get(id) else { return refusal(400, "InvalidBlockList") };
                content.extend_from_slice(block);
            }
            if !list.contains("<BlockList>") || !list.contains("</BlockList>") {
                return refusal(400, "InvalidXmlDocument");
            }
            blob.content = Some(content);
            let kind = asked.header("x-ms-blob-content-type").unwrap_or("application/octet-stream");
            kind.clone_into(&mut blob.kind);
            Answer { status: 201, ..Answer::default() }
        }
        // A single PUT is taken by the real one, but not by act's: nobody may rely on it.
        _ => refusal(400, "MissingRequiredQueryParameter"),
    }
}

fn refusal(status: u16, code: &str) -> Answer {
    let body = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code></Error>");
    Answer::text(status, "application/xml", body).with("x-ms-error-code", code)
}
