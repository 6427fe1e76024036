//! What a deploy file (or the inputs alone) says of one environment, complete: defaults filled in, everything parsed.

use std::fmt;

use serde::Deserialize;

use crate::model::{Allow, Check, EnvironmentName, Label, Seconds, Settings, WatchdogKind};

/// One environment, ready to be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Its hosts, in the order of the file. Empty: this machine.
    pub hosts: Vec<Host>,
    /// A host that all connections go through.
    pub jump_host: Option<Address>,
    /// Lines of `known_hosts`, or `SHA256:` fingerprints.
    pub known_hosts: Vec<String>,
    /// How a release runs on each host.
    pub settings: Settings,
    /// Checks asked from where the controller runs.
    pub runner_checks: Vec<Check>,
    /// Overrides that the file grants.
    pub allow: Vec<Allow>,
    /// Where releases come from.
    pub source: SourceChoice,
    /// What stands before the number in a tag: `v`, or `app-v`.
    pub tag_prefix: String,
    /// How long to wait for somebody else's change; 0: not at all.
    pub wait: Seconds,
    /// How long an undecided change is held for a person; absent: it is undone.
    pub hold: Option<Seconds>,
    /// The watchdog wanted; absent: the strongest possible.
    pub watchdog: Option<WatchdogKind>,
    /// Whether the first deploy may set the host up.
    pub setup: Setup,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What it is called everywhere.
    pub label: Label,
    /// How it is reached.
    pub address: Address,
}

/// `user@host:port`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Address {
    /// The user; absent: what the input says, or the person's own configuration.
    pub user: Option<String>,
    /// Name or address, without brackets.
    pub host: String,
    /// The port; absent: 22, or the person's own configuration.
    pub port: Option<u16>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Where releases come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceChoice {
    /// The archive of the tag's commit, through GitHub's API.
    Archive {
        /// Globs of what is left out.
        exclude: Vec<String>,
    },
    /// A folder of the workspace, such as `dist/`.
    Folder {
        /// Relative to the workspace.
        path: String,
        /// Globs of what is left out.
        exclude: Vec<String>,
    },
    /// A git URL or directory, read with the `git` program where the controller runs.
    Git {
        /// URL or directory.
        url: String,
        /// Globs of what is left out.
        exclude: Vec<String>,
    },
}

/// Whether the first deploy may set the host up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setup {
    /// When the host needs it and the user may.
    #[default]
    Auto,
    /// Only by the verb `setup`.
    Manual,
}
