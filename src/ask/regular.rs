//! Files that somebody else may have put there: only regular ones are read, no link is followed at the end of the path,
//! and nothing that would wait (a pipe without a writer) is waited for.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file for reading.
///
/// # Errors
/// It cannot be opened, or it is something else.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(i32::try_from(flags.bits()).unwrap_or_default()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Opens the regular file that a path leads to through links of ours, such as a shared file in a release.
///
/// # Errors
/// It cannot be opened, or it is something else.
pub fn open_linked(path: &Path) -> io::Result<File> {
    open(&path.canonicalize()?)
}
