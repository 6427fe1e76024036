//! What can be no release, with the way out: links that leave, LFS pointers, missing submodules, nothing at all.

use std::fs::File;
use std::io::{self, Read as _};

use rollback_deploy_core::model::manifest::ManifestError;
use rollback_deploy_core::model::{Entry, EntryKind, Failure, Manifest, RelPath};

use super::exclude::Exclude;

/// The most that is read of `.gitmodules`.
const MODULES: u64 = 256 << 10;

/// Makes the manifest of what was found, and refuses what can be no release.
///
/// `open` reads a file of the source; `pointers` are the files that are only LFS pointers.
pub(super) fn release(
    entries: Vec<Entry>,
    pointers: &[RelPath],
    exclude: &Exclude,
    open: impl Fn(&RelPath) -> io::Result<File>,
) -> Result<Manifest, Failure> {
    let manifest = Manifest::new(entries).map_err(|error| {
        let failure = Failure::refused(format!("the source can be no release: {error}"));
        match error {
            ManifestError::Empty => failure.hint(
                "Is the version right, and did an earlier step build what should be there? Does `exclude` leave everything out?",
            ),
            ManifestError::LinkOut { .. } => failure.hint("A link must be relative and stay inside the release: change it, or exclude it."),
            ManifestError::TooLarge(_) => failure.hint("Leave out what the app does not need to run: see `exclude`."),
            ManifestError::Twice(_) | ManifestError::NotAFolder(_) => {
                failure.hint("git never makes such a source: see how this one was made.")
            }
        }
    })?;
    no_pointers(pointers)?;
    no_missing_submodules(&manifest, exclude, open)?;
    Ok(manifest)
}

fn no_pointers(pointers: &[RelPath]) -> Result<(), Failure> {
    if pointers.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!("the source holds pointers of Git LFS instead of files: {}", named(pointers)))
        .hint("Check out with `lfs: true` (actions/checkout) and deploy that folder: source: { folder: { path: . } }.")
        .hint(
            "Or turn on \"Include Git LFS objects in archives\" in the repository's settings, or exclude these files.",
        ))
}

fn no_missing_submodules(
    manifest: &Manifest,
    exclude: &Exclude,
    open: impl Fn(&RelPath) -> io::Result<File>,
) -> Result<(), Failure> {
    let file = |entry: &&Entry| entry.path.as_str() == ".gitmodules" && matches!(entry.kind, EntryKind::File { .. });
    let Some(entry) = manifest.entries().iter().find(file) else { return Ok(()) };
    let mut text = Vec::new();
    open(&entry.path)
        .and_then(|file| file.take(MODULES).read_to_end(&mut text))
        .map_err(|error| Failure::failed("the file .gitmodules cannot be read").because(error.to_string()))?;
    let text = String::from_utf8_lossy(&text);
    let missing: Vec<RelPath> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("path")?.trim_start().strip_prefix('='))
        .filter_map(|path| RelPath::new(path.trim().trim_matches('"')).ok())
        .filter(|path| !exclude.excludes(path))
        .filter(|path| !manifest.entries().iter().any(|entry| entry.path != *path && entry.path.is_within(path)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!("the source lacks its submodules: {}", named(&missing)))
        .hint("Check out with `submodules: recursive` (actions/checkout) and deploy that folder: source: { folder: { path: . } }.")
        .hint("Or exclude them, when the app does not need them."))
}

fn named(paths: &[RelPath]) -> String {
    let some: Vec<&str> = paths.iter().take(3).map(RelPath::as_str).collect();
    let more = paths.len().saturating_sub(some.len());
    if more == 0 { some.join(", ") } else { format!("{} and {more} more", some.join(", ")) }
}
