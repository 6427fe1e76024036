//! Writes a file where there is none: whole or not at all, never over anything, never through a link.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::{Failure, Place, RelPath};

use super::Draft;

/// Writes the text, unless something is there already.
pub(super) fn write(root: &Path, path: &RelPath, text: &str) -> Result<Draft, Failure> {
    let failed = |what: &str, error: &io::Error| {
        let failure =
            Failure::failed(what).at(Place::File { path: path.to_string(), at: None }).because(error.to_string());
        failure.hint("What was written before is kept: run it again when this is mended.")
    };
    let full = root.join(path.as_path());
    match fs::symlink_metadata(&full) {
        Ok(_) => return Ok(Draft::Kept),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("it cannot be told whether the file is there", &error)),
    }
    let folder = folder(root, path).map_err(|error| failed("the folder of the file cannot be made", &error))?;
    // Complete under another name first: half a deploy file would be kept for ever.
    let written = || -> io::Result<Draft> {
        let mut builder = tempfile::Builder::new();
        // Readable for all as far as the umask says: these files are committed.
        builder.permissions(fs::Permissions::from_mode(0o666));
        let mut file = builder.tempfile_in(&folder)?;
        file.write_all(text.as_bytes())?;
        match file.persist_noclobber(&full) {
            Ok(_) => Ok(Draft::Written),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(Draft::Kept),
            Err(error) => Err(error.error),
        }
    };
    written().map_err(|error| failed("the file cannot be written", &error))
}

/// The file's folder, made when missing; each part of it is a real folder of the repository.
fn folder(root: &Path, path: &RelPath) -> io::Result<PathBuf> {
    let mut folder = root.to_owned();
    for part in path.as_path().parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match fs::create_dir(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !fs::symlink_metadata(&folder)?.is_dir() {
                    return Err(io::Error::other(format!("{} is no folder of the repository", folder.display())));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(folder)
}
