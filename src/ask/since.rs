//! The moment of a switch, as each kind of log counts it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollback_deploy_core::model::{AbsPath, Check, LogSource, Question};
use serde::{Deserialize, Serialize};

use super::clock::monotonic;

/// When a release became live. It is kept beside the open change: one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Since {
    /// On the wall clock, for the journal, which knows no other.
    pub wall: jiff::Timestamp,
    /// On the monotonic clock of this boot, in microseconds: comparable with systemd's time stamps.
    pub monotonic_us: u64,
    /// How long each log file was, by its name in the check.
    pub file_sizes: BTreeMap<String, u64>,
}

impl Since {
    /// This moment: to be taken just before the switch. `live` is the folder that relative log files lie below.
    #[must_use]
    pub fn now(checks: &[Check], root: &AbsPath, live: &Path) -> Self {
        let files = checks.iter().filter_map(|check| match &check.question {
            Question::Errors { log: LogSource::File(file), .. } => Some(file),
            _ => None,
        });
        let sizes = files.map(|file| {
            let size = std::fs::metadata(log_file(file, root, live)).map_or(0, |meta| meta.len());
            (file.clone(), size)
        });
        Self {
            wall: jiff::Timestamp::now(),
            monotonic_us: u64::try_from(monotonic().as_micros()).unwrap_or(u64::MAX),
            file_sizes: sizes.collect(),
        }
    }

    /// On the monotonic clock.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic_us)
    }
}

/// Where a log file of a check lies: below the release, or below `shared/` before it is linked there.
pub(crate) fn log_file(file: &str, root: &AbsPath, live: &Path) -> PathBuf {
    let path = live.join(file);
    let shared = root.as_path().join("shared").join(file);
    if !Path::new(file).is_absolute() && !path.exists() && shared.exists() { shared } else { path }
}
