//! Ways to folders that no other user can bend.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// How a folder is opened: a link is not one.
pub(super) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a folder part by part: whoever may write on the way could have put a link there.
pub(super) fn open_down(path: &Path) -> rustix::io::Result<OwnedFd> {
    let mut folder = rustix::fs::open("/", FOLDER, Mode::empty())?;
    for part in path.components().skip(1) {
        // Above the app's own folder links are the administrator's: only he can write there.
        let follows = trusted(&folder);
        let flags = if follows { FOLDER.difference(OFlags::NOFOLLOW) } else { FOLDER };
        folder = rustix::fs::openat(&folder, part.as_os_str(), flags, Mode::empty())?;
    }
    Ok(folder)
}

/// Whether only root can change what lies in this folder.
pub(super) fn trusted(folder: &OwnedFd) -> bool {
    rustix::fs::fstat(folder).is_ok_and(|stat| stat.st_uid == 0 && stat.st_mode & 0o022 == 0)
}
