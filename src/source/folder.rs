//! A folder of the workspace, such as `dist/`: read where it lies, without following links.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::{Commit, Entry, EntryKind, Failure, Place, RelPath, ReleaseId, ReleaseInfo, Source};
use rustix::fs::{Mode, OFlags};

use super::Tree;
use super::exclude::Exclude;
use super::fit;
use super::take::take;
use super::unpack::Limits;

/// What the folder's files are called as a release.
#[derive(Debug, Clone)]
pub struct Named {
    /// The release's version.
    pub version: ReleaseId,
    /// The tag, when there is one.
    pub tag: Option<ReleaseId>,
    /// The commit that was checked out, when known.
    pub commit: Option<Commit>,
}

/// Takes a folder below the workspace; `.` is the workspace itself. It reads every file and may take a while: call it
/// where blocking is allowed.
///
/// # Errors
/// There is no such folder, it leads out of the workspace, or it holds what can be no release.
pub fn read(workspace: &Path, path: &str, named: Named, exclude: &Exclude, limits: &Limits) -> Result<Tree, Failure> {
    let folder = inside(workspace, path)?;
    let mut found = Found { root: &folder, exclude, limits, bytes: 0, entries: Vec::new(), pointers: Vec::new() };
    found.folder(None)?;
    let Found { entries, pointers, .. } = found;
    let manifest = fit::release(entries, &pointers, exclude, |file| open(&folder.join(file.as_path())))
        .map_err(|failure| failure.at(place(path)))?;
    let info = ReleaseInfo {
        version: named.version,
        tag: named.tag.map(String::from),
        commit: named.commit,
        source: Source::Folder { path: path.to_owned() },
    };
    Ok(Tree { info, manifest, folder, keep: None })
}

fn place(path: &str) -> Place {
    Place::File { path: path.to_owned(), at: None }
}

/// The folder's real path, which must lie in the workspace.
fn inside(workspace: &Path, path: &str) -> Result<PathBuf, Failure> {
    let missing = |error: io::Error| {
        Failure::input("the source's folder cannot be read")
            .at(place(path))
            .hint("It is relative to the workspace. Does an earlier step build it, and does it run before this one?")
            .because(error.to_string())
    };
    let root = fs::canonicalize(workspace).map_err(missing)?;
    let folder = match path.trim_end_matches('/') {
        "." | "./" => root.clone(),
        below => {
            let below = RelPath::new(below.strip_prefix("./").unwrap_or(below)).map_err(|error| {
                Failure::input(error.to_string())
                    .at(place(path))
                    .hint("Name a folder below the workspace, such as dist/.")
            })?;
            fs::canonicalize(root.join(below.as_path())).map_err(missing)?
        }
    };
    if !folder.starts_with(&root) {
        return Err(Failure::input("the source's folder leads out of the workspace").at(place(path)));
    }
    if !folder.is_dir() {
        return Err(Failure::input("the source is not a folder").at(place(path)));
    }
    Ok(folder)
}

struct Found<'a> {
    root: &'a Path,
    exclude: &'a Exclude,
    limits: &'a Limits,
    bytes: u64,
    entries: Vec<Entry>,
    pointers: Vec<RelPath>,
}

impl Found<'_> {
    /// Takes everything below one folder.
    fn folder(&mut self, below: Option<&RelPath>) -> Result<(), Failure> {
        let at = below.map_or_else(|| self.root.to_owned(), |below| self.root.join(below.as_path()));
        let shown = below.map_or(".", RelPath::as_str);
        for child in fs::read_dir(&at).map_err(|error| unreadable(shown, &error))? {
            let child = child.map_err(|error| unreadable(shown, &error))?;
            let name = child.file_name();
            let name = name.to_str().ok_or_else(|| {
                refused(format!(
                    "a name in {shown} is not UTF-8: {:?}",
                    name.to_string_lossy().chars().take(100).collect::<String>()
                ))
            })?;
            let path = match below {
                Some(below) => RelPath::new(format!("{below}/{name}")),
                None => RelPath::new(name),
            };
            let path = path.map_err(refused)?;
            if !self.exclude.excludes(&path) {
                self.child(path)?;
            }
        }
        Ok(())
    }

    fn child(&mut self, path: RelPath) -> Result<(), Failure> {
        let at = self.root.join(path.as_path());
        let meta = fs::symlink_metadata(&at).map_err(|error| unreadable(path.as_str(), &error))?;
        let kind = meta.file_type();
        if self.entries.len() >= self.limits.entries {
            return Err(refused(format!("it has more than {} files", self.limits.entries)));
        }
        if kind.is_symlink() {
            let target = fs::read_link(&at).map_err(|error| unreadable(path.as_str(), &error))?;
            let target = target
                .into_os_string()
                .into_string()
                .map_err(|_| refused(format!("the target of the link {path} is not UTF-8")))?;
            self.entries.push(Entry { path, kind: EntryKind::Link { target } });
            return Ok(());
        }
        // Of folders the bits say nothing about a release: a workspace may inherit its group.
        if kind.is_dir() {
            self.entries.push(Entry { path: path.clone(), kind: EntryKind::Folder });
            return self.folder(Some(&path));
        }
        let mode = meta.permissions().mode();
        if kind.is_file() && mode & 0o7000 != 0 {
            return Err(refused(format!("{path} has set-id or sticky bits")));
        }
        self.file(path)
    }

    fn file(&mut self, path: RelPath) -> Result<(), Failure> {
        let at = self.root.join(path.as_path());
        let mut file = open(&at).map_err(|error| unreadable(path.as_str(), &error))?;
        // Asked of the open file: what the name says may have changed since.
        let meta = file.metadata().map_err(|error| unreadable(path.as_str(), &error))?;
        if !meta.is_file() {
            return Err(refused(format!("{path} is a socket, a pipe or a device")));
        }
        self.bytes = self.bytes.saturating_add(meta.len());
        if self.bytes > self.limits.bytes {
            return Err(refused(format!("its files are larger than {} bytes", self.limits.bytes)));
        }
        let taken = take(&mut file, &mut io::sink()).map_err(|error| unreadable(path.as_str(), &error))?;
        if taken.pointer {
            self.pointers.push(path.clone());
        }
        let executable = meta.permissions().mode() & 0o100 != 0;
        self.entries.push(Entry { path, kind: taken.kind(executable) });
        Ok(())
    }
}

/// Opens a file itself, never what a link points to, and never waits for the other end of a pipe.
fn open(at: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(at, flags, Mode::empty()) {
        Ok(file) => Ok(file.into()),
        // A socket cannot be opened at all; said in the words of the other kinds.
        Err(rustix::io::Errno::NXIO) => Err(io::Error::other("it is a socket, a pipe or a device")),
        Err(error) => Err(error.into()),
    }
}

fn refused(what: impl std::fmt::Display) -> Failure {
    Failure::refused(format!("the source's folder is refused: {what}")).hint("Remove it, or exclude it.")
}

fn unreadable(path: &str, error: &io::Error) -> Failure {
    Failure::refused(format!("{path} of the source's folder cannot be taken"))
        .hint("Remove it, exclude it, or make it readable for the user of this step.")
        .because(error.to_string())
}

#[cfg(test)]
mod tests;
