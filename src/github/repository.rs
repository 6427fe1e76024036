//! `owner/name`, parsed once.

use std::fmt;
use std::str::FromStr;

use rollback_deploy_core::model::Failure;

/// A repository of GitHub. Safe in a URL's path as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository(String);

impl Repository {
    /// Parses `owner/name`.
    ///
    /// # Errors
    /// The text is something else.
    pub fn new(text: &str) -> Result<Self, Failure> {
        let part = |part: &str| {
            (1..=100).contains(&part.len())
                && part != "."
                && part != ".."
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        match text.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(Self(text.to_owned())),
            _ => Err(Failure::input(format!("{:?} is not a repository", text.chars().take(140).collect::<String>()))
                .hint("Write it as owner/name.")),
        }
    }

    /// As `owner/name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A route of the API below this repository.
    pub(super) fn route(&self, below: &str) -> String {
        format!("/repos/{}/{below}", self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Repository {
    type Err = Failure;
    fn from_str(text: &str) -> Result<Self, Failure> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_owner_and_name() {
        assert_eq!(Repository::new("org/rollback-deploy").unwrap().as_str(), "org/rollback-deploy");
        for text in ["", "a", "a/", "/b", "a/b/c", "a/..", "../b", "a/b?x", "a/b c", "a/b#", "https://x/y", "a/%2e"] {
            assert!(Repository::new(text).is_err(), "{text:?}");
        }
    }
}
