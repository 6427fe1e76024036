//! What an operation of the agent may use: the state, a voice, and who it is.

use std::path::PathBuf;

use rollback_deploy_core::model::{CheckResult, Digest, Foreign};

use super::state::State;

/// Somebody who listens while an operation runs: the controller, or the journal.
pub trait Tell {
    /// A step began.
    fn step(&self, what: &str);
    /// A command printed a line.
    fn said(&self, line: Foreign);
    /// A check answered.
    fn checked(&self, result: &CheckResult);
    /// Bytes done, of all.
    fn progress(&self, done: u64, all: u64);
    /// Whether the listener asked to end what is under way.
    fn cancelled(&self) -> bool;
}

/// Who an agent process is.
#[derive(Debug, Clone)]
pub struct Session {
    /// The connection it serves: what was activated on it cannot be confirmed on it.
    pub id: String,
    /// The program that runs.
    pub program: PathBuf,
    /// Of its file.
    pub digest: Digest,
}

/// One operation's surroundings.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// The state of the root.
    pub state: &'a State,
    /// Who listens.
    pub tell: &'a dyn Tell,
    /// Who we are.
    pub session: &'a Session,
}
