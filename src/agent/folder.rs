//! What may be trusted of a folder, and what an error of the file system means for a person.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rollback_deploy_core::model::Failure;
use rustix::fs::FileType;

/// What an error of the file system means for a person.
#[must_use]
pub fn explain(what: impl Into<String>, place: &Path, error: &io::Error) -> Failure {
    let failure = Failure::failed(what).on_host(place.display()).because(error.to_string());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            failure.hint("The disk is full (blocks or inodes): free some room, `df -h` and `df -i` show where.")
        }
        io::ErrorKind::PermissionDenied => failure
            .hint("This user may not do that: look at the owner and mode of the path and of the folders above it."),
        io::ErrorKind::ReadOnlyFilesystem => failure.hint("The file system is mounted read-only: look at `dmesg`."),
        _ => failure,
    }
}

/// A folder must be a real one of this user that others cannot write.
pub(super) fn owned_by_us(folder: &OwnedFd, path: &Path, forbidden: u32) -> Result<(), Failure> {
    let stat = rustix::fs::fstat(folder).map_err(|error| explain("a folder cannot be read", path, &error.into()))?;
    let us = rustix::process::geteuid().as_raw();
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(Failure::refused("this is not a folder").on_host(path.display()));
    }
    if stat.st_uid != us {
        return Err(Failure::refused(format!(
            "the folder belongs to user {}, not to the deploy user {us}",
            stat.st_uid
        ))
        .on_host(path.display())
        .hint(format!(
            "Deploy as its owner, or give it to the deploy user: `sudo chown -h $USER {}`.",
            path.display()
        )));
    }
    if stat.st_mode & forbidden != 0 {
        return Err(Failure::refused("others can write (or read) this folder, so what lies in it cannot be trusted")
            .on_host(path.display())
            .hint(format!("Take that away: `chmod go-w {}` (the state folder: `chmod 700`).", path.display())));
    }
    Ok(())
}
