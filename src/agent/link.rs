//! The live link: read, made ready beside it, pointed by one rename.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rollback_deploy_core::model::{AbsPath, Failure, ReleaseId, TxnId};
use rustix::fs::{AtFlags, CWD};

use super::state::{State, explain};

/// What stands where the live link should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// Nothing.
    Absent,
    /// A link to a release of ours.
    Release(ReleaseId),
    /// A link to something else.
    Elsewhere(PathBuf),
    /// Something that is no link.
    NotALink,
    /// It cannot be read.
    Unreadable(String),
}

impl Live {
    /// The release it leads to.
    #[must_use]
    pub fn release(&self) -> Option<&ReleaseId> {
        match self {
            Self::Release(id) => Some(id),
            _ => None,
        }
    }

    /// Nothing stands there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        *self == Self::Absent
    }

    /// What it is, for a person.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Absent => "nothing is there".to_owned(),
            Self::Release(id) => format!("it leads to release {id}"),
            Self::Elsewhere(target) => format!("it leads to {}", target.display()),
            Self::NotALink => "a real file or folder is there".to_owned(),
            Self::Unreadable(why) => format!("it cannot be read: {why}"),
        }
    }
}

/// Reads the live link. Only `readlink` decides what is live.
#[must_use]
pub fn read(state: &State, link: &Path) -> Live {
    match fs::read_link(link) {
        Ok(target) => {
            let absolute = plain(&link.parent().unwrap_or(Path::new("/")).join(&target));
            let releases = state.root().as_path().join("releases");
            let id =
                absolute.strip_prefix(&releases).ok().and_then(Path::to_str).and_then(|id| ReleaseId::new(id).ok());
            id.map_or(Live::Elsewhere(target), Live::Release)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Live::Absent,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Live::NotALink,
        Err(error) => Live::Unreadable(error.to_string()),
    }
}

/// A path without `.` and `..`, by its text alone.
fn plain(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts
}

/// The text of a link to a release: relative where the link's folder is the root or above it, so that the tree can be
/// read from another mount too.
fn text(root: &AbsPath, link: &AbsPath, id: &ReleaseId) -> PathBuf {
    let release = root.as_path().join("releases").join(id.as_str());
    match release.strip_prefix(link.parent()) {
        Ok(relative) => relative.to_owned(),
        Err(_) => release,
    }
}

/// Where a ready-made link lies: beside the live link, hidden, named after its change.
#[must_use]
pub fn ready_path(link: &AbsPath, txn: &TxnId, which: &str) -> PathBuf {
    link.parent().join(format!(".{}.rollback-deploy.{txn}.{which}", link.name()))
}

/// Makes a link to a release ready beside the live link, proven by a real rename there.
///
/// # Errors
/// The link's folder is on another file system, cannot be written, or the disk is full.
pub fn make_ready(state: &State, link: &AbsPath, txn: &TxnId, which: &str, id: &ReleaseId) -> Result<(), Failure> {
    same_file_system(state, link)?;
    let ready = ready_path(link, txn, which);
    let text = text(state.root(), link, id);
    if fs::read_link(&ready).is_ok_and(|found| found == text) {
        return Ok(());
    }
    let mut making = OsString::from(&ready);
    making.push(".making");
    let made = (|| -> rustix::io::Result<()> {
        let _leftover = rustix::fs::unlinkat(CWD, Path::new(&making), AtFlags::empty());
        rustix::fs::symlinkat(&text, CWD, Path::new(&making))?;
        rustix::fs::renameat(CWD, Path::new(&making), CWD, &ready)
    })();
    made.map_err(|error| {
        let _cleaned = rustix::fs::unlinkat(CWD, Path::new(&making), AtFlags::empty());
        explain("the link to switch to cannot be made beside the live link", link.parent(), &error.into())
            .hint("The deploy user must be able to create files in the live link's folder; or choose another `link:`.")
    })
}

/// Refuses a link on another file system than the root: its rename would prove nothing about it.
///
/// # Errors
/// It is, or cannot be looked at.
pub fn same_file_system(state: &State, link: &AbsPath) -> Result<(), Failure> {
    let device = |path: &Path| {
        fs::metadata(path).map(|meta| meta.dev()).map_err(|error| explain("a folder cannot be read", path, &error))
    };
    if device(link.parent())? == device(state.root().as_path())? {
        return Ok(());
    }
    Err(Failure::refused("the live link lies on another file system than the app's folder")
        .on_host(link)
        .hint(format!("Choose a `link:` on the file system of {}.", state.root())))
}

/// Points the live link by renaming a ready-made link over it. What is done already is left alone.
///
/// # Errors
/// It does not point there afterwards.
pub fn point(state: &State, link: &AbsPath, txn: &TxnId, which: &str, id: &ReleaseId) -> Result<(), Failure> {
    let now = read(state, link.as_path());
    if now.release() != Some(id) {
        if now == Live::NotALink {
            return Err(not_a_link(link));
        }
        let ready = ready_path(link, txn, which);
        if let Err(error) = rustix::fs::renameat(CWD, &ready, CWD, link.as_path()) {
            return Err(explain("the live link cannot be switched", link.as_path(), &error.into()));
        }
    }
    settle_folder(link.parent());
    match read(state, link.as_path()) {
        Live::Release(found) if found == *id => Ok(()),
        other => Err(Failure::failed(format!("the live link does not lead to {id}: {}", other.words())).on_host(link)),
    }
}

/// Takes the live link away: the undo of a first deploy.
///
/// # Errors
/// It is still there.
pub fn remove(link: &AbsPath) -> Result<(), Failure> {
    match rustix::fs::unlinkat(CWD, link.as_path(), AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {
            settle_folder(link.parent());
            Ok(())
        }
        Err(error) => Err(explain("the live link cannot be removed", link.as_path(), &error.into())),
    }
}

/// Takes the ready-made links of a change away; best effort.
pub fn remove_ready(link: &AbsPath, txn: &TxnId) {
    for which in ["new", "old"] {
        let _gone = rustix::fs::unlinkat(CWD, ready_path(link, txn, which), AtFlags::empty());
    }
}

/// Takes what changes that are no more left beside the live link; best effort. Only while no change is open.
pub fn sweep(link: &AbsPath) {
    sweep_beside(link.parent(), &format!(".{}.rollback-deploy.", link.name()));
}

/// Removes the files and links of a folder whose names begin so.
pub(super) fn sweep_beside(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)) {
            let _gone = rustix::fs::unlinkat(CWD, entry.path(), AtFlags::empty());
        }
    }
}

/// What to say when a real folder stands where the link should be.
#[must_use]
pub fn not_a_link(link: &AbsPath) -> Failure {
    Failure::refused("a real file or folder stands where the live link should be").on_host(link).hint(format!(
        "Move it away first (`sudo mv {link} {link}.before-rollback-deploy`); what must outlive a release belongs in shared/."
    ))
}

/// A rename is durable once its folder is synced. Opening may be forbidden in a folder of somebody else's: the rename
/// stands all the same, and the state folder's own records decide.
fn settle_folder(folder: &Path) {
    if let Ok(folder) = fs::File::open(folder) {
        let _synced = folder.sync_all();
    }
}
