//! PID 1 of the container. The kernel gives that process no default for signals, and every orphan of the container: the
//! masters of `ssh`, which leave their parents. Waiting for all children would steal those that tokio waits for, so
//! PID 1 is a process of its own that does nothing else: it starts the program again, passes signals on, reaps.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, wait};
use tokio::signal::unix::{SignalKind, signal};

/// Whether this process is PID 1.
#[must_use]
pub fn is_needed() -> bool {
    getpid().is_init()
}

/// Runs this program again as a child and stays until it ends; its exit code is ours. `None` when it cannot be started:
/// then the work has to be done here, without a reaper.
#[must_use]
pub fn run() -> Option<ExitCode> {
    // Under the same name: it says which step this is.
    let program = std::env::args_os().next().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        // Before the child exists: no signal may be lost.
        let mut interrupt = signal(SignalKind::interrupt()).ok()?;
        let mut terminate = signal(SignalKind::terminate()).ok()?;
        let mut children = signal(SignalKind::child()).ok()?;
        let child = Command::new("/proc/self/exe").arg0(&program).spawn().ok()?;
        let child = Pid::from_raw(i32::try_from(child.id()).ok()?)?;
        loop {
            if let Some(code) = reap(child) {
                return Some(code);
            }
            let pass_on = tokio::select! {
                _ = interrupt.recv() => Some(Signal::INT),
                _ = terminate.recv() => Some(Signal::TERM),
                _ = children.recv() => None,
            };
            if let Some(signal) = pass_on {
                // It may have ended just now: then the next round sees that.
                let _gone = kill_process(child, signal);
            }
        }
    })
}

/// Takes in every child that has ended; the exit code once it is the one.
fn reap(child: Pid) -> Option<ExitCode> {
    let mut code = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            code = Some(exit_code(status));
        }
    }
    code
}

/// As a shell would say it.
fn exit_code(status: WaitStatus) -> ExitCode {
    let number = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    ExitCode::from(number.and_then(|number| u8::try_from(number).ok()).unwrap_or(1))
}
