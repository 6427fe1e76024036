//! One OpenSSH master connection.
//!
//! The `openssh` crate drives it once it stands (check, close). It is *started* here, for three reasons: the crate's
//! launcher hands our whole environment to ssh (a workflow's `LD_LIBRARY_PATH` among it), it leaves ssh running when
//! we stop waiting, and its commands sit in our process group, so that Ctrl-C would cut the channel on which we are
//! about to ask the agent to stop.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::folder;
use super::process::clean;

/// From the first packet to the end of the login, jump host included.
const WHOLE_LOGIN: Duration = Duration::from_secs(40);
/// A master that nobody uses ends by itself: nothing is left when we are killed.
const IDLE: &str = "ControlPersist=30";

/// How ssh is started.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// The run's configuration.
    pub(super) config: PathBuf,
    /// More options, before the destination.
    pub(super) extra: Vec<OsString>,
    /// The alias, or a person's own name for the host.
    pub(super) destination: String,
    /// The person's environment reaches ssh: agents, askpass programs, proxy commands need it.
    pub(super) is_person: bool,
}

impl Options {
    fn ssh(&self) -> Command {
        let mut command = if self.is_person { Command::new("ssh") } else { clean("ssh") };
        command.env("LC_ALL", "C").process_group(0).kill_on_drop(true);
        command
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum MasterError {
    #[error("ssh could not be started: {0}")]
    Program(std::io::Error),
    #[error("no private folder could be made: {0}")]
    Folder(std::io::Error),
    #[error("Connection timed out: no login after {} seconds", WHOLE_LOGIN.as_secs())]
    Late,
    #[error("{0}")]
    Said(String),
}

/// An open connection. Ends when closed; when dropped, it is asked to end.
pub(super) struct Master {
    session: Option<openssh::Session>,
    folder: TempDir,
    options: Options,
}

impl Master {
    /// Connects and logs in.
    pub(super) async fn open(options: Options) -> Result<Self, MasterError> {
        let folder = folder::private("rd-ssh").map_err(MasterError::Folder)?;
        let log = folder.path().join("log");
        let control = folder.path().join("c");
        let mut command = options.ssh();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.arg("-F").arg(&options.config).arg("-E").arg(&log).arg("-S").arg(&control);
        command.args(["-M", "-f", "-N", "-o", IDLE]).args(&options.extra).arg("--").arg(&options.destination);
        let mut child = command.spawn().map_err(MasterError::Program)?;
        // Complaints about options go to standard error, before there is a log. The master keeps it open when it goes
        // to the background, so it is read only after a failure.
        let mut complaints = child.stderr.take();
        let Ok(status) = tokio::time::timeout(WHOLE_LOGIN, child.wait()).await else {
            kill_group(&child);
            return Err(MasterError::Late);
        };
        let status = status.map_err(MasterError::Program)?;
        if !status.success() {
            let mut said = read_bounded(&log);
            if let Some(complaints) = &mut complaints {
                said.push_str(&drain(complaints).await);
            }
            return Err(MasterError::Said(said));
        }
        let session = openssh::Session::resume(control.into_boxed_path(), Some(log.into_boxed_path()));
        Ok(Self { session: Some(session), folder, options })
    }

    /// Starts a command on the host. Killing it closes its channel.
    pub(super) fn run(&self, command: &str) -> std::io::Result<Child> {
        let mut ssh = self.control();
        ssh.args(["-T", "--", "none", command]);
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    /// Whether the connection still stands.
    pub(super) async fn stands(&self) -> bool {
        match &self.session {
            Some(session) => session.check().await.is_ok(),
            None => false,
        }
    }

    /// A client of this master. Without it, it connects nowhere: port 9 and a proxy that fails at once.
    fn control(&self) -> Command {
        let mut ssh = self.options.ssh();
        ssh.args(["-F", "none", "-S"]).arg(self.folder.path().join("c"));
        ssh.args(["-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ProxyCommand=false", "-p", "9"]);
        ssh
    }

    /// Ends the connection. A failure of that is no failure of the work.
    pub(super) async fn close(mut self) {
        let Some(session) = self.session.take() else { return };
        match tokio::time::timeout(Duration::from_secs(5), session.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(?error, "closing the SSH connection"),
            Err(_) => tracing::debug!("closing the SSH connection took too long"),
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        if self.session.is_some() {
            let mut ask = self.control().into_std();
            ask.args(["-O", "exit", "--", "none"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let _idle_time_ends_it_otherwise = ask.status();
        }
    }
}

/// Ends ssh together with the proxy it may have started for a jump host.
fn kill_group(child: &Child) {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _gone_already = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
    }
}

fn read_bounded(log: &std::path::Path) -> String {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let _none_yet = std::fs::File::open(log).map(|file| file.take(64 * 1024).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn drain(from: &mut tokio::process::ChildStderr) -> String {
    use tokio::io::AsyncReadExt as _;
    let mut bytes = Vec::new();
    let mut from = from.take(64 * 1024);
    let _what_is_there = tokio::time::timeout(Duration::from_secs(1), from.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
