//! Private folders for keys, configuration and control sockets: 0700, with short paths, gone when dropped.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

/// A new folder that only we can enter.
///
/// It lies below `/tmp` because the path of a control socket may not be longer than 108 bytes, and a runner's own
/// temporary folder often is.
pub(super) fn private(prefix: &str) -> io::Result<TempDir> {
    let short = Path::new("/tmp");
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).permissions(Permissions::from_mode(0o700));
    if short.is_dir() { builder.tempdir_in(short) } else { builder.tempdir() }
}
