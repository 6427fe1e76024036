//! From a version as it was asked for to the files of a release: the tag is resolved once, its commit is recorded.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rollback_deploy_core::file::SourceChoice;
use rollback_deploy_core::model::{Commit, Failure, Place, ReleaseId};
use rollback_deploy_core::plan::version::{
    DefaultVersion, RunEvent, Tag, Wanted, choose, default_version, no_version, refuse_event, snapshot,
};

#[cfg(feature = "github")]
use crate::github::{Client, Repository, tags};
use crate::source::git::{Git, Which};
use crate::source::{Exclude, Limits, Tree, folder};

/// Where versions and files can be had.
pub struct Sources {
    /// The workspace, for folders in it.
    pub workspace: PathBuf,
    /// What `git` may see of our environment.
    pub git_environment: Vec<(OsString, OsString)>,
    /// GitHub's API and the repository, in the action.
    #[cfg(feature = "github")]
    pub github: Option<(Client, Repository)>,
    /// The repository that versions come from when there is no GitHub: URL or directory.
    pub git: Option<String>,
    /// The event that started the run, in the action.
    pub event: Option<RunEvent>,
}

/// A version, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// What the release is called.
    pub version: ReleaseId,
    /// Its tag, when it has one.
    pub tag: Option<ReleaseId>,
    /// Its branch, when it has no tag.
    pub branch: Option<String>,
    /// Its commit, when known.
    pub commit: Option<Commit>,
}

impl Sources {
    /// Resolves a version and brings its files.
    ///
    /// # Errors
    /// There is no such version, or its files cannot be had or can be no release.
    pub async fn fetch(&self, choice: &SourceChoice, prefix: &str, wanted: Option<&str>) -> Result<Tree, Failure> {
        if let Some(event) = &self.event {
            refuse_event(event)?;
        }
        match choice {
            SourceChoice::Git { url, exclude } => self.git_files(url, exclude, prefix, wanted).await,
            SourceChoice::Folder { path, exclude } => {
                let resolved = self.resolve(prefix, wanted).await?;
                let named = folder::Named { version: resolved.version, tag: resolved.tag, commit: resolved.commit };
                let (workspace, path, exclude) = (self.workspace.clone(), path.clone(), Exclude::new(exclude)?);
                tokio::task::spawn_blocking(move || {
                    folder::read(&workspace, &path, named, &exclude, &Limits::default())
                })
                .await
                .map_err(|error| Failure::bug("reading the folder ended early").because(error.to_string()))?
            }
            SourceChoice::Archive { exclude } => self.archive(exclude, prefix, wanted).await,
        }
    }

    async fn archive(&self, exclude: &[String], prefix: &str, wanted: Option<&str>) -> Result<Tree, Failure> {
        #[cfg(feature = "github")]
        if let Some((client, repository)) = &self.github {
            let resolved = self.resolve(prefix, wanted).await?;
            let commit = resolved.commit.ok_or_else(|| Failure::bug("a version on GitHub has no commit"))?;
            let wish = crate::source::archive::Wish {
                repository: repository.clone(),
                version: resolved.version,
                tag: resolved.tag,
                commit,
            };
            return crate::source::archive::fetch(client, &wish, &Exclude::new(exclude)?, &Limits::default()).await;
        }
        match &self.git {
            Some(url) => self.git_files(url, exclude, prefix, wanted).await,
            None => Err(Failure::input("it is not known where the release's files come from")
                .at(Place::Input("source".into()))
                .hint("Give the repository: `rollback-deploy deploy v1.0.0 https://github.com/owner/name.git`.")),
        }
    }

    async fn git_files(
        &self,
        url: &str,
        exclude: &[String],
        prefix: &str,
        wanted: Option<&str>,
    ) -> Result<Tree, Failure> {
        let git = self.open_git(url)?;
        let resolved = resolve_in_git(&git, prefix, wanted, self.event.as_ref()).await?;
        let which = match (&resolved.tag, &resolved.branch) {
            (Some(tag), _) => Which::Tag(tag.clone()),
            (None, Some(branch)) => Which::Branch(branch.clone()),
            (None, None) => return Err(Failure::bug("a version has neither a tag nor a branch")),
        };
        let commit = resolved.commit.ok_or_else(|| Failure::bug("a version in git has no commit"))?;
        git.fetch(&which, &resolved.version, &commit, &Exclude::new(exclude)?, &Limits::default()).await
    }

    fn open_git(&self, url: &str) -> Result<Git, Failure> {
        // A directory is meant from where the person stands.
        let local = self.workspace.join(url);
        let url = if !url.contains("://") && !url.contains('@') && local.exists() {
            text_of(&local)?
        } else {
            url.to_owned()
        };
        Git::new(&url, self.git_environment.clone())
    }

    /// Only the version, its tag and its commit.
    ///
    /// # Errors
    /// There is no such version.
    pub async fn resolve(&self, prefix: &str, wanted: Option<&str>) -> Result<Resolved, Failure> {
        #[cfg(feature = "github")]
        if let Some((client, repository)) = &self.github {
            return resolve_on_github(client, repository, prefix, wanted, self.event.as_ref()).await;
        }
        if let Some(url) = &self.git {
            return resolve_in_git(&self.open_git(url)?, prefix, wanted, self.event.as_ref()).await;
        }
        // A folder without any repository: its version is what it is called.
        let text = wanted.ok_or_else(|| no_version(prefix, &[]))?;
        let version = ReleaseId::new(text).map_err(|error| Failure::input(error.to_string()))?;
        Ok(Resolved { version, tag: None, branch: None, commit: None })
    }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::input("the path is not UTF-8").at(Place::Input("source".into())))
}

/// What the run means when nobody named a version.
fn unnamed(event: Option<&RunEvent>, prefix: &str) -> Result<DefaultVersion, Failure> {
    event.map_or(Ok(DefaultVersion::MustBeNamed), |event| default_version(event, prefix))
}

fn snapshot_of(branch: &str, commit: Commit) -> Result<Resolved, Failure> {
    let version = snapshot(branch, jiff::Timestamp::now()).map_err(|error| Failure::bug(error.to_string()))?;
    Ok(Resolved { version, tag: None, branch: Some(branch.to_owned()), commit: Some(commit) })
}

async fn resolve_in_git(
    git: &Git,
    prefix: &str,
    wanted: Option<&str>,
    event: Option<&RunEvent>,
) -> Result<Resolved, Failure> {
    let all = git.tags().await?;
    let text = match wanted {
        Some(text) => text.to_owned(),
        None => match unnamed(event, prefix)? {
            DefaultVersion::Tag(tag) => tag.to_string(),
            DefaultVersion::Snapshot { branch, commit } => return snapshot_of(&branch, commit),
            DefaultVersion::MustBeNamed => return Err(no_version(prefix, &all)),
        },
    };
    let wanted = Wanted::parse(&text, prefix)?;
    let of_tag = |tag: &Tag| {
        let rollback_deploy_core::plan::version::Points::Commit(commit) = tag.points.clone() else {
            return Err(Failure::bug("git lists tags peeled"));
        };
        Ok(Resolved { version: tag.name.clone(), tag: Some(tag.name.clone()), branch: None, commit: Some(commit) })
    };
    match choose(&wanted, prefix, &all) {
        Ok(tag) => of_tag(tag),
        // A name that is no tag may be a branch: then it becomes a snapshot.
        Err(failure) => match wanted.branch() {
            Some(name) => match git.commit_of_branch(name).await {
                Ok(commit) => snapshot_of(name, commit),
                Err(_) => Err(failure),
            },
            None => Err(failure),
        },
    }
}

#[cfg(feature = "github")]
async fn resolve_on_github(
    client: &Client,
    repository: &Repository,
    prefix: &str,
    wanted: Option<&str>,
    event: Option<&RunEvent>,
) -> Result<Resolved, Failure> {
    let text = match wanted {
        Some(text) => text.to_owned(),
        None => match unnamed(event, prefix)? {
            DefaultVersion::Tag(tag) => tag.to_string(),
            DefaultVersion::Snapshot { branch, commit } => return snapshot_of(&branch, commit),
            DefaultVersion::MustBeNamed => {
                return Err(no_version(prefix, &tags::list(client, repository, prefix).await?));
            }
        },
    };
    let wanted = Wanted::parse(&text, prefix)?;
    match tags::resolve(client, repository, &wanted, prefix).await {
        Ok(found) => {
            Ok(Resolved { version: found.tag.clone(), tag: Some(found.tag), branch: None, commit: Some(found.commit) })
        }
        Err(failure) => match wanted.branch() {
            Some(name) => match tags::commit_of_branch(client, repository, name).await {
                Ok(commit) => snapshot_of(name, commit),
                Err(_) => Err(failure),
            },
            None => Err(failure),
        },
    }
}
