//! The typed verbs that run as root, and their policy file. The only face that runs as root. May use ask and core.
//!
//! An ordinary user calls it as `sudo -n PROGRAM root APP VERB …`; the sudoers line names the program and the app, the
//! policy file names the units and the root. Every argument is a checked name. Nothing that root would trust is read
//! from a release.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use rollback_deploy_core::model::{Failure, Outcome};

mod act;
mod policy;
mod prune;
pub mod setup;
mod verb;
mod walk;

pub use act::perform;
pub use policy::{POLICIES, Policy};
pub use verb::{Cursor, Verb};

/// The root-owned copy of this program that the sudoers line names.
pub const PROGRAM: &str = "/usr/local/lib/rollback-deploy/rollback-deploy";

/// The word that set-up is called by. No app can have it as its name: a sudoers line for an app can never mean set-up.
pub const SETUP: &str = "--setup";

/// The entry: what follows `root` on the command line.
#[must_use]
pub fn main(args: &[OsString]) -> ExitCode {
    let answer = run(args);
    match answer {
        Ok(text) => {
            // A reader that is gone does not undo what was done.
            let _gone = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let _gone = io::stderr().write_all(said(&failure).as_bytes());
            ExitCode::from(failure.outcome().exit_code())
        }
    }
}

fn run(args: &[OsString]) -> Result<String, Failure> {
    let words: Option<Vec<&str>> = args.iter().map(|arg| arg.to_str()).collect();
    let words = words.ok_or_else(|| Failure::input("an argument of the root face is not text"))?;
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::refused("the root face runs as root only").hint("It is called with sudo -n."));
    }
    match words.as_slice() {
        [SETUP] => setup::from_stdin(),
        [app, rest @ ..] => {
            let app = app.parse().map_err(|error| Failure::input(format!("{error}")))?;
            let verb = Verb::parse(rest)?;
            let policy = Policy::read(&app)?;
            perform(&verb, &policy)
        }
        [] => Err(Failure::input("the root face was called without an app")),
    }
}

/// A failure as the agent at the other end of sudo reads it: the first line in our words, then those of others.
fn said(failure: &Failure) -> String {
    let mut text = format!("{}\n", failure.what);
    for cause in &failure.because {
        text.push_str(cause.expose());
        text.push('\n');
    }
    text
}

/// The exit code of a refusal by policy, as the agent reads it.
#[must_use]
pub fn refused_code() -> i32 {
    Outcome::Refused.exit_code().into()
}
