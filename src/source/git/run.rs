//! One call of the `git` program.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::time::Duration;

use rollback_deploy_core::model::{Failure, Foreign};
use tokio::process::Command;

use super::url::Remote;

/// How git is called, always.
#[derive(Debug)]
pub(super) struct Run {
    environment: Vec<(OsString, OsString)>,
    remote: Remote,
}

impl Run {
    pub(super) fn new(environment: impl IntoIterator<Item = (OsString, OsString)>, remote: Remote) -> Self {
        let own = |name: &OsStr| name.as_encoded_bytes().starts_with(b"GIT_") || name == "LC_ALL" || name == "LANGUAGE";
        let environment = environment.into_iter().filter(|(name, _)| !own(name)).collect();
        Self { environment, remote }
    }

    /// Runs git to its end and answers what it printed. `what` is what was wanted of the repository.
    pub(super) async fn git<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
        within: Duration,
        what: &str,
    ) -> Result<String, Failure> {
        let mut command = Command::new("git");
        // git knows this variable by another name.
        let ca = self.environment.iter().find(|(name, _)| name == "SSL_CERT_FILE").map(|(_, file)| file);
        command
            // Settings that a hostile repository or a person's habits must not change.
            .args(["-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
            .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "tar.umask=0022"])
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(ca.map(|file| ("GIT_SSL_CAINFO", file)))
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            // Neither git nor ssh may ask on a terminal or in a window, and wait: the program that asks says no.
            .env("GIT_ASKPASS", "false")
            .env("SSH_ASKPASS", "false")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let failed = |text: String| Failure::failed(text);
        let output = match tokio::time::timeout(within, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::input("the program git is not installed here")
                    .hint("Install git, or use another source: the archive of a tag needs no git."));
            }
            Ok(Err(error)) => return Err(failed("git cannot be started".into()).because(error.to_string())),
            Err(_elapsed) => {
                return Err(failed(format!(
                    "git did not read {} of {} in {} s",
                    what,
                    self.remote.shown(),
                    within.as_secs()
                ))
                .hint("Check the network."));
            }
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = self.remote.mask(Foreign::from_bytes(&output.stderr).expose().trim());
        let failure = failed(format!("git could not read {what} of {} ({})", self.remote.shown(), output.status));
        let failure = match hint(&said) {
            Some(hint) => failure.hint(hint),
            None => failure,
        };
        Err(failure.hint("Nothing was changed. Check the address and who may read it.").because(said))
    }
}

/// What git's words usually mean.
fn hint(said: &str) -> Option<&'static str> {
    let has = |text: &str| said.contains(text);
    if has("could not read Username") || has("Authentication failed") || has("Permission denied") {
        Some(
            "The repository asks for credentials: nobody is asked here. Set up a credential helper or an SSH key for this user.",
        )
    } else if has("Host key verification failed") {
        Some("The server's host key is not known to this user: add it to known_hosts after comparing it.")
    } else if has("dubious ownership") {
        Some("The directory belongs to another user: run as that user, or add it to safe.directory of git.")
    } else if has("couldn't find remote ref") {
        Some("The tag or branch is gone since it was resolved: run it again.")
    } else {
        None
    }
}
