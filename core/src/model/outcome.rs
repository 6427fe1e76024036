//! How a run ended, and the documented, stable exit codes.

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As asked.
    Done,
    /// What was asked for was live and proven already; nothing was restarted.
    AlreadyLive,
    /// A bug of ours.
    Bug,
    /// Input or configuration is wrong.
    Input,
    /// Refused; nothing was changed.
    Refused,
    /// Failed, and what ran before runs and is healthy.
    Failed,
    /// Failed, and going back failed too: a human is needed.
    FailedBack,
    /// A target is unreachable and settles itself.
    Unknown,
    /// Targets differ.
    Split,
    /// Undecided and held.
    Inconclusive,
    /// The answer is no.
    No,
    /// Cancelled by a signal, and the undo was read back.
    Cancelled {
        /// The signal's number: 2 or 15.
        signal: u8,
    },
}

impl Outcome {
    /// One of each, in the order of the reference page.
    pub const ALL: [Self; 13] = [
        Self::Done,
        Self::AlreadyLive,
        Self::Bug,
        Self::Input,
        Self::Refused,
        Self::Failed,
        Self::FailedBack,
        Self::Unknown,
        Self::Split,
        Self::Inconclusive,
        Self::No,
        Self::Cancelled { signal: 2 },
        Self::Cancelled { signal: 15 },
    ];

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done | Self::AlreadyLive => 0,
            Self::Bug => 1,
            Self::Input => 2,
            Self::Refused => 3,
            Self::Failed => 4,
            Self::FailedBack => 5,
            Self::Unknown => 6,
            Self::Split => 7,
            Self::Inconclusive => 8,
            Self::No => 9,
            Self::Cancelled { signal } => 128 + signal,
        }
    }

    /// The word of the `outcome` output and of `--json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadyLive => "already-live",
            Self::Bug => "bug",
            Self::Input => "input",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::FailedBack => "failed-back",
            Self::Unknown => "unknown",
            Self::Split => "split",
            Self::Inconclusive => "inconclusive",
            Self::No => "no",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// What it means, for the reference page.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "as asked",
            Self::AlreadyLive => "as asked: it was live and proven already, nothing was restarted",
            Self::Bug => "a bug in rollback-deploy",
            Self::Input => "input or configuration is wrong; nothing was changed",
            Self::Refused => "refused, nothing was changed (busy, drift, a guard, nothing to go back to)",
            Self::Failed => "failed, and what ran before runs and is healthy (a first deploy: nothing live, as before)",
            Self::FailedBack => "failed, and going back failed too: a human is needed",
            Self::Unknown => "a target cannot be reached; it settles itself by the time shown",
            Self::Split => "targets differ: each is named",
            Self::Inconclusive => "inconclusive, held until the time shown",
            Self::No => "the answer is no (health, verify, setup --check)",
            Self::Cancelled { .. } => "cancelled, and the undo was read back",
        }
    }

    /// How bad it is for a fleet: the worst target decides. 5 > 7 > 6 > 8 > 4 > the rest.
    #[must_use]
    pub fn severity(self) -> u8 {
        match self {
            Self::Done | Self::AlreadyLive => 0,
            Self::No => 1,
            Self::Refused => 2,
            Self::Input => 3,
            Self::Cancelled { .. } => 4,
            Self::Failed => 5,
            Self::Inconclusive => 6,
            Self::Unknown => 7,
            Self::Split => 8,
            Self::FailedBack => 9,
            Self::Bug => 10,
        }
    }

    /// How several that go their own ways ended together: the worst decides; some as asked and some not is a split.
    /// Nothing when there are none.
    #[must_use]
    pub fn of_all(all: &[Self]) -> Option<Self> {
        let worst = all.iter().copied().max_by_key(|outcome| outcome.severity())?;
        let changed = all.iter().any(|outcome| outcome.is_success());
        if changed && !worst.is_success() && worst.severity() < Self::Split.severity() {
            return Some(Self::Split);
        }
        // One that had something to do makes the whole more than a no-op.
        Some(if worst.is_success() && all.contains(&Self::Done) { Self::Done } else { worst })
    }

    /// Whether the process ends with 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.exit_code() == 0
    }
}
