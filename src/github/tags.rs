//! Tags and branches → commits. Every ref is named in full: a branch may have the name of a tag.

use rollback_deploy_core::model::name::NameError;
use rollback_deploy_core::model::{Commit, Failure, Place, ReleaseId};
use rollback_deploy_core::plan::version::{Points, Tag, Wanted, choose};
use serde::Deserialize;

use super::client::Client;
use super::repository::Repository;

/// How many tag objects may point to one another.
const PEELS: usize = 5;

/// A tag and the commit it led to when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The tag's name: also the release's version.
    pub tag: ReleaseId,
    /// The commit.
    pub commit: Commit,
}

#[derive(Deserialize)]
struct Ref {
    #[serde(rename = "ref")]
    name: String,
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    sha: String,
}

#[derive(Deserialize)]
struct TagObject {
    object: Object,
}

#[derive(Deserialize)]
struct Named {
    sha: String,
}

/// The tags that start with the prefix, in GitHub's order. Those that cannot be a release's name are left out.
///
/// # Errors
/// No good answer.
pub async fn list(client: &Client, repository: &Repository, prefix: &str) -> Result<Vec<Tag>, Failure> {
    // An empty prefix or a name's beginning: nothing that changes the route.
    if !prefix.is_empty() && ReleaseId::new(prefix).is_err() {
        return Err(Failure::input(format!("the tag prefix {prefix:?} is not valid"))
            .at(Place::Input("tag-prefix".into()))
            .hint("It is what stands before the number: v, or app-v."));
    }
    let route = repository.route(&format!("git/matching-refs/tags/{}", escaped(prefix)));
    let refs: Vec<Ref> = client.pages(&route, &format!("the tags of {repository}")).await?;
    Ok(refs.iter().filter_map(tag).filter(|tag| tag.name.as_str().starts_with(prefix)).collect())
}

/// Chooses the tag that is meant and finds its commit.
///
/// # Errors
/// There is no such tag: the hints name the nearest ones. Or no good answer.
pub async fn resolve(
    client: &Client,
    repository: &Repository,
    wanted: &Wanted,
    prefix: &str,
) -> Result<Resolved, Failure> {
    let prefixed = match wanted {
        // A name need not have the prefix.
        Wanted::Name(_) | Wanted::Branch(_) => Vec::new(),
        _ => list(client, repository, prefix).await?,
    };
    let found = match choose(wanted, prefix, &prefixed) {
        Ok(tag) => tag.clone(),
        // Among all tags: by their names, and so that a refusal says what there is.
        Err(_) => choose(wanted, prefix, &list(client, repository, "").await?)?.clone(),
    };
    let commit = peel(client, repository, &found).await?;
    Ok(Resolved { tag: found.name, commit })
}

/// The commit that a tag leads to.
///
/// # Errors
/// It leads to something else, or no good answer.
pub async fn peel(client: &Client, repository: &Repository, tag: &Tag) -> Result<Commit, Failure> {
    let mut object = match &tag.points {
        Points::Commit(commit) => return Ok(commit.clone()),
        Points::TagObject(object) => object.clone(),
    };
    let what = format!("the tag {} of {repository}", tag.name);
    for _ in 0..PEELS {
        let found: TagObject = client.json(&repository.route(&format!("git/tags/{object}")), &what).await?;
        let sha = Commit::new(found.object.sha).map_err(|error| unreadable(&what, &error))?;
        match found.object.kind.as_str() {
            "commit" => return Ok(sha),
            "tag" => object = sha,
            other => {
                return Err(Failure::input(format!("{what} does not lead to a commit")).because(other.to_owned()));
            }
        }
    }
    Err(Failure::input(format!("{what} leads through more than {PEELS} tags")))
}

/// The commit of a branch now; never of a tag with the same name.
///
/// # Errors
/// There is no such branch, or no good answer.
pub async fn commit_of_branch(client: &Client, repository: &Repository, branch: &str) -> Result<Commit, Failure> {
    let shown: String = branch.chars().take(140).collect();
    if branch.is_empty() || branch.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Failure::input(format!("{shown:?} is not the name of a branch")));
    }
    let what = format!("the branch {shown:?} of {repository}");
    let path: Vec<String> = branch.split('/').map(escaped).collect();
    let found: Ref = client.json(&repository.route(&format!("git/ref/heads/{}", path.join("/"))), &what).await?;
    Commit::new(found.object.sha).map_err(|error| unreadable(&what, &error))
}

/// Checks that a commit exists in the repository.
///
/// # Errors
/// It does not, or no good answer.
pub async fn commit(client: &Client, repository: &Repository, commit: &Commit) -> Result<Commit, Failure> {
    let what = format!("the commit {commit} of {repository}");
    let found: Named = client.json(&repository.route(&format!("git/commits/{commit}")), &what).await?;
    Commit::new(found.sha).map_err(|error| unreadable(&what, &error))
}

/// A tag of GitHub's list; none when its name cannot be a release's.
fn tag(found: &Ref) -> Option<Tag> {
    let name = ReleaseId::new(found.name.strip_prefix("refs/tags/")?).ok()?;
    let sha = Commit::new(found.object.sha.as_str()).ok()?;
    let points = match found.object.kind.as_str() {
        "commit" => Points::Commit(sha),
        "tag" => Points::TagObject(sha),
        _ => return None,
    };
    Some(Tag { name, points })
}

fn unreadable(what: &str, error: &NameError) -> Failure {
    Failure::failed(format!("GitHub's answer about {what} cannot be read")).because(error.to_string())
}

/// One part of a route.
pub(super) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
