//! A git URL or directory, read with the `git` program where the controller runs.
//!
//! git asks nobody for a password, sees none of our `GIT_*` variables, and what people gave it is never read as an
//! option. A password inside a URL never appears in a message or a record.

mod run;
mod url;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use rollback_deploy_core::model::{Commit, Failure, ReleaseId, ReleaseInfo, Source};
use rollback_deploy_core::plan::version::{Points, Tag};

use super::Tree;
use super::exclude::Exclude;
use super::unpack::{Layout, Limits, unpack};
use run::Run;
use url::Remote;

/// How long git may take to list what there is.
const LIST: Duration = Duration::from_mins(2);
/// How long git may take to bring the files.
const FETCH: Duration = Duration::from_mins(30);

/// A repository that the `git` program reads.
#[derive(Debug)]
pub struct Git {
    remote: Remote,
    run: Run,
}

/// What is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// A tag, never a branch of that name.
    Tag(ReleaseId),
    /// A branch, never a tag of that name.
    Branch(String),
}

impl Git {
    /// A repository at a URL or in a directory. `environment` is what git may see of our environment (`PATH`, `HOME`,
    /// `SSH_AUTH_SOCK`, proxies …), read by the face; its `GIT_*` are left out.
    ///
    /// # Errors
    /// The text can be no repository.
    pub fn new(url: &str, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, Failure> {
        let remote = Remote::new(url)?;
        Ok(Self { run: Run::new(environment, remote.clone()), remote })
    }

    /// The URL without credentials: for people and records.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.remote.shown()
    }

    /// All tags whose names can be a release, peeled.
    ///
    /// # Errors
    /// git cannot read the repository.
    pub async fn tags(&self) -> Result<Vec<Tag>, Failure> {
        let text = self.run.git(["ls-remote", "--tags", "--", self.remote.raw()], LIST, "its tags").await?;
        let mut tags: Vec<Tag> = Vec::new();
        for (sha, name) in lines(&text) {
            let Some(name) = name.strip_prefix("refs/tags/") else { continue };
            // The line of the commit follows the line of its tag object.
            match name.strip_suffix("^{}") {
                Some(peeled) => {
                    if let Some(tag) = tags.iter_mut().rfind(|tag| tag.name.as_str() == peeled) {
                        tag.points = Points::Commit(sha);
                    }
                }
                None => {
                    if let Ok(name) = ReleaseId::new(name) {
                        tags.push(Tag { name, points: Points::Commit(sha) });
                    }
                }
            }
        }
        Ok(tags)
    }

    /// The commit of a branch now.
    ///
    /// # Errors
    /// There is no such branch, or git cannot read the repository.
    pub async fn commit_of_branch(&self, branch: &str) -> Result<Commit, Failure> {
        let full = Which::Branch(branch.to_owned()).full()?;
        let text = self.run.git(["ls-remote", "--", self.remote.raw(), &full], LIST, "its branches").await?;
        lines(&text).find(|(_, name)| *name == full).map(|(sha, _)| sha).ok_or_else(|| {
            Failure::input(format!("{} has no branch {branch:?}", self.shown())).hint("Check the spelling.")
        })
    }

    /// Fetches one tag or branch, which must lead to this commit, and takes its files.
    ///
    /// # Errors
    /// git cannot read it, it moved since it was resolved, or it can be no release.
    pub async fn fetch(
        &self,
        which: &Which,
        version: &ReleaseId,
        commit: &Commit,
        exclude: &Exclude,
        limits: &Limits,
    ) -> Result<Tree, Failure> {
        let full = which.full()?;
        let scratch = tempfile::tempdir().map_err(|error| {
            Failure::failed("no temporary folder can be made").hint("Is the disk full?").because(error.to_string())
        })?;
        let store = self.bare(scratch.path(), commit).await?;
        let store = store.as_str();
        let refspec = format!("+{full}:refs/wanted");
        let fetch = ["-C", store, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--"];
        let arguments = fetch.into_iter().chain([self.remote.raw(), &refspec]);
        self.run.git(arguments, FETCH, "its files").await?;
        let found =
            self.run.git(["-C", store, "rev-parse", "--verify", "refs/wanted^{commit}"], LIST, "its commit").await?;
        if found.trim() != commit.as_str() {
            return Err(Failure::refused(format!("{full} of {} moved while it was read", self.shown()))
                .hint("Run it again.")
                .because(found));
        }
        let file = scratch.path().join("archive.tar");
        let output = format!("--output={}", file.display());
        let archive = ["-C", store, "archive", "--format=tar", &output, commit.as_str()];
        self.run.git(archive, FETCH, "its files").await?;
        let (exclude, limits) = (exclude.clone(), *limits);
        let unpacked = tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(&file).map_err(|error| {
                Failure::failed("the archive made by git cannot be read").because(error.to_string())
            })?;
            if file.metadata().is_ok_and(|meta| meta.len() > limits.archive) {
                return Err(Failure::refused(format!("the archive is larger than {} bytes", limits.archive))
                    .hint("Keep large files out of the repository, or deploy a folder that was built."));
            }
            unpack(file, Layout::Plain, &exclude, &limits)
        })
        .await
        .map_err(|error| Failure::bug("unpacking ended early").because(error.to_string()))??;
        let tag = match which {
            Which::Tag(tag) => Some(tag.to_string()),
            Which::Branch(_) => None,
        };
        let source = Source::Git { url: self.shown().to_owned() };
        let info = ReleaseInfo { version: version.clone(), tag, commit: Some(commit.clone()), source };
        let folder = unpacked.folder.path().to_owned();
        Ok(Tree { info, manifest: unpacked.manifest, folder, keep: Some(unpacked.folder) })
    }

    /// An empty bare repository to fetch into, of the same kind of digest as the commit.
    async fn bare(&self, scratch: &Path, commit: &Commit) -> Result<String, Failure> {
        let path = scratch.join("store.git");
        let path = path.to_str().ok_or_else(|| Failure::input("the temporary folder's path is not UTF-8"))?.to_owned();
        // Only where it is needed: an older git does not know the option.
        let format = (commit.as_str().len() == 64).then_some("--object-format=sha256");
        // Without a template: nothing of this machine's hooks comes along.
        let init = ["init", "--bare", "--quiet", "--template="].into_iter().chain(format).chain(["--", &path]);
        self.run.git(init, LIST, "a place for its files").await?;
        Ok(path)
    }
}

impl Which {
    /// The whole name of the ref.
    fn full(&self) -> Result<String, Failure> {
        match self {
            Self::Tag(tag) => Ok(format!("refs/tags/{tag}")),
            Self::Branch(branch) => {
                let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
                let wrong = branch.is_empty() || branch.contains(bad) || branch.contains("..") || branch.contains("@{");
                if wrong {
                    return Err(Failure::input(format!("{branch:?} is not the name of a branch")));
                }
                Ok(format!("refs/heads/{branch}"))
            }
        }
    }
}

/// `SHA<tab>NAME` a line.
fn lines(text: &str) -> impl Iterator<Item = (Commit, &str)> {
    text.lines().filter_map(|line| {
        let (sha, name) = line.split_once('\t')?;
        Some((Commit::new(sha).ok()?, name))
    })
}

#[cfg(test)]
mod tests;
