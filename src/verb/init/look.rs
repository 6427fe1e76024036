//! Looks at a folder: its top level, the level below, and the workflows. Bounded in names and bytes; links are not
//! followed, and what is no regular file is not opened.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use rollback_deploy_core::file::init::{Folder, is_listed, is_read};
use rollback_deploy_core::model::Failure;

use super::git;

/// The most names taken of one folder.
const MOST_NAMES: usize = 2_000;
/// The most folders that are looked into.
const MOST_FOLDERS: usize = 64;
/// The most texts that are read.
const MOST_TEXTS: usize = 200;
/// The most that is read of one text, in bytes.
const LARGEST: u64 = 256 * 1024;

/// What lies in a repository.
pub(super) fn look(root: &Path) -> Result<Folder, Failure> {
    let mut folder = Folder {
        name: root
            .canonicalize()
            .ok()
            .as_deref()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned(),
        remote: git::remote(root),
        head: git::head(root),
        tags: git::tags(root),
        ..Folder::default()
    };
    let names = names(root, "").map_err(|error| {
        Failure::input("the folder of the repository cannot be read").on_host(root.display()).because(error.to_string())
    })?;
    let below: Vec<String> =
        names.iter().filter(|name| name.strip_suffix('/').is_some_and(is_listed)).cloned().collect();
    folder.paths.extend(names);
    for name in below.iter().map(String::as_str).take(MOST_FOLDERS).chain([".github/workflows/"]) {
        // What cannot be read there was not seen: nothing is taken from that.
        folder.paths.extend(self::names(root, name).unwrap_or_default());
    }
    let read: Vec<&String> = folder.paths.iter().filter(|path| is_read(path)).take(MOST_TEXTS).collect();
    folder.texts = read.into_iter().filter_map(|path| Some((path.clone(), text(&root.join(path))?))).collect();
    Ok(folder)
}

/// The names in a folder, each with the folder in front; folders end with `/`. In the order of the alphabet, so that
/// the limit cuts the same names each time.
fn names(root: &Path, below: &str) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    let place = root.join(below);
    // `below` is a real folder, or a link that leads elsewhere.
    if !below.is_empty() && !fs::symlink_metadata(place.components().as_path())?.is_dir() {
        return Ok(names);
    }
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if kind.is_dir() {
            names.push(format!("{below}{name}/"));
        } else if kind.is_file() {
            names.push(format!("{below}{name}"));
        }
    }
    names.sort();
    names.truncate(MOST_NAMES);
    Ok(names)
}

fn text(path: &Path) -> Option<String> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
