//! What a crontab calls: a copy of this program under a fixed name, which runs the agent that the open record names.
#![expect(clippy::disallowed_methods, reason = "set-up places the launcher; it is no part of any change's state")]

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::{Failure, Settings};

use crate::root::setup::{Item, Now, Order, own_program};

/// Where it lies: beside the programs that are named by their digest, and never taken for one.
pub(super) fn path(settings: &Settings) -> PathBuf {
    settings.root.as_path().join(".rollback-deploy/agent/launcher")
}

pub(super) fn item(settings: &Settings) -> Result<Item, Failure> {
    let bytes = own_program()?;
    let [look, make, unmake] = [path(settings), path(settings), path(settings)];
    let wanted = bytes.clone();
    Ok(Item {
        what: format!("{}: the program that the crontab calls", look.display()),
        now: Box::new(move || match fs::read(&look) {
            Ok(found) if found == wanted => Ok(Now::Right),
            Ok(_) => Ok(Now::Wrong("it is another version".into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Now::Missing),
            Err(error) => Err(failed(&look, &error)),
        }),
        make: Box::new(move || place(&make, &bytes).map_err(|error| failed(&make, &error))),
        unmake: Some(Box::new(move || match fs::remove_file(&unmake) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&unmake, &error)),
            _ => Ok(()),
        })),
        hidden: false,
    })
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::failed("the launcher cannot be placed").on_host(path.display()).because(error.to_string())
}

fn place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::Builder::new().prefix(".launcher.").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(Permissions::from_mode(0o700))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Makes the app's folder where it is missing and this user may do so by himself. Says whether he did.
pub(super) fn own_folder(order: &Order) -> Result<bool, Failure> {
    let root = order.settings.root.as_path();
    if fs::symlink_metadata(root).is_ok() {
        return Ok(false);
    }
    let make = || {
        DirBuilder::new().recursive(true).mode(0o755).create(root)?;
        // Whatever this user's umask is: the app's own user has to get through.
        fs::set_permissions(root, Permissions::from_mode(0o755))
    };
    match make() {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => {
            Err(Failure::failed("the app's folder cannot be made").on_host(root.display()).because(error.to_string()))
        }
    }
}
