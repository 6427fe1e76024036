//! Checks: questions with a yes or no, asked on the host or from outside.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::{EnvName, UnitName};
use super::path::{AbsPath, RelPath};
use super::time::Seconds;

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is asked.
    pub question: Question,
    /// Asked again until yes, at most this long; 0 asks once.
    pub within: Seconds,
    /// Where it is asked.
    pub from: CheckFrom,
}

/// Where a check is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckFrom {
    /// On the host itself: works without the runner, so it guards an undo too.
    #[default]
    Host,
    /// From where the controller runs.
    Runner,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Is the unit active?
    Service {
        /// The unit.
        unit: UnitName,
    },
    /// Do processes of this name run?
    Process {
        /// The command's name, or a part of its command line.
        name: String,
        /// How many at least.
        at_least: u32,
    },
    /// Does something listen?
    Port {
        /// Address to connect to.
        address: String,
        /// TCP port.
        number: u16,
    },
    /// Does the URL answer as it should?
    Http(Http),
    /// Does the command exit with 0? Run by `sh` in the live release.
    Command {
        /// The command.
        run: String,
        /// Its time limit.
        timeout: Seconds,
    },
    /// Is there room on the disk?
    Disk {
        /// A path on the file system asked about; the root when absent.
        path: Option<AbsPath>,
        /// How much must be free.
        free: Amount,
    },
    /// Are there free inodes?
    Inodes {
        /// A path on the file system asked about; the root when absent.
        path: Option<AbsPath>,
        /// How much must be free.
        free: Amount,
    },
    /// Is there free memory (`MemAvailable`)?
    Memory {
        /// How much must be free.
        free: Amount,
    },
    /// Are there few enough error lines since the switch?
    Errors {
        /// Where the lines are.
        log: LogSource,
        /// Text that makes a line an error line; any of them.
        patterns: Vec<String>,
        /// How many such lines are fine.
        at_most: u32,
    },
    /// Does the environment file name all of these?
    Environment {
        /// The file, below the release or `shared/`.
        file: RelPath,
        /// The names that must have a value.
        names: Vec<EnvName>,
    },
    /// Does `nginx -t` succeed?
    Nginx,
}

/// An HTTP question. `{version}` in `text`, `json` and `header` values stands for the release's version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// Where to ask; http or https.
    pub url: String,
    /// The status wanted.
    pub status: u16,
    /// Headers that the answer must have, with a part of their value.
    pub header: BTreeMap<String, String>,
    /// Text that the body must have.
    pub text: Option<String>,
    /// JSON path (`status` or `data.0.name`) → the value wanted, as text.
    pub json: BTreeMap<String, String>,
    /// Time limit of one request.
    pub timeout: Seconds,
}

/// Where error lines are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogSource {
    /// The journal of a unit.
    Unit(UnitName),
    /// A file; relative ones are below the live release (shared folders included).
    File(String),
}

/// How much must be free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// Of the whole.
    Percent(u8),
    /// Bytes, or inodes.
    Count(u64),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

impl Question {
    /// What kind of check it is: the word of the deploy file.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Service { .. } => "service",
            Self::Process { .. } => "process",
            Self::Port { .. } => "port",
            Self::Http(_) => "http",
            Self::Command { .. } => "command",
            Self::Disk { .. } => "disk",
            Self::Inodes { .. } => "inodes",
            Self::Memory { .. } => "memory",
            Self::Errors { .. } => "errors",
            Self::Environment { .. } => "environment",
            Self::Nginx => "nginx",
        }
    }

    /// What is asked about, for a line of a log or a table; queries of URLs are left out, they may hold secrets.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Service { unit } => unit.full(),
            Self::Process { name, at_least } => format!("{name} × {at_least}"),
            Self::Port { address, number } => format!("{address}:{number}"),
            Self::Http(http) => http.url.split(['?', '#']).next().unwrap_or_default().to_owned(),
            Self::Command { run, .. } => run.lines().next().unwrap_or_default().chars().take(80).collect(),
            Self::Disk { path, free } | Self::Inodes { path, free } => {
                format!("{} ≥ {free} free", path.as_ref().map_or("root", AbsPath::as_str))
            }
            Self::Memory { free } => format!("≥ {free} free"),
            Self::Errors { log, at_most, .. } => match log {
                LogSource::Unit(unit) => format!("journal of {} ≤ {at_most}", unit.full()),
                LogSource::File(file) => format!("{file} ≤ {at_most}"),
            },
            Self::Environment { file, names } => format!("{file}: {} names", names.len()),
            Self::Nginx => "nginx -t".to_owned(),
        }
    }
}
