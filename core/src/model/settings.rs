//! Everything an agent needs to know of one app on one host. A copy goes into the record of each release,
//! so that going back needs no configuration file.

use serde::{Deserialize, Serialize};

use super::check::Check;
use super::name::{AppName, Digest, EnvironmentName};
use super::path::{AbsPath, RelPath};
use super::service::Service;
use super::time::Seconds;

/// The settings of one app on one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The app: another app's root is refused.
    pub app: AppName,
    /// The environment: another environment's root is refused.
    pub environment: EnvironmentName,
    /// `owner/name` or a URL; another repository is refused. Absent when it was not known.
    pub repository: Option<String>,
    /// The app's folder on the host.
    pub root: AbsPath,
    /// The live link; `ROOT/current` unless configured.
    pub link: AbsPath,
    /// How many proven releases stay.
    pub keep: u32,
    /// What outlives a release.
    pub shared: Vec<SharedPath>,
    /// Folders merged with those of the live release, so that names of the old release stay reachable.
    pub assets: Vec<RelPath>,
    /// Commands run at the release's final path by `sh`, in order.
    pub build: Vec<String>,
    /// Time limit of each build command.
    pub build_timeout: Seconds,
    /// The migration, if there is one.
    pub migrate: Option<Migrate>,
    /// What runs the release.
    pub services: Vec<Service>,
    /// Checks asked on the host; those asked from the runner stay with the controller.
    pub checks: Vec<Check>,
    /// The environment file among the shared ones, of which each confirmed release keeps a copy.
    pub environment_file: Option<RelPath>,
    /// How long a change may stay open without a sign of life of its controller.
    pub window: Seconds,
    /// How long a change may stay open at all.
    pub hard_limit: Seconds,
    /// Time limit of stopping or starting one service.
    pub activate_timeout: Seconds,
}

/// What outlives a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedPath {
    /// A file such as `.env`; linked before the build. It must exist on the host.
    File(RelPath),
    /// A folder such as `logs/`; made when missing, linked after the build.
    Folder {
        /// Where.
        path: RelPath,
        /// Content tracked there is copied to the shared folder once, when that is new; otherwise such content is refused.
        seed: bool,
    },
}

impl SharedPath {
    /// Where, below the release and below `shared/`.
    #[must_use]
    pub fn path(&self) -> &RelPath {
        match self {
            Self::File(path) | Self::Folder { path, .. } => path,
        }
    }
}

/// A migration by a plain command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrate {
    /// Run by `sh` in the new release, detached.
    pub run: String,
    /// What it does to the old release, declared before the first statement.
    pub verdict: SchemaVerdict,
    /// Its time limit.
    pub timeout: Seconds,
    /// Prints where the database stands; asked before and after, and kept with the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
}

/// Whether the old release can live with the migrated database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaVerdict {
    /// No migration.
    #[default]
    None,
    /// It only adds: the old release works on, an undo stays possible.
    ExpandOnly,
    /// The old release cannot work any more: an undo by itself is out of the question.
    OneWay,
}

impl SchemaVerdict {
    /// The word of records and of the deploy file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ExpandOnly => "expand-only",
            Self::OneWay => "one-way",
        }
    }

    /// Reads the word of a record.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::None, Self::ExpandOnly, Self::OneWay].into_iter().find(|verdict| verdict.word() == word)
    }
}

/// What keeps the promise on the host when nobody else is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchdogKind {
    /// Units of systemd: ≤ 5 s after the deadline, ≤ 15 s after boot.
    Systemd,
    /// crontab with `@reboot`: ≤ 60 s.
    Crontab,
    /// A detached process: nothing after a restart of the host.
    Detached,
}

impl WatchdogKind {
    /// What it promises, for plan and summary.
    #[must_use]
    pub fn promise(self) -> &'static str {
        match self {
            Self::Systemd => "system units: back ≤ 5 s after the deadline, ≤ 15 s after a restart of the host",
            Self::Crontab => "crontab: back ≤ 60 s after the deadline or a restart of the host",
            Self::Detached => {
                "detached process: back ≤ 5 s after the deadline, but not after a restart of the host or a killed session"
            }
        }
    }

    /// The word of records and of the deploy file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Crontab => "crontab",
            Self::Detached => "detached",
        }
    }
}

impl Settings {
    /// Whether nothing on the host could tell a good release from a bad one: neither a service nor a check.
    #[must_use]
    pub fn is_unchecked(&self) -> bool {
        self.services.is_empty() && self.checks.is_empty()
    }

    /// A digest of what decides how a release runs: two releases with the same content and settings are the same.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        let mut relevant = self.clone();
        relevant.keep = 0;
        relevant.window = Seconds(0);
        relevant.hard_limit = Seconds(0);
        Digest::of(serde_json::to_string(&relevant).unwrap_or_default().as_bytes())
    }
}
