//! A file that belongs to root: replaced as a whole, never written in place.
#![expect(
    clippy::disallowed_methods,
    reason = "set-up places root's files; it has nothing to do with the state folder"
)]

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::Failure;

use super::Now;

/// Looks at a file.
type LookAt = fn(&Path) -> Result<(), Failure>;

/// A file with its content and mode.
#[derive(Debug, Clone)]
pub struct OwnedFile {
    /// Where.
    pub path: PathBuf,
    content: Vec<u8>,
    mode: u32,
    /// Looks at the complete file before it gets its name.
    check: Option<LookAt>,
}

impl OwnedFile {
    /// A file of root's.
    #[must_use]
    pub fn new(path: PathBuf, content: Vec<u8>, mode: u32) -> Self {
        Self { path, content, mode, check: None }
    }

    /// Has the file looked at before it gets its name.
    #[must_use]
    pub fn checked(mut self, check: LookAt) -> Self {
        self.check = Some(check);
        self
    }

    /// Whether a program of root's lies there that nobody else can change.
    pub(super) fn is_roots_program(path: &Path) -> bool {
        fs::symlink_metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.uid() == owner() && meta.mode() & 0o7777 == 0o755)
    }

    pub(super) fn now(&self) -> Result<Now, Failure> {
        let meta = match fs::symlink_metadata(&self.path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Now::Missing),
            Err(error) => return Err(self.failed("cannot be looked at", &error)),
        };
        let wrong = |why: &str| Ok(Now::Wrong(why.to_owned()));
        if !meta.is_file() {
            return wrong("it is not a file");
        }
        if meta.uid() != owner() || meta.mode() & 0o7777 != self.mode {
            return wrong("it has another owner or mode");
        }
        match fs::read(&self.path) {
            Ok(content) if content == self.content => Ok(Now::Right),
            Ok(_) => wrong("its content is another"),
            Err(error) => Err(self.failed("cannot be read", &error)),
        }
    }

    pub(super) fn write(&self) -> Result<(), Failure> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        own_folder(folder)?;
        let write = || {
            // A name with a dot: sudo and systemd leave such files alone.
            let mut file = tempfile::Builder::new().prefix(".rollback-deploy.").tempfile_in(folder)?;
            file.write_all(&self.content)?;
            file.as_file().set_permissions(Permissions::from_mode(self.mode))?;
            file.as_file().sync_all()?;
            Ok(file.into_temp_path())
        };
        let path = write().map_err(|error: io::Error| self.failed("cannot be written", &error))?;
        if let Some(check) = self.check {
            check(&path)?;
        }
        let place = || {
            path.persist(&self.path).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        place().map_err(|error| self.failed("cannot be put in place", &error))
    }

    pub(super) fn remove(&self) -> Result<(), Failure> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed("cannot be removed", &error)),
            _ => Ok(()),
        }
    }

    fn failed(&self, what: &str, error: &io::Error) -> Failure {
        Failure::failed(format!("the file {what}")).on_host(self.path.display()).because(error.to_string())
    }
}

/// Root; in tests the user that runs them.
fn owner() -> u32 {
    if cfg!(test) { rustix::process::geteuid().as_raw() } else { 0 }
}

/// Makes the folder when it is missing; refuses one that others can write.
fn own_folder(folder: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::failed("the folder cannot be made").on_host(folder.display()).because(error.to_string())
    };
    if !folder.exists() {
        fs::create_dir(folder).map_err(failed)?;
        fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(failed)?;
    }
    let meta = fs::symlink_metadata(folder).map_err(failed)?;
    if !meta.is_dir() || meta.uid() != owner() || meta.mode() & 0o022 != 0 {
        return Err(Failure::refused("the folder is not root's alone")
            .on_host(folder.display())
            .hint("Give it to root with mode 0755, then run setup again."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_repaired_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let file = OwnedFile::new(folder.path().join("made/here"), b"x\n".to_vec(), 0o440);
        assert_eq!(file.now().unwrap(), Now::Missing);
        file.write().unwrap();
        assert_eq!(file.now().unwrap(), Now::Right);
        fs::set_permissions(&file.path, Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(file.now().unwrap(), Now::Wrong(_)));
        file.write().unwrap();
        assert_eq!(file.now().unwrap(), Now::Right);
        assert_eq!(fs::read_dir(folder.path().join("made")).unwrap().count(), 1, "nothing is left beside it");
        file.remove().unwrap();
        file.remove().unwrap();
        assert_eq!(file.now().unwrap(), Now::Missing);
    }

    #[test]
    fn what_does_not_pass_its_check_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let file =
            OwnedFile::new(folder.path().join("here"), b"x\n".to_vec(), 0o440).checked(|_| Err(Failure::failed("no")));
        assert!(file.write().is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let refused = OwnedFile::new(folder.path().join("here"), Vec::new(), 0o440).write();
        assert!(refused.is_err(), "others can write there");
    }
}
