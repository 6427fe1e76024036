//! One version on a target: where it came from, its story and its state.

use serde::{Deserialize, Serialize};

use super::name::{Commit, Digest, ReleaseId};
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
            by: record.get("by").unwrap_or_default().to_owned(),
            at: record.get("at").unwrap_or_default().to_owned(),
        })
    }
}
