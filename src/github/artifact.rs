//! Artifacts of the run, by the protocol of the runner's own tools (v4): made, filled block by block, finished.
//!
//! They are never necessary: wherever they are not available the reason is typed, so that a face warns and goes on.

mod blob;
mod ids;
mod name;
mod twirp;
mod unavailable;

use jiff::Timestamp;
use rollback_deploy_core::model::Digest;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::settings::{self, Settings};
use ids::Ids;
use twirp::{Twirp, number};

pub use name::ArtifactName;
pub use unavailable::Unavailable;

/// The kind of artifact that holds one zip; servers of all ages know it.
const VERSION: u8 = 4;

/// The artifacts of this run.
#[derive(Debug)]
pub struct Artifacts {
    twirp: Twirp,
    ids: Ids,
}

/// What was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Its id, for the address of the summary: `…/actions/runs/RUN/artifacts/ID`.
    pub id: u64,
    /// Bytes of the zip.
    pub size: u64,
    /// Of the zip.
    pub sha256: Digest,
}

/// An artifact of this run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Listed {
    /// The job that made it.
    #[serde(alias = "workflowJobRunBackendId", rename = "workflow_job_run_backend_id")]
    job: String,
    /// Its id; the highest of several with one name is the newest.
    #[serde(alias = "databaseId", rename = "database_id", deserialize_with = "number")]
    pub id: u64,
    /// Its name, as the server says it.
    pub name: String,
    /// Bytes of the zip.
    #[serde(default, deserialize_with = "number")]
    pub size: u64,
    /// `sha256:` and hex, when the server knows it.
    #[serde(default)]
    pub digest: Option<String>,
}

#[derive(Serialize)]
struct Create<'a> {
    #[serde(flatten)]
    ids: &'a Ids,
    name: &'a str,
    version: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    ok: bool,
    #[serde(alias = "signedUploadUrl", default)]
    signed_upload_url: String,
}

#[derive(Serialize)]
struct Finalize<'a> {
    #[serde(flatten)]
    ids: &'a Ids,
    name: &'a str,
    // int64 is a string in the JSON of protobuf.
    size: String,
    hash: String,
}

#[derive(Deserialize)]
struct Finalized {
    #[serde(default)]
    ok: bool,
    #[serde(alias = "artifactId", default, deserialize_with = "number")]
    artifact_id: u64,
}

#[derive(Serialize)]
struct List<'a> {
    #[serde(flatten)]
    ids: &'a Ids,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_filter: Option<&'a str>,
}

#[derive(Deserialize)]
struct Lists {
    #[serde(default)]
    artifacts: Vec<Listed>,
}

#[derive(Serialize)]
struct Sign<'a> {
    workflow_run_backend_id: &'a str,
    workflow_job_run_backend_id: &'a str,
    name: &'a str,
}

#[derive(Deserialize)]
struct Signed {
    #[serde(alias = "signedUrl")]
    signed_url: String,
}

impl Artifacts {
    /// The service of this run: `results` is the runner's results URL, `token` its runtime token; both empty outside
    /// of a runner. Of the settings only proxies, authorities and patience count.
    ///
    /// # Errors
    /// There is no such service here, and why.
    pub fn open(results: &str, token: &SecretString, settings: &Settings) -> Result<Self, Unavailable> {
        let ids = Ids::of(token)?;
        let base = Url::parse(results).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        let base = base.ok_or(Unavailable::NotHere)?;
        let http = settings::http(settings).map_err(|failure| Unavailable::Unreachable(failure.what.into()))?;
        Ok(Self { twirp: Twirp::new(http, &base, token, settings.patience)?, ids })
    }

    /// Uploads one zip under a name that this run has not used yet. It cannot be changed afterwards.
    ///
    /// # Errors
    /// Why it is not there.
    pub async fn upload(
        &self,
        name: &ArtifactName,
        zip: &[u8],
        expires: Option<Timestamp>,
    ) -> Result<Uploaded, Unavailable> {
        let expires_at = expires.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let create = Create { ids: &self.ids, name: name.as_str(), version: VERSION, expires_at };
        let created: Created = self.twirp.call("CreateArtifact", &create).await?;
        if !created.ok {
            return Err(Unavailable::Answered { status: 200, said: "the artifact was not made".into() });
        }
        blob::put(&self.twirp, &created.signed_upload_url, zip).await?;
        let (size, sha256) = (zip.len() as u64, Digest::of(zip));
        let hash = format!("sha256:{sha256}");
        let finalize = Finalize { ids: &self.ids, name: name.as_str(), size: size.to_string(), hash };
        let done: Finalized = self.twirp.call("FinalizeArtifact", &finalize).await?;
        if !done.ok {
            return Err(Unavailable::Answered { status: 200, said: "the artifact was not finished".into() });
        }
        Ok(Uploaded { id: done.artifact_id, size, sha256 })
    }

    /// The artifacts of this run, the newest first; only those of this name, when one is given.
    ///
    /// # Errors
    /// Why they cannot be listed.
    pub async fn list(&self, name: Option<&ArtifactName>) -> Result<Vec<Listed>, Unavailable> {
        let list = List { ids: &self.ids, name_filter: name.map(ArtifactName::as_str) };
        let mut found: Vec<Listed> = self.twirp.call::<_, Lists>("ListArtifacts", &list).await?.artifacts;
        // Not every server filters.
        found.retain(|artifact| name.is_none_or(|name| artifact.name == name.as_str()));
        found.sort_by_key(|artifact| std::cmp::Reverse(artifact.id));
        Ok(found)
    }

    /// Downloads the zip of an artifact of this run, at most `limit` bytes, and compares its digest.
    ///
    /// # Errors
    /// Why it cannot be had, or that it is not what was uploaded.
    pub async fn download(&self, artifact: &Listed, limit: usize) -> Result<Vec<u8>, Unavailable> {
        let sign = Sign {
            workflow_run_backend_id: self.ids.run(),
            workflow_job_run_backend_id: &artifact.job,
            name: &artifact.name,
        };
        let signed: Signed = self.twirp.call("GetSignedArtifactURL", &sign).await?;
        let zip = blob::get(&self.twirp, &signed.signed_url, limit).await?;
        match artifact.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:")) {
            Some(digest) if digest != Digest::of(&zip).as_str() => Err(Unavailable::Altered),
            _ => Ok(zip),
        }
    }
}

#[cfg(test)]
mod tests;
