//! Which release is meant: what a person asked for, and the tags there are, become one tag. Pure.

mod choose;
mod default;
mod nearest;
mod wanted;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::name::NameError;
use crate::model::{Commit, ReleaseId};

pub use choose::choose;
pub use default::{DefaultVersion, RefType, RunEvent, default_version, no_version, refuse_event};
pub use wanted::Wanted;

/// A tag of the repository. Tags whose names cannot be a release are left out where tags are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Its name, with its prefix.
    pub name: ReleaseId,
    /// What it points to.
    pub points: Points,
}

/// What a tag points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Points {
    /// A commit: a light tag, or one that is already peeled.
    Commit(Commit),
    /// A tag object, which must be peeled to find the commit.
    TagObject(Commit),
}

impl Tag {
    /// The version in its name after the prefix; none for `v1`, `stable`, and tags with another prefix.
    #[must_use]
    pub fn version(&self, prefix: &str) -> Option<semver::Version> {
        semver::Version::parse(self.name.as_str().strip_prefix(prefix)?).ok()
    }
}

/// The version of a branch without a tag: `main-20250525-123456`, in UTC. What a folder's name may not have becomes `-`.
///
/// # Errors
/// None for any branch and moment that exists; a year of five digits would be one.
pub fn snapshot(branch: &str, at: Timestamp) -> Result<ReleaseId, NameError> {
    /// What remains of 128 characters after the moment.
    const ROOM: usize = 112;
    let mut safe = String::new();
    for c in branch.chars() {
        let c = if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '-' };
        let doubled = c == '-' && safe.ends_with('-');
        if !doubled && (c.is_ascii_alphanumeric() || !safe.is_empty()) && safe.len() < ROOM {
            safe.push(c);
        }
    }
    let safe = safe.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let moment = at.strftime("%Y%m%d-%H%M%S");
    ReleaseId::new(format!("{}-{moment}", if safe.is_empty() { "branch" } else { safe }))
}

#[cfg(test)]
mod tests;
