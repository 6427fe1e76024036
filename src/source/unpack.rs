//! An archive → files in a folder of their own, with our own checks: whatever an archive says is hostile until checked.
//!
//! Files are made new and never followed; links are made last, so that no file can be written through one.

mod meter;

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::Path;

use flate2::read::GzDecoder;
use rollback_deploy_core::model::manifest::{MOST_BYTES, MOST_ENTRIES};
use rollback_deploy_core::model::{Entry, EntryKind, Failure, Manifest, RelPath};
use tar::EntryType;

use super::exclude::Exclude;
use super::fit;
use super::take::take;
use meter::{Meter, TooLarge};

/// The most that is taken in.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the archive itself.
    pub archive: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: usize,
    /// How many times larger than its archive the content may be.
    pub ratio: u64,
    /// Up to how many bytes nobody asks about the ratio.
    pub grace: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { archive: 8 << 30, bytes: MOST_BYTES, entries: MOST_ENTRIES, ratio: 200, grace: 64 << 20 }
    }
}

/// How an archive is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// gzip, and everything below one folder that is not part of the release: GitHub's archives.
    GzipInFolder,
    /// Plain, from the root on: `git archive`.
    Plain,
}

/// What was unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// The files, checked.
    pub manifest: Manifest,
    /// Where they lie; gone when dropped.
    pub folder: tempfile::TempDir,
    /// The commit that git wrote into the archive's head.
    pub commit: Option<String>,
}

/// Unpacks an archive into a new temporary folder.
///
/// # Errors
/// The archive is broken, too large, or holds what a release must not hold.
pub fn unpack(archive: impl Read, layout: Layout, exclude: &Exclude, limits: &Limits) -> Result<Unpacked, Failure> {
    let folder = tempfile::tempdir().map_err(|error| disk(&error))?;
    // What tar adds: a header an entry, and room for long names.
    let most = limits.bytes.saturating_add(4096 * limits.entries as u64);
    let counted = meter::Counted::new(archive);
    let read = counted.so_far();
    let reader: Box<dyn Read + '_> = match layout {
        Layout::GzipInFolder => Box::new(Meter::new(
            GzDecoder::new(counted),
            most,
            Some(meter::Ratio { gone_in: read, times: limits.ratio, grace: limits.grace }),
        )),
        Layout::Plain => Box::new(Meter::new(counted, most, None)),
    };
    let mut taken = Taken {
        root: folder.path(),
        layout,
        exclude,
        limits,
        top: None,
        bytes: 0,
        entries: 0,
        found: BTreeMap::new(),
        pointers: Vec::new(),
        commit: None,
    };
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(|error| broken(&error))? {
        taken.entry(&mut entry.map_err(|error| broken(&error))?)?;
    }
    // Read to its end: only there gzip says whether everything arrived whole.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| broken(&error))?;
    let (found, pointers, commit) = (taken.found, taken.pointers, taken.commit);
    let entries = found.into_iter().map(|(path, kind)| Entry { path, kind }).collect();
    let manifest = fit::release(entries, &pointers, exclude, |path| File::open(folder.path().join(path.as_path())))?;
    for entry in manifest.entries() {
        let at = folder.path().join(entry.path.as_path());
        match &entry.kind {
            EntryKind::Folder => make_folder(&at).map_err(|error| disk(&error))?,
            EntryKind::Link { target } => symlink(target, &at).map_err(|error| disk(&error))?,
            EntryKind::File { .. } => {}
        }
    }
    Ok(Unpacked { manifest, folder, commit })
}

struct Taken<'a> {
    root: &'a Path,
    layout: Layout,
    exclude: &'a Exclude,
    limits: &'a Limits,
    top: Option<String>,
    bytes: u64,
    entries: usize,
    found: BTreeMap<RelPath, EntryKind>,
    pointers: Vec<RelPath>,
    commit: Option<String>,
}

impl Taken<'_> {
    /// Takes one entry in.
    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), Failure> {
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            return self.head(entry);
        }
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(too_large(format!("it has more than {} entries", self.limits.entries)));
        }
        let Some(path) = self.path(&entry.path_bytes())? else { return Ok(()) };
        let mode = entry.header().mode().map_err(|error| broken(&error))?;
        if mode & 0o7000 != 0 {
            return Err(hostile(format!("{path} has set-id or sticky bits")));
        }
        let kind = match kind {
            EntryType::Regular | EntryType::Continuous => None,
            EntryType::Directory => Some(EntryKind::Folder),
            EntryType::Symlink => Some(EntryKind::Link { target: link(entry, &path)? }),
            EntryType::Link => return Err(hostile(format!("{path} is a hard link"))),
            EntryType::Char | EntryType::Block => return Err(hostile(format!("{path} is a device"))),
            EntryType::Fifo => return Err(hostile(format!("{path} is a pipe"))),
            other => return Err(hostile(format!("{path} is of the kind {other:?}"))),
        };
        if self.exclude.excludes(&path) {
            return Ok(());
        }
        match self.found.get(&path) {
            Some(EntryKind::Folder) if kind == Some(EntryKind::Folder) => return Ok(()),
            Some(_) => return Err(hostile(format!("{path} stands twice"))),
            None => {}
        }
        let kind = match kind {
            Some(kind) => kind,
            None => self.file(entry, &path, mode & 0o100 != 0)?,
        };
        drop(self.found.insert(path, kind));
        Ok(())
    }

    /// Writes a regular file.
    fn file<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        path: &RelPath,
        executable: bool,
    ) -> Result<EntryKind, Failure> {
        self.bytes = self.bytes.saturating_add(entry.size());
        if self.bytes > self.limits.bytes {
            return Err(too_large(format!("its files are larger than {} bytes", self.limits.bytes)));
        }
        let at = self.root.join(path.as_path());
        // Nothing but folders and files lies there yet, so that no part of the path can be a link.
        let made = at.parent().map_or(Ok(()), make_folder).and_then(|()| {
            OpenOptions::new().write(true).create_new(true).mode(if executable { 0o700 } else { 0o600 }).open(&at)
        });
        let mut file = made.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
                hostile(format!("{path} is a file and a folder at once"))
            }
            _ => disk(&error),
        })?;
        let taken = take(entry, &mut file).map_err(|error| broken(&error))?;
        if taken.pointer {
            self.pointers.push(path.clone());
        }
        Ok(taken.kind(executable))
    }

    /// The path below the release; none for the folder around everything.
    fn path(&mut self, bytes: &[u8]) -> Result<Option<RelPath>, Failure> {
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        let text = std::str::from_utf8(bytes).map_err(|_| hostile(format!("{:?} is not UTF-8", shown())))?;
        let path = RelPath::new(text).map_err(hostile)?;
        if self.layout == Layout::Plain {
            return Ok(Some(path));
        }
        let (top, below) = match path.as_str().split_once('/') {
            Some((top, below)) => (top, Some(below)),
            None => (path.as_str(), None),
        };
        let first = self.top.get_or_insert_with(|| top.to_owned());
        if first != top {
            return Err(hostile(format!("{path} lies beside the one folder {first}")));
        }
        below.map(RelPath::new).transpose().map_err(hostile)
    }

    /// Reads the archive's head, where git notes the commit.
    fn head<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<(), Failure> {
        if entry.size() > 64 << 10 {
            return Err(hostile("its head is too large"));
        }
        let Some(pairs) = entry.pax_extensions().map_err(|error| broken(&error))? else { return Ok(()) };
        for pair in pairs.flatten() {
            if pair.key_bytes() == b"comment" {
                self.commit = pair.value().ok().map(ToOwned::to_owned);
            }
        }
        Ok(())
    }
}

fn link<R: Read>(entry: &tar::Entry<'_, R>, path: &RelPath) -> Result<String, Failure> {
    let target = entry.link_name_bytes().ok_or_else(|| hostile(format!("the link {path} has no target")))?;
    String::from_utf8(target.into_owned()).map_err(|_| hostile(format!("the target of the link {path} is not UTF-8")))
}

fn make_folder(at: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(at)
}

fn hostile(what: impl std::fmt::Display) -> Failure {
    Failure::refused(format!("the archive is refused: {what}"))
        .hint("Nothing was unpacked on a host. git never makes such an archive: see how this one was made.")
}

fn too_large(what: impl std::fmt::Display) -> Failure {
    Failure::refused(format!("the archive is refused: {what}"))
        .hint("Leave out what the app does not need to run: see `exclude`.")
}

fn disk(error: &io::Error) -> Failure {
    Failure::failed("the source cannot be written to a temporary folder")
        .hint("Is the disk full? TMPDIR names another place.")
        .because(error.to_string())
}

fn broken(error: &io::Error) -> Failure {
    if let Some(TooLarge(what)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return too_large(what);
    }
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return disk(error);
    }
    Failure::failed("the archive is broken")
        .hint("Run it again: a download may have been cut.")
        .because(error.to_string())
}

#[cfg(test)]
mod tests;
