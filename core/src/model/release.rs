//! One version on a target: where it came from, its story and its state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::{Commit, Digest, ReleaseId, TxnId};
use super::record::{Record, RecordError};
use super::settings::Settings;

/// What a release is, apart from its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseInfo {
    /// The version asked for: `v1.2.0`, `main-20250525-123456`.
    pub version: ReleaseId,
    /// The tag, when it came from one.
    pub tag: Option<String>,
    /// The commit, when known.
    pub commit: Option<Commit>,
    /// Where its files came from.
    pub source: Source,
}

/// Where a release's files came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
pub enum Source {
    /// The archive of a commit, through GitHub's API.
    Archive {
        /// `owner/name`.
        repository: String,
    },
    /// A folder of the workspace.
    Folder {
        /// Relative to the workspace.
        path: String,
    },
    /// A repository read with the `git` program.
    Git {
        /// URL or directory, without credentials.
        url: String,
    },
}

/// The story of a release, written once, when it is recorded as building.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// Its folder's name.
    pub id: ReleaseId,
    /// What it is.
    pub info: ReleaseInfo,
    /// Of its files.
    pub content: Digest,
    /// How it is activated, checked and stopped.
    pub settings: Settings,
    /// The names that the environment file gave a value when it was staged, each with a fingerprint of its value that says
    /// nothing outside of this host; absent: there was no such file, or an older program wrote the record.
    pub environment: Option<BTreeMap<String, String>>,
    /// Who asked for it.
    pub by: String,
    /// When, on this host's wall clock: a hint for people.
    pub at: String,
}

/// What is recorded of a release's state. Live and proven are derived from `confirmed` and `history/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseState {
    /// Its files are being written, or its writer died.
    Building,
    /// Complete, verified and synced.
    Staged,
    /// It failed here by itself.
    Bad {
        /// What failed.
        why: String,
        /// In which change.
        txn: String,
    },
    /// Its change was undone, but not by its fault: free to try again.
    Interrupted {
        /// What happened.
        why: String,
    },
}

impl ReleaseState {
    /// The word people read.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Staged => "staged",
            Self::Bad { .. } => "bad",
            Self::Interrupted { .. } => "interrupted",
        }
    }

    /// The record to write.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let record = Record::new().with("state", self.word());
        match self {
            Self::Building | Self::Staged => record,
            Self::Bad { why, txn } => record.with("why", why).with("txn", txn),
            Self::Interrupted { why } => record.with("why", why),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// The state's word is not known.
    pub fn from_record(record: &Record) -> Result<Self, RecordError> {
        let text = |key: &str| record.get(key).unwrap_or_default().to_owned();
        match record.get("state") {
            Some("building") => Ok(Self::Building),
            Some("staged") => Ok(Self::Staged),
            Some("bad") => Ok(Self::Bad { why: text("why"), txn: text("txn") }),
            Some("interrupted") => Ok(Self::Interrupted { why: text("why") }),
            other => Err(RecordError::value("state", format!("{other:?} is not one of the known words"))),
        }
    }
}

/// Where the database stood before and after the migration of a release, as the release's own command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// In which change.
    pub txn: TxnId,
    /// Before the first statement; absent when the command failed.
    pub before: Option<String>,
    /// After the last; absent when the command failed, or the migration did not end.
    pub after: Option<String>,
}

impl Heads {
    /// The record to write.
    #[must_use]
    pub fn to_record(&self) -> Record {
        Record::new()
            .with("txn", &self.txn)
            .with_some("before", self.before.as_ref())
            .with_some("after", self.after.as_ref())
    }

    /// Reads a record.
    ///
    /// # Errors
    /// It names no change.
    pub fn from_record(record: &Record) -> Result<Self, RecordError> {
        let text = |key: &str| record.get(key).filter(|head| !head.is_empty()).map(str::to_owned);
        Ok(Self { txn: record.parse("txn")?, before: text("before"), after: text("after") })
    }

    /// Whether the database is known to stand where it stood: then the migration had nothing to do.
    #[must_use]
    pub fn unmoved(&self) -> bool {
        self.before.is_some() && self.before == self.after
    }
}

impl Story {
    /// The record to write.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let json = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
        Record::new()
            .with("release", &self.id)
            .with("version", &self.info.version)
            .with_some("tag", self.info.tag.as_ref())
            .with_some("commit", self.info.commit.as_ref())
            .with("source", json(serde_json::to_string(&self.info.source)))
            .with("content", &self.content)
            .with("settings", json(serde_json::to_string(&self.settings)))
            // For people who compare: the settings themselves stand above.
            .with("config", self.settings.fingerprint())
            .with_some("environment", self.environment.as_ref().map(|names| json(serde_json::to_string(names))))
            .with("by", &self.by)
            .with("at", &self.at)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// A value is missing or not valid.
    pub fn from_record(record: &Record) -> Result<Self, RecordError> {
        fn json<T: serde::de::DeserializeOwned>(record: &Record, key: &str) -> Result<T, RecordError> {
            serde_json::from_str(record.get(key).unwrap_or_default()).map_err(|why| RecordError::value(key, why))
        }
        Ok(Self {
            id: record.parse("release")?,
            info: ReleaseInfo {
                version: record.parse("version")?,
                tag: record.parse_some("tag")?,
                commit: record.parse_some("commit")?,
                source: json(record, "source")?,
            },
            content: record.parse("content")?,
            settings: json(record, "settings")?,
            environment: record.get("environment").map(|_| json(record, "environment")).transpose()?,
            by: record.get("by").unwrap_or_default().to_owned(),
            at: record.get("at").unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_the_same_only_when_both_are_known() {
        let heads = |before: Option<&str>, after: Option<&str>| Heads {
            txn: TxnId::new("t").unwrap(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        for (heads, unmoved) in [
            (heads(Some("a"), Some("a")), true),
            (heads(Some("a"), Some("b")), false),
            (heads(Some("a"), None), false),
            (heads(None, None), false),
        ] {
            assert_eq!(Heads::from_record(&heads.to_record()).unwrap(), heads);
            assert_eq!(heads.unmoved(), unmoved, "{heads:?}");
        }
    }
}
