//! The archive of a commit, through GitHub's API.

use rollback_deploy_core::model::{Commit, Failure, ReleaseId, ReleaseInfo, Source};

use super::Tree;
use super::exclude::Exclude;
use super::unpack::{Layout, Limits, unpack};
use crate::github::{Client, Repository, download};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The repository.
    pub repository: Repository,
    /// The release's version: the tag, or a snapshot's name.
    pub version: ReleaseId,
    /// The tag, when it came from one.
    pub tag: Option<ReleaseId>,
    /// The commit.
    pub commit: Commit,
}

/// Downloads and unpacks the files of a commit.
///
/// # Errors
/// No good answer, or the archive can be no release.
pub async fn fetch(client: &Client, wish: &Wish, exclude: &Exclude, limits: &Limits) -> Result<Tree, Failure> {
    let Wish { repository, version, tag, commit } = wish;
    let what = format!("the archive of {version} of {repository}");
    let route = format!("/repos/{repository}/tarball/{commit}");
    let file = download::to_file(client, &route, limits.archive, &what).await?;
    let (exclude, limits) = (exclude.clone(), *limits);
    let unpacked = tokio::task::spawn_blocking(move || unpack(file, Layout::GzipInFolder, &exclude, &limits))
        .await
        .map_err(|error| Failure::bug("unpacking ended early").because(error.to_string()))??;
    // git writes the commit into the archive's head: a cache in between must not hand us another one.
    if let Some(found) = unpacked.commit.as_deref().filter(|found| *found != commit.as_str()) {
        return Err(Failure::refused(format!("{what} holds another commit than {commit}")).because(found.to_owned()));
    }
    let info = ReleaseInfo {
        version: version.clone(),
        tag: tag.as_ref().map(ToString::to_string),
        commit: Some(commit.clone()),
        source: Source::Archive { repository: repository.to_string() },
    };
    let folder = unpacked.folder.path().to_owned();
    Ok(Tree { info, manifest: unpacked.manifest, folder, keep: Some(unpacked.folder) })
}

#[cfg(test)]
mod tests;
