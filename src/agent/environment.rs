//! The environment file among the shared ones: each release keeps a copy of the one it was deployed with, 0600, so
//! that a rollback can bring it back.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::{AbsPath, Failure, Story, TxnId};
use rustix::fs::{AtFlags, CWD, Mode};

use super::begin::environment_file;
use super::state::{State, explain};
use super::store::names;
use crate::ask::environment::difference;
use crate::ask::regular;

/// The most that an environment file may hold, in bytes.
const LARGEST: u64 = 1 << 20;

fn shared_path(root: &AbsPath, story: &Story) -> Option<PathBuf> {
    environment_file(&story.settings).map(|file| root.as_path().join("shared").join(file.as_path()))
}

fn ready_path(shared: &Path, txn: &TxnId, which: &str) -> PathBuf {
    let name = shared.file_name().and_then(|name| name.to_str()).unwrap_or("env");
    shared.with_file_name(format!(".{name}.rollback-deploy.{txn}.{which}"))
}

pub(super) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    regular::open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Keeps a copy of today's environment file with a release that has none yet.
///
/// # Errors
/// It cannot be read or the copy cannot be written.
pub fn keep(state: &State, story: &Story) -> Result<(), Failure> {
    let Some(shared) = shared_path(state.root(), story) else { return Ok(()) };
    let name = names::environment(&story.id);
    if state.has(&name) {
        return Ok(());
    }
    let text = read(&shared).map_err(|error| explain("the environment file cannot be read", &shared, &error))?;
    state
        .put_text(&name, &text)
        .map_err(|error| explain("the environment file cannot be kept", &state.path(&name), &error))
}

/// Makes both ways ready beside the shared file: the release's own copy, and today's.
///
/// # Errors
/// The release keeps no copy, or the files cannot be made.
pub fn make_ready(state: &State, story: &Story, txn: &TxnId) -> Result<(), Failure> {
    let Some(shared) = shared_path(state.root(), story) else {
        return Err(Failure::refused(format!("release {} has no shared environment file to bring back", story.id))
            .hint("Leave `with-env` out."));
    };
    let copy = names::environment(&story.id);
    let kept = state.read_text(&copy);
    let kept = kept.map_err(|error| explain("the kept environment file cannot be read", &state.path(&copy), &error))?;
    let kept =
        kept.ok_or_else(|| Failure::refused(format!("no copy of the environment file of {} is kept here", story.id)))?;
    let broken = |error: io::Error| explain("the environment file cannot be made ready", &shared, &error);
    let like = std::fs::symlink_metadata(&shared).map_err(broken)?;
    // The app must be able to read it as before: a file of its own user cannot be made by us.
    let ours = rustix::process::geteuid().as_raw();
    if like.uid() != ours {
        return Err(Failure::refused(
            "the environment file belongs to another user, so it cannot be brought back by us",
        )
        .on_host(shared.display())
        .hint(format!(
            "Let the deploy user own it, and the app read it by its group: `sudo chown $USER {}`.",
            shared.display()
        )));
    }
    // The way back is the very file of today, by a second name.
    let (new, old) = (ready_path(&shared, txn, "new"), ready_path(&shared, txn, "old"));
    for leftover in [&new, &old] {
        let _leftover = rustix::fs::unlinkat(CWD, leftover, AtFlags::empty());
    }
    rustix::fs::linkat(CWD, &shared, CWD, &old, AtFlags::empty()).map_err(|error| broken(error.into()))?;
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new).map_err(broken)?;
    // The group matters only where it may read and others may not.
    let by_group = like.mode() & 0o044 == 0o040;
    if let Err(error) = std::os::unix::fs::fchown(&file, None, Some(like.gid()))
        && by_group
    {
        return Err(broken(error)
            .hint("The deploy user must be a member of the file's group, or the app could not read it any more."));
    }
    rustix::fs::fchmod(&file, Mode::from_raw_mode(like.mode() & 0o777)).map_err(|error| broken(error.into()))?;
    file.write_all(kept.as_bytes()).and_then(|()| file.sync_all()).map_err(broken)
}

/// What the file that is made ready would change in today's, by names only; nothing when one cannot be read.
#[must_use]
pub fn changes(state: &State, story: &Story, txn: &TxnId) -> Option<String> {
    let shared = shared_path(state.root(), story)?;
    let (today, then) = (read(&shared).ok()?, read(&ready_path(&shared, txn, "new")).ok()?);
    Some(difference(&today, &then))
}

/// Puts one of the two in place by a rename; done already when it is gone.
///
/// # Errors
/// It is there and cannot be renamed.
pub fn put(state: &State, story: &Story, txn: &TxnId, which: &str) -> Result<(), Failure> {
    let Some(shared) = shared_path(state.root(), story) else { return Ok(()) };
    match rustix::fs::renameat(CWD, ready_path(&shared, txn, which), CWD, &shared) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(explain("the environment file cannot be put in place", &shared, &error.into())),
    }
}

/// Takes what changes that are no more made ready away; best effort. Only while no change is open.
pub fn sweep(state: &State, story: &Story) {
    let Some(shared) = shared_path(state.root(), story) else { return };
    if let (Some(folder), Some(name)) = (shared.parent(), shared.file_name().and_then(|name| name.to_str())) {
        super::link::sweep_beside(folder, &format!(".{name}.rollback-deploy."));
    }
}

/// Takes what was made ready away; best effort.
pub fn remove_ready(state: &State, story: &Story, txn: &TxnId) {
    if let Some(shared) = shared_path(state.root(), story) {
        for which in ["new", "old"] {
            let _gone = rustix::fs::unlinkat(CWD, ready_path(&shared, txn, which), AtFlags::empty());
        }
    }
}
