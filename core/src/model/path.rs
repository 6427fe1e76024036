//! Paths: parsed once. A [`RelPath`] cannot leave the folder it is joined to; an [`AbsPath`] has no `.` or `..` in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::NameError;

/// The longest path taken, in bytes: what Linux takes, less room for the root in front.
const LONGEST: usize = 3072;

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// A path below some folder: no `..`, no `.`, no empty part, no control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

impl RelPath {
    /// Parses the text; one trailing `/` is taken off.
    ///
    /// # Errors
    /// The path is empty, absolute, too long, or could leave its folder.
    pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
        let given = text.as_ref();
        let text = given.strip_suffix('/').unwrap_or(given);
        let broken = |rule| Err(NameError::new("relative path", given, rule));
        if text.is_empty() {
            return broken("it is empty");
        }
        if text.starts_with('/') {
            return broken("it must not start with /");
        }
        if text.len() > LONGEST || text.split('/').any(|part| part.len() > 255) {
            return broken("it is too long");
        }
        if has_control(text) {
            return broken("it has a control character");
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return broken("it must not have empty parts, . or ..");
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path for the file system, still relative.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Whether this is `other` or lies below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.as_path().starts_with(other.as_path())
    }
}

/// An absolute path in its plainest spelling; not `/` itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AbsPath(String);

impl AbsPath {
    /// Parses the text; one trailing `/` is taken off.
    ///
    /// # Errors
    /// The path is not absolute, is `/`, is too long, or has `.`, `..` or empty parts.
    pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
        let given = text.as_ref();
        let broken = |rule| Err(NameError::new("absolute path", given, rule));
        let Some(below) = given.strip_prefix('/') else {
            return broken("it must start with /");
        };
        match RelPath::new(below) {
            Ok(rel) => Ok(Self(format!("/{}", rel.0))),
            Err(error) => broken(error.rule),
        }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path for the file system.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// This folder's child.
    #[must_use]
    pub fn join(&self, below: &RelPath) -> PathBuf {
        self.as_path().join(below.as_path())
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The folder it lies in; `/` for a path of one part.
    #[must_use]
    pub fn parent(&self) -> &Path {
        self.as_path().parent().unwrap_or(Path::new("/"))
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }
        impl From<$name> for String {
            fn from(path: $name) -> Self {
                path.0
            }
        }
    };
}
text_type!(RelPath);
text_type!(AbsPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_stays_below() {
        for text in ["", "/", "/etc", "..", "a/../b", "./a", "a//b", "a\0b", "a\nb"] {
            assert!(RelPath::new(text).is_err(), "{text:?}");
        }
        assert_eq!(RelPath::new("logs/").unwrap().as_str(), "logs");
        let logs = RelPath::new("logs").unwrap();
        assert!(RelPath::new("logs/a").unwrap().is_within(&logs));
        assert!(!RelPath::new("logs2/a").unwrap().is_within(&logs));
    }

    #[test]
    fn an_absolute_path_is_plain() {
        for text in ["", "/", "a", "/a/../b", "/a//b", "//a"] {
            assert!(AbsPath::new(text).is_err(), "{text:?}");
        }
        let path = AbsPath::new("/var/www/diary/").unwrap();
        assert_eq!((path.as_str(), path.name()), ("/var/www/diary", "diary"));
        assert_eq!(path.parent(), Path::new("/var/www"));
    }
}
