//! What a person asked for, parsed.

use semver::{Version, VersionReq};

use crate::model::{Failure, Place, ReleaseId};

/// A version as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A whole version: `v1.2.0`, `1.2.0`, `app-v1.2.0-rc.1`.
    Version {
        /// As given.
        text: String,
        /// What it says.
        version: Version,
    },
    /// A tag by a name that is no version, such as `stable`.
    Name(ReleaseId),
    /// A branch by a name that no release can have, such as `feature/login`.
    Branch(String),
    /// The highest version that is no prerelease.
    Latest,
    /// The highest version that matches: `1.4`, `^1.4`, `>=1, <2`. Also what `v1` means: that tag moves.
    Range {
        /// As given.
        text: String,
        /// What it says.
        req: VersionReq,
    },
    /// What ran before, by the target's own records: only a rollback goes there, [`super::choose`] says so.
    Previous,
}

impl Wanted {
    /// Parses what was asked for; `prefix` is what stands before the number in a tag (`v`, `app-v`, or nothing).
    ///
    /// # Errors
    /// The text is empty, or neither a version, a range nor a tag's name.
    pub fn parse(text: &str, prefix: &str) -> Result<Self, Failure> {
        let text = text.trim();
        match text {
            "" => return Err(wrong("no version was given").hint("Name a tag, such as v1.2.0.")),
            "latest" => return Ok(Self::Latest),
            "previous" => return Ok(Self::Previous),
            _ => {}
        }
        let owned = text.to_owned();
        if let Ok(version) = Version::parse(number(text, prefix)) {
            return Ok(Self::Version { text: owned, version });
        }
        if let Some(req) = partial(number(text, prefix)) {
            return Ok(Self::Range { text: owned, req });
        }
        if text.contains(['^', '~', '<', '>', '=', '*', ',']) {
            return range(text, prefix).map(|req| Self::Range { text: owned, req });
        }
        // A tag of that name could not be a folder: only a branch can be meant.
        if text.contains('/') && text.split('/').all(|part| ReleaseId::new(part).is_ok()) {
            return Ok(Self::Branch(owned));
        }
        ReleaseId::new(text).map(Self::Name).map_err(|error| {
            wrong(error.to_string())
                .hint("A version is a tag (v1.2.0), a part of one (1.4), a range (^1.4), latest or a branch.")
        })
    }

    /// As it was asked for, for people.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Version { text, .. } | Self::Range { text, .. } | Self::Branch(text) => text,
            Self::Name(name) => name.as_str(),
            Self::Latest => "latest",
            Self::Previous => "previous",
        }
    }

    /// The branch that is meant when there is no such tag.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name.as_str()),
            Self::Branch(name) => Some(name),
            Self::Version { .. } | Self::Latest | Self::Range { .. } | Self::Previous => None,
        }
    }
}

fn wrong(what: impl Into<String>) -> Failure {
    Failure::input(what).at(Place::Input("version".into()))
}

/// The text after the prefix; a lone `v` is taken for it too, since people write `v1.2` whatever the prefix is.
fn number<'a>(text: &'a str, prefix: &str) -> &'a str {
    text.strip_prefix(prefix).filter(|_| !prefix.is_empty()).or_else(|| text.strip_prefix('v')).unwrap_or(text)
}

/// `1` and `1.4`: everything that begins so.
fn partial(text: &str) -> Option<VersionReq> {
    let parts: Vec<&str> = text.split('.').collect();
    let numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if numbers && parts.len() <= 2 { VersionReq::parse(&format!("~{text}")).ok() } else { None }
}

/// Comparators with a comma between them; each number may carry the prefix.
fn range(text: &str, prefix: &str) -> Result<VersionReq, Failure> {
    let plain: Vec<String> = text
        .split(',')
        .map(|part| {
            let part = part.trim();
            let (sign, rest) = part.split_at(part.len() - part.trim_start_matches(['^', '~', '<', '>', '=']).len());
            format!("{sign}{}", number(rest.trim(), prefix))
        })
        .collect();
    VersionReq::parse(&plain.join(",")).map_err(|error| {
        wrong(format!("{:?} is not a range of versions: {error}", text.chars().take(140).collect::<String>()))
            .hint("Ranges look like ^1.4, ~1.2, 1.* or \">=1, <2\" (with a comma between two limits).")
    })
}
