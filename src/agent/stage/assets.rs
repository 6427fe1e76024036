//! Assets: names of the old release stay reachable in the new one, so that a page loaded before the switch still finds
//! its files. Only the old release's own assets come along, not those it inherited: the folder does not grow for ever.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use rollback_deploy_core::model::{Failure, ReleaseId, Settings};

use crate::agent::state::{State, explain};
use crate::agent::store;

fn list_name(id: &ReleaseId) -> String {
    format!("releases/{id}.assets")
}

/// Records the release's own assets and adds those of the live release that it lacks.
pub(super) fn merge(state: &State, id: &ReleaseId, settings: &Settings) -> Result<(), Failure> {
    if settings.assets.is_empty() {
        return Ok(());
    }
    let folder = store::folder(state, id);
    let broken = |error: &io::Error| explain("assets cannot be merged", &folder, error);
    let mut own = BTreeSet::new();
    for path in &settings.assets {
        collect(&folder, path.as_path(), &mut own).map_err(|error| broken(&error))?;
    }
    let text = own.iter().fold(String::new(), |text, path| text + path + "\n");
    state.put_text(&list_name(id), &text).map_err(|error| broken(&error))?;

    let Some(live) = store::confirmed(state)? else { return Ok(()) };
    let old_folder = store::folder(state, &live.release);
    let listed = state.read_text(&list_name(&live.release)).map_err(|error| broken(&error))?.unwrap_or_default();
    for path in listed.lines().filter(|path| !own.contains(*path)) {
        let (from, to) = (old_folder.join(path), folder.join(path));
        if !from.symlink_metadata().is_ok_and(|meta| meta.is_file()) || to.symlink_metadata().is_ok() {
            continue;
        }
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(|error| broken(&error))?;
        }
        fs::copy(&from, &to).map_err(|error| broken(&error))?;
    }
    Ok(())
}

/// The regular files below a folder, by their path in the release; links are not followed.
fn collect(release: &Path, below: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
    let entries = match fs::read_dir(release.join(below)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(release, &path, found)?;
        } else if kind.is_file()
            && let Some(text) = path.to_str()
            && !text.contains('\n')
        {
            found.insert(text.to_owned());
        }
    }
    Ok(())
}
