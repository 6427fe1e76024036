//! What went wrong, as data: kind, what, where, what to do next, causes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::foreign::Foreign;
use super::outcome::Outcome;
use super::time::Seconds;

/// What went wrong. Its kind decides the exit code; its hints say what to do next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind; decides the exit code.
    pub kind: Kind,
    /// What went wrong, in our words: a lower-case fragment without a full stop.
    pub what: String,
    /// Where: a file of the repository, or a place on a host.
    pub place: Option<Place>,
    /// What to do next, the best first; whole sentences or commands.
    pub hints: Vec<String>,
    /// What others said about it, outermost first.
    pub because: Vec<Foreign>,
}

/// Which kind of failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Our own mistake.
    Bug,
    /// Input or configuration is wrong.
    Input,
    /// Refused; nothing was changed. An override may lift it.
    Refused {
        /// The word in `allow` that lifts this refusal, if there is one.
        lift: Option<Allow>,
    },
    /// Somebody else's change is open; nothing was changed.
    Busy,
    /// It failed, and what ran before runs.
    Failed,
    /// It failed, and going back failed too.
    FailedBack,
    /// The target cannot be reached; it settles itself.
    Unknown {
        /// How long from now until it has settled, when known.
        settles_in: Option<Seconds>,
    },
    /// Targets differ.
    Split,
    /// Not decided; held for a person.
    Inconclusive,
    /// The answer to the question is no.
    No,
    /// Cancelled by a signal (2 or 15).
    Cancelled {
        /// The signal's number.
        signal: u8,
    },
}

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A file of the repository.
    File {
        /// Its path from the repository's root.
        path: String,
        /// Line and column, counted from 1.
        at: Option<(u32, u32)>,
    },
    /// An input of the action or an option of the command line.
    Input(String),
    /// A path or a unit on a host.
    Host(String),
    /// A host itself, as people know it.
    Machine(String),
}

/// The one list of overrides. Each is named in the refusal that it lifts, and in the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Allow {
    /// Go back to a release that was never confirmed here.
    Unproven,
    /// Deploy or go back to a release that is recorded as bad.
    KnownBad,
    /// Go on although somebody moved the live link by hand; what it points to now is left behind.
    Drift,
    /// Run a migration that cannot be undone.
    OneWay,
    /// Deploy without any service and without any check.
    Unchecked,
    /// Use a detached process as watchdog: it does not survive a restart of the host.
    WeakWatchdog,
}

impl Allow {
    /// All of them, in the order of the reference page.
    pub const ALL: [Self; 6] =
        [Self::Unproven, Self::KnownBad, Self::Drift, Self::OneWay, Self::Unchecked, Self::WeakWatchdog];

    /// The word a person writes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::KnownBad => "known-bad",
            Self::Drift => "drift",
            Self::OneWay => "one-way",
            Self::Unchecked => "unchecked",
            Self::WeakWatchdog => "weak-watchdog",
        }
    }

    /// The override of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|allow| allow.word() == word)
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Failure {
    /// A failure with only its words.
    #[must_use]
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, hints: Vec::new(), because: Vec::new() }
    }

    /// Input or configuration is wrong.
    #[must_use]
    pub fn input(what: impl Into<String>) -> Self {
        Self::new(Kind::Input, what)
    }

    /// Refused, nothing was changed, and no override lifts it.
    #[must_use]
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Kind::Refused { lift: None }, what)
    }

    /// Refused, nothing was changed; the override lifts it, and the hint says so.
    #[must_use]
    pub fn liftable(allow: Allow, what: impl Into<String>) -> Self {
        Self::new(Kind::Refused { lift: Some(allow) }, what)
            .hint(format!("To go on all the same: allow: {allow} (command line: --allow {allow})."))
    }

    /// It failed, and what ran before runs.
    #[must_use]
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Kind::Failed, what)
    }

    /// Our own mistake.
    #[must_use]
    pub fn bug(what: impl Into<String>) -> Self {
        Self::new(Kind::Bug, what).hint("This is a mistake in rollback-deploy: please report it with this log.")
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says where on a host.
    #[must_use]
    pub fn on_host(self, place: impl fmt::Display) -> Self {
        self.at(Place::Host(place.to_string()))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what others said, if they said anything.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Foreign>) -> Self {
        self.because.extend(Some(cause.into()).filter(|cause| !cause.expose().trim().is_empty()));
        self
    }

    /// The override that lifts this refusal.
    #[must_use]
    pub fn lifted_by(&self) -> Option<Allow> {
        match self.kind {
            Kind::Refused { lift } => lift,
            _ => None,
        }
    }

    /// How a run ends that ends with this failure.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            Kind::Bug => Outcome::Bug,
            Kind::Input => Outcome::Input,
            Kind::Refused { .. } | Kind::Busy => Outcome::Refused,
            Kind::Failed => Outcome::Failed,
            Kind::FailedBack => Outcome::FailedBack,
            Kind::Unknown { .. } => Outcome::Unknown,
            Kind::Split => Outcome::Split,
            Kind::Inconclusive => Outcome::Inconclusive,
            Kind::No => Outcome::No,
            Kind::Cancelled { signal } => Outcome::Cancelled { signal },
        }
    }
}
