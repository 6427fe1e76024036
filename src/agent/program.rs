//! The program that an open record names lies in the state folder, by its digest, whoever brought it here: a watchdog
//! started by systemd or cron finds it there, also when the one that opened the change is gone.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use rollback_deploy_core::model::{Digest, Failure};
use rustix::fs::{AtFlags, CWD};

use super::cx::Cx;
use super::state::{State, explain};

/// Where a program lies.
#[must_use]
pub fn path(state: &State, digest: &Digest) -> PathBuf {
    state.path(&format!("agent/{digest}"))
}

/// Keeps our own program in the state folder, when it was started from somewhere else.
///
/// # Errors
/// It cannot be copied.
pub fn keep(cx: Cx<'_>) -> Result<(), Failure> {
    let at = path(cx.state, &cx.session.digest);
    if at.is_file() {
        return Ok(());
    }
    let making = cx.state.path(&format!("agent/.making.{}", std::process::id()));
    let copied = (|| -> io::Result<()> {
        // What runs, not what lies at its path: another build may have tidied that away meanwhile.
        let mut from = File::open("/proc/self/exe").or_else(|_| File::open(&cx.session.program))?;
        let mut to = File::options().write(true).create_new(true).mode(0o700).open(&making)?;
        io::copy(&mut from, &mut to)?;
        to.sync_all()?;
        rustix::fs::renameat(CWD, &making, CWD, &at)?;
        Ok(())
    })();
    copied.map_err(|error| {
        let _cleaned = rustix::fs::unlinkat(CWD, &making, AtFlags::empty());
        explain("our program cannot be kept for the watchdog", &at, &error)
    })?;
    cx.state.settle("agent").map_err(|error| explain("our program cannot be kept for the watchdog", &at, &error))
}

/// Removes programs that no open record names and that are not ours; best effort.
pub fn prune(cx: Cx<'_>, needed: Option<&Digest>) {
    for name in cx.state.names("agent").unwrap_or_default() {
        let Ok(digest) = Digest::new(name.as_str()) else { continue };
        if digest != cx.session.digest && Some(&digest) != needed {
            cx.state.forget(&format!("agent/{name}"));
        }
    }
}
