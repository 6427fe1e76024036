//! Why artifacts are not available: a reason to warn, never to fail.

use rollback_deploy_core::model::Foreign;

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// Not on a runner, or on a server without this service (GitHub Enterprise Server).
    NotHere,
    /// The runtime token is none that this service takes.
    NoScope,
    /// The storage of the plan is full.
    Quota,
    /// This run has an artifact of this name already.
    NameTaken,
    /// The service does not accept the token.
    Denied,
    /// There was no answer.
    Unreachable(Foreign),
    /// The service answered something else.
    Answered {
        /// The HTTP status.
        status: u16,
        /// What it said.
        said: Foreign,
    },
    /// What was downloaded is not what was uploaded.
    Altered,
    /// It is larger than what we take.
    TooLarge,
}

impl Unavailable {
    /// In our words, as the rest of "artifacts are not available: …".
    #[must_use]
    pub fn why(&self) -> &'static str {
        match self {
            Self::NotHere => "this is no runner, or its server has no such service",
            Self::NoScope => "the runner's token does not cover them",
            Self::Quota => "the storage for artifacts is full",
            Self::NameTaken => "this run has an artifact of this name already",
            Self::Denied => "the service does not accept the runner's token",
            Self::Unreachable(_) => "the service cannot be reached",
            Self::Answered { .. } => "the service did not do what it was asked",
            Self::Altered => "what was downloaded is not what was uploaded",
            Self::TooLarge => "it is too large",
        }
    }

    /// What others said about it.
    #[must_use]
    pub fn because(&self) -> Option<&Foreign> {
        match self {
            Self::Unreachable(said) | Self::Answered { said, .. } => Some(said),
            _ => None,
        }
    }
}
