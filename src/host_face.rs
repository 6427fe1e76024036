//! The faces that run on a host: `agent`, `watchdog`, `keeper`. They read our environment for the rest of the agent.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use rollback_deploy_core::model::{AbsPath, Digest, TxnId, WatchdogKind};
use sha2::Digest as _;

use crate::agent::cx::{Cx, Session};
use crate::agent::state::State;
use crate::agent::{clock, migrate, serve, watchdog};
use crate::hello::hello;

/// What is wrong with the arguments: these faces are started by our own programs only.
const USAGE: u8 = 2;

/// Runs `agent ROOT`, `watchdog ROOT [--kind KIND]` or `keeper ROOT TXN`.
#[must_use]
pub fn main(args: &[OsString]) -> ExitCode {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let Some(root) = words.get(1).and_then(|root| AbsPath::new(root).ok()) else { return ExitCode::from(USAGE) };
    let Some(session) = session() else { return ExitCode::from(USAGE) };
    tell_journal();
    if words.first() == Some(&"agent") {
        return serve::serve(&root, &session, &hello());
    }
    // The watchdog of a root that nothing was ever deployed to finds nothing open, and makes nothing.
    let opened = if words.first() == Some(&"watchdog") { State::look(&root) } else { State::open(&root) };
    let state = match opened {
        Ok(state) => state,
        Err(failure) => {
            tracing::error!(what = %failure.what, place = ?failure.place, "the state folder cannot be used");
            return ExitCode::FAILURE;
        }
    };
    let cx = Cx { state: &state, tell: &watchdog::Journal, session: &session };
    match words.as_slice() {
        ["watchdog", _, rest @ ..] => watchdog::watch(cx, kind(rest)),
        ["keeper", _, txn] => match TxnId::new(*txn) {
            Ok(txn) => migrate::keeper(cx, &txn),
            Err(_) => ExitCode::from(USAGE),
        },
        _ => ExitCode::from(USAGE),
    }
}

fn kind(rest: &[&str]) -> WatchdogKind {
    let word = rest.iter().skip_while(|word| **word != "--kind").nth(1).copied().unwrap_or_default();
    [WatchdogKind::Crontab, WatchdogKind::Detached]
        .into_iter()
        .find(|kind| kind.word() == word)
        .unwrap_or(WatchdogKind::Systemd)
}

/// Who we are: the connection we serve, and the program we run.
fn session() -> Option<Session> {
    let program = std::env::current_exe().ok()?;
    let digest = digest_of(&program)?;
    let pid = std::process::id();
    let process = format!("{pid}.{}", clock::started(pid).unwrap_or_default());
    #[expect(clippy::disallowed_methods, reason = "a face: which connection this is")]
    let connection = std::env::var("SSH_CONNECTION").ok().filter(|connection| !connection.is_empty());
    Some(Session { id: connection.unwrap_or(process), program, digest })
}

fn digest_of(program: &PathBuf) -> Option<Digest> {
    let mut file = File::open(program).ok()?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0_u8; 256 * 1024];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(Digest::from_raw(&hasher.finalize())),
            length => hasher.update(buffer.get(..length)?),
        }
    }
}

/// Lines for the journal or for the controller's log, through stderr: no colours, no time stamps of our own.
fn tell_journal() {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_max_level(tracing::Level::INFO);
    let _once = subscriber.try_init();
}
