//! Content of a release moves into a shared folder. The app's user may write there: every step is relative to an open
//! folder, no link is followed, and each file appears whole.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// What happens to a file of that name that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    /// It stays as it is.
    Stays,
    /// It is replaced.
    GivesWay,
}

fn folder(at: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, path, flags, Mode::empty())?)
}

/// Copies a tree of ours into a folder.
pub(super) fn into(from: &Path, to: &Path, there: There) -> io::Result<()> {
    tree(from, &folder(CWD, to)?, there)
}

fn tree(from: &Path, to: &OwnedFd, there: There) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            match rustix::fs::mkdirat(to, Path::new(&name), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            tree(&source, &folder(to, Path::new(&name))?, there)?;
        } else if kind.is_file() {
            file(&source, to, Path::new(&name), there)?;
        }
    }
    Ok(())
}

fn file(source: &Path, to: &OwnedFd, name: &Path, there: There) -> io::Result<()> {
    if there == There::Stays && rustix::fs::statat(to, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Ok(());
    }
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let making = format!(".rollback-deploy.{:016x}", u64::from_ne_bytes(random));
    let mut from = File::open(source)?;
    let mode = Mode::from_raw_mode(from.metadata()?.mode() & 0o777);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut made = File::from(rustix::fs::openat(to, making.as_str(), flags, mode)?);
    let how = if there == There::Stays { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
    let moved =
        io::copy(&mut from, &mut made).and_then(|_| Ok(rustix::fs::renameat_with(to, making.as_str(), to, name, how)?));
    match moved {
        Ok(()) => Ok(()),
        Err(error) => {
            let _cleaned = rustix::fs::unlinkat(to, making.as_str(), AtFlags::empty());
            // Somebody made it in between: then it stays.
            if there == There::Stays && error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
        }
    }
}
