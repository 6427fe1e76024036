//! A framed channel to an agent, over OpenSSH or on this machine. May use core only.

use std::fs::File;
use std::io;

#[cfg(feature = "ssh")]
pub mod bootstrap;
pub mod channel;
#[cfg(feature = "ssh")]
pub mod config;
mod contents;
#[cfg(test)]
mod far_end;
#[cfg(feature = "ssh")]
mod folder;
#[cfg(feature = "ssh")]
pub mod key;
#[cfg(feature = "ssh")]
pub mod key_file;
#[cfg(feature = "ssh")]
pub mod known_hosts;
pub mod local;
#[cfg(feature = "ssh")]
mod master;
mod process;
#[cfg(feature = "ssh")]
pub mod programs;
#[cfg(feature = "ssh")]
mod remote;
#[cfg(feature = "ssh")]
pub mod ssh;
mod stderr;
#[cfg(test)]
mod testing;
#[cfg(feature = "ssh")]
pub mod words;

use async_trait::async_trait;
pub use local::LocalLink;
#[cfg(feature = "ssh")]
pub use programs::Programs;
use rollback_deploy_core::model::{Failure, RelPath};
#[cfg(feature = "ssh")]
pub use ssh::{Login, SshLink, SshRun, SshWish};

/// A way to one agent.
#[async_trait]
pub trait Link: Send + Sync {
    /// Where it leads, for people: never a secret.
    fn describe(&self) -> String;

    /// Opens a new connection, brings the program there if it lacks it, and exchanges hellos.
    ///
    /// Every call is a connection of its own: what is confirmed on it was not activated on it.
    ///
    /// # Errors
    /// What is wrong, and what to do about it. Retried with backoff inside where trying again can help.
    async fn connect(&self) -> Result<Box<dyn Channel>, Failure>;
}

/// An open connection to an agent.
#[async_trait]
pub trait Channel: Send {
    /// The digest of the program at the other end.
    fn agent(&self) -> &rollback_deploy_core::model::Digest;

    /// Sends one request and waits for its answer. The notices on the way go to `hear`; contents that the agent lacks
    /// are read from `contents` while the channel is read on.
    ///
    /// # Errors
    /// No answer came: whether the request was carried out is not known.
    async fn call(
        &mut self,
        request: rollback_deploy_core::wire::Request,
        contents: Option<&dyn Contents>,
        hear: &mut (dyn FnMut(Notice) + Send),
    ) -> Result<rollback_deploy_core::wire::Answer, Failure>;

    /// Asks the agent to end what is under way as soon as it safely can. The answer to the call is still awaited.
    fn canceller(&self) -> Canceller;

    /// Closes the connection and waits for its end. A failed close is no failure of the work.
    async fn close(self: Box<Self>);
}

/// Sends a cancel on a channel that is busy with a call. One that is sent between two calls cancels neither.
pub struct Canceller(Box<dyn Fn() + Send + Sync>);

impl Canceller {
    /// From what sends it.
    #[must_use]
    pub fn new(send: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(send))
    }

    /// Sends it; doing so twice is fine.
    pub fn cancel(&self) {
        (self.0)();
    }
}

/// What an agent says on the way to its answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// A step began.
    Step(String),
    /// A command printed a line.
    Said(rollback_deploy_core::model::Foreign),
    /// A check answered.
    Checked(rollback_deploy_core::model::CheckResult),
    /// Bytes sent so far, of all.
    Progress {
        /// So far.
        done: u64,
        /// In all.
        all: u64,
    },
}

/// The files of a release, where the controller has them.
pub trait Contents: Send + Sync {
    /// Opens the file at this path of the manifest.
    ///
    /// # Errors
    /// It cannot be read.
    fn open(&self, path: &RelPath) -> io::Result<File>;
}
