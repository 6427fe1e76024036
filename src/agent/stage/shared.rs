//! What outlives a release: files (`.env`) are linked before the build, folders (`logs/`) after it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::check::Question;
use rollback_deploy_core::model::{
    AbsPath, Entry, EntryKind, EnvName, Failure, Manifest, RelPath, Settings, SharedPath,
};

use super::merge::{self, There};
use crate::agent::state::explain;
use crate::ask::environment;

fn shared_folder(root: &AbsPath) -> PathBuf {
    root.as_path().join("shared")
}

/// Refuses before anything is written: a shared file that is missing, content tracked at a shared path.
pub(super) fn check_before(root: &AbsPath, settings: &Settings, manifest: &Manifest) -> Result<(), Failure> {
    missing_files(root, settings).into_iter().chain(missing_names(root, settings)).next().map_or(Ok(()), Err)?;
    for shared in &settings.shared {
        let path = shared.path();
        let tracked = |entry: &&Entry| entry.path.is_within(path) && entry.kind != EntryKind::Folder;
        let Some(entry) = manifest.entries().iter().find(tracked) else { continue };
        match shared {
            SharedPath::Folder { seed: true, .. } => {}
            _ => {
                return Err(Failure::refused(format!("the release brings {}, but {path} is shared", entry.path))
                    .on_host(shared_folder(root).join(path.as_path()).display())
                    .hint(format!(
                        "Take {path} out of the repository (or exclude it); or, for a folder whose first content shall come \
                         from the release, write `- {{ path: {path}/, seed: once }}`."
                    )));
            }
        }
    }
    Ok(())
}

/// The shared files that a person has to put there first.
pub(in crate::agent) fn missing_files(root: &AbsPath, settings: &Settings) -> Vec<Failure> {
    let files = settings.shared.iter().filter_map(|shared| match shared {
        SharedPath::File(path) => Some(path),
        SharedPath::Folder { .. } => None,
    });
    files
        .map(|path| shared_folder(root).join(path.as_path()))
        .filter(|path| !path.is_file())
        .map(|path| {
            Failure::refused("a shared file is missing").on_host(path.display()).hint(format!(
                "Put it there, readable for the app: `install -D -m 640 /dev/stdin {}`; it is linked into every release.",
                path.display()
            ))
        })
        .collect()
}

/// The environment files whose names are checked.
fn environments(settings: &Settings) -> impl Iterator<Item = (&RelPath, &[EnvName])> {
    settings.checks.iter().filter_map(|check| match &check.question {
        Question::Environment { file, names } => Some((file, names.as_slice())),
        _ => None,
    })
}

/// Names that the app needs and that a shared file does not give a value: a person has to add them first. A file that
/// is not there (yet) is another matter: the release may bring it.
pub(in crate::agent) fn missing_names(root: &AbsPath, settings: &Settings) -> Vec<Failure> {
    let shared = |file: &RelPath| settings.shared.iter().any(|shared| file.is_within(shared.path()));
    environments(settings)
        .filter(|(file, _)| shared(file))
        .map(|(file, names)| (shared_folder(root).join(file.as_path()), names))
        .filter_map(|(path, names)| names_at(&path, names).err().filter(|_| path.exists()))
        .collect()
}

/// The same of a release that is built and linked: whatever file it has now is what the app will read.
pub(super) fn check_names(release: &Path, settings: &Settings) -> Result<(), Failure> {
    environments(settings).try_for_each(|(file, names)| names_at(&release.join(file.as_path()), names))
}

/// Values are never shown.
fn names_at(path: &Path, names: &[EnvName]) -> Result<(), Failure> {
    let missing = environment::missing(path, names)
        .map_err(|error| explain("the environment file cannot be read", path, &error))?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing: Vec<&str> = missing.iter().map(EnvName::as_str).collect();
    Err(Failure::refused(format!("the environment file gives no value to {}", missing.join(", ")))
        .on_host(path.display())
        .hint("Add them there; or take them out of the check `environment`, if the app does not need them."))
}

/// The text of a link from a release to `shared/`.
fn text(path: &RelPath) -> PathBuf {
    // releases/ID/a/b → ../../../shared/a/b: two up to the root, one more for each folder on the way.
    let ups = 2 + path.as_str().matches('/').count();
    let mut text: PathBuf = std::iter::repeat_n("..", ups).collect();
    text.push("shared");
    text.push(path.as_path());
    text
}

fn link(release: &Path, path: &RelPath) -> Result<(), Failure> {
    let at = release.join(path.as_path());
    let broken = |error: &io::Error| explain("a shared path cannot be linked", &at, error);
    if let Some(parent) = at.parent() {
        fs::create_dir_all(parent).map_err(|error| broken(&error))?;
    }
    std::os::unix::fs::symlink(text(path), &at).map_err(|error| broken(&error))
}

/// Links the shared files.
pub(super) fn link_files(root: &AbsPath, release: &Path, settings: &Settings) -> Result<(), Failure> {
    settings.shared.iter().try_for_each(|shared| match shared {
        SharedPath::File(path) => {
            let target = shared_folder(root).join(path.as_path());
            if !target.is_file() {
                return Err(Failure::refused("a shared file is missing").on_host(target.display()));
            }
            link(release, path)
        }
        SharedPath::Folder { .. } => Ok(()),
    })
}

/// Links the shared folders. What the build put at such a place moves into the shared folder, file by file; a seed
/// never replaces what is there.
pub(super) fn link_folders(root: &AbsPath, release: &Path, settings: &Settings) -> Result<(), Failure> {
    for shared in &settings.shared {
        let SharedPath::Folder { path, seed } = shared else { continue };
        let target = shared_folder(root).join(path.as_path());
        let broken = |error: &io::Error| explain("a shared folder cannot be made", &target, error);
        fs::create_dir_all(&target).map_err(|error| broken(&error))?;
        let own = release.join(path.as_path());
        match own.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {
                let there = if *seed { There::Stays } else { There::GivesWay };
                merge::into(&own, &target, there).map_err(|error| broken(&error))?;
                remove_folder(&own).map_err(|error| broken(&error))?;
            }
            Ok(_) => {
                return Err(Failure::refused(format!("the build made a file where the shared folder {path} belongs"))
                    .on_host(own.display()));
            }
            Err(_) => {}
        }
        link(release, path)?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "staging: a folder inside a release that nothing uses yet")]
fn remove_folder(path: &Path) -> io::Result<()> {
    fs::remove_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_out_of_the_release_to_shared() {
        assert_eq!(text(&RelPath::new(".env").unwrap()), Path::new("../../shared/.env"));
        assert_eq!(text(&RelPath::new("app/config/x").unwrap()), Path::new("../../../../shared/app/config/x"));
    }
}
