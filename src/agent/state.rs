//! The only door to the disk: every call that changes the state folder or the live link goes through here, with std or
//! rustix, on the main thread, relative to an open folder, links refused.
//!
//! [`State`] reads. [`Held`] holds the mutex and changes records and links; it has no channel, so a stalled reader
//! cannot keep it, and children never inherit it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rollback_deploy_core::model::record::{LARGEST, Record, RecordError};
use rollback_deploy_core::model::{AbsPath, Failure, Kind, Uptime};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::clock;
use super::folder::owned_by_us;

pub use super::folder::explain;

/// The name of the state folder.
pub const FOLDER: &str = ".rollback-deploy";

/// The state folder of one root, open.
#[derive(Debug)]
pub struct State {
    root_path: AbsPath,
    root: OwnedFd,
    /// Nothing: there is no state folder yet, and a question does not make one.
    folder: Option<OwnedFd>,
}

/// The mutex, held. Everything that changes is here.
#[derive(Debug)]
pub struct Held<'a> {
    state: &'a State,
    // Closing it gives the mutex back, also when the process dies.
    _mutex: OwnedFd,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is there, but it is no record.
    #[error("{0}")]
    Record(#[from] RecordError),
}

/// Who won a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// We did.
    Ours,
    /// It was taken before.
    Theirs,
}

/// What is in it. The program's own folder is made by whoever brings the program, so it cannot be the last.
const FOLDERS: [&str; 5] = ["agent", "history", "releases", "stage", "evidence"];

fn make(at: impl AsFd, name: &str, path: &Path) -> Result<(), Failure> {
    match rustix::fs::mkdirat(at, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(explain("the state folder cannot be made", path, &error.into())),
    }
}

fn open_folder(at: impl AsFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(at, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// The state folder of a root, if there is one.
fn our_state(root: &OwnedFd, path: &Path) -> Result<Option<OwnedFd>, Failure> {
    match open_folder(root, Path::new(FOLDER)) {
        Ok(state) => {
            owned_by_us(&state, path, 0o077)?;
            Ok(Some(state))
        }
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(Failure::refused("the state folder is no real folder")
            .on_host(path.display())
            .because(error.to_string())),
    }
}

impl State {
    /// Opens the state folder of a root; makes it when it is missing.
    ///
    /// # Errors
    /// The root is no real folder of this user that others cannot write.
    pub fn open(root: &AbsPath) -> Result<Self, Failure> {
        let looked = Self::look(root)?;
        let folder = root.as_path().join(FOLDER);
        let state = if let Some(state) = looked.folder {
            state
        } else {
            make(&looked.root, FOLDER, &folder)?;
            our_state(&looked.root, &folder)?
                .ok_or_else(|| Failure::refused("the state folder was taken away again").on_host(folder.display()))?
        };
        // They are made in this order: when the last one is there, all are.
        let whole = FOLDERS.last().is_some_and(|last| rustix::fs::statat(&state, *last, AtFlags::empty()).is_ok());
        for name in FOLDERS.iter().filter(|_| !whole) {
            make(&state, name, &folder.join(name))?;
        }
        Ok(Self { folder: Some(state), ..looked })
    }

    /// Opens it for questions: nothing is made. A root without a state folder answers as an empty one.
    ///
    /// # Errors
    /// The root or its state folder is no real folder of this user that others cannot write.
    pub fn look(root: &AbsPath) -> Result<Self, Failure> {
        let root_fd = open_folder(rustix::fs::CWD, root.as_path()).map_err(|error| {
            Failure::refused("the app's folder cannot be opened")
                .on_host(root)
                .because(error.to_string())
                .hint(format!("Make it: `sudo install -d -o $USER {root}`, or let `rollback-deploy setup` do it."))
        })?;
        owned_by_us(&root_fd, root.as_path(), 0o022)?;
        let folder = our_state(&root_fd, &root.as_path().join(FOLDER))?;
        Ok(Self { root_path: root.clone(), root: root_fd, folder })
    }

    /// The state folder; an error of the kind "not found" where there is none.
    fn folder(&self) -> rustix::io::Result<&OwnedFd> {
        self.folder.as_ref().ok_or(Errno::NOENT)
    }

    /// The app's folder.
    #[must_use]
    pub fn root(&self) -> &AbsPath {
        &self.root_path
    }

    /// The app's folder, open: for reading its file system.
    #[must_use]
    pub fn root_fd(&self) -> &OwnedFd {
        &self.root
    }

    /// Where something of the state lies, for messages and for programs that take a path.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root_path.as_path().join(FOLDER).join(name)
    }

    /// Reads a whole file of the state; nothing when it is not there.
    ///
    /// # Errors
    /// It is there but cannot be read, is no regular file, or is larger than anything of ours.
    pub fn read_text(&self, name: &str) -> io::Result<Option<String>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let opened = self.folder().and_then(|folder| rustix::fs::openat(folder, name, flags, Mode::empty()));
        let file = match opened {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut text = String::new();
        File::from(file).take(LARGEST as u64 * 64).read_to_string(&mut text)?;
        Ok(Some(text))
    }

    /// Reads a record; nothing when it is not there.
    ///
    /// # Errors
    /// It is there but cannot be read, or is no record.
    pub fn read(&self, name: &str) -> Result<Option<Record>, ReadError> {
        match self.read_text(name)? {
            Some(text) if text.len() <= LARGEST => Ok(Some(Record::from_text(&text)?)),
            Some(_) => Err(ReadError::Io(io::ErrorKind::FileTooLarge.into())),
            None => Ok(None),
        }
    }

    /// Whether a name exists. One that cannot be looked at counts: nothing is done as if it were free.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let looked = self.folder().and_then(|folder| rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW));
        !matches!(looked, Err(Errno::NOENT))
    }

    /// The names in a folder of the state, sorted; none when the folder is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn names(&self, folder: &str) -> io::Result<Vec<String>> {
        let at = match self.folder().and_then(|state| open_folder(state, Path::new(folder))) {
            Ok(at) => at,
            Err(Errno::NOENT) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(at)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// A lock file of the state, locked; nothing when somebody else holds it. Closing it gives it back.
    ///
    /// # Errors
    /// It cannot be made or locked.
    pub fn try_lock(&self, name: &str) -> io::Result<Option<OwnedFd>> {
        loop {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(self.folder()?, name, flags, Mode::RUSR | Mode::WUSR)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // A clean-up may have removed the name between open and lock: then this lock excludes nobody.
            let ours = rustix::fs::fstat(&file)?;
            match rustix::fs::statat(self.folder()?, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(named) if named.st_ino == ours.st_ino => return Ok(Some(file)),
                _ => {}
            }
        }
    }

    /// Takes the mutex, waiting at most a minute.
    ///
    /// # Errors
    /// Somebody holds it that long; who, is said.
    pub fn lock(&self) -> Result<Held<'_>, Failure> {
        for _ in 0..1200 {
            match self.try_lock("mutex") {
                Ok(Some(mutex)) => {
                    sign(&mutex);
                    return Ok(Held { state: self, _mutex: mutex });
                }
                Ok(None) => thread::sleep(Duration::from_millis(50)),
                Err(error) => return Err(explain("the mutex cannot be taken", &self.path("mutex"), &error)),
            }
        }
        let holder = self.read_text("mutex").ok().flatten().unwrap_or_default();
        Err(Failure::new(Kind::Busy, "another operation has held this host's mutex for a minute")
            .on_host(self.path("mutex").display())
            .because(holder.trim().to_owned())
            .hint("The watchdog ends a holder that outlives its deadline; otherwise look at that process."))
    }

    /// Who holds the mutex now: process and its start time; nothing when it is free.
    #[must_use]
    pub fn mutex_holder(&self) -> Option<(u32, u64)> {
        if self.try_lock("mutex").ok()?.is_some() {
            return None;
        }
        let text = self.read_text("mutex").ok()??;
        let value = |key: &str| text.split_whitespace().find_map(|word| word.strip_prefix(key)?.parse::<u64>().ok());
        Some((u32::try_from(value("pid=")?).ok()?, value("started=")?))
    }

    /// Writes a new file, whole and synced, under a name of its own. Its content never changes afterwards.
    fn write_fresh(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let written = (|| {
            let mut file = File::from(rustix::fs::openat(self.folder()?, name, flags, Mode::RUSR | Mode::WUSR)?);
            file.write_all(content)?;
            file.sync_all()
        })();
        if written.is_err() {
            self.forget(name);
        }
        written
    }

    /// Puts a record in place of an older one.
    ///
    /// # Errors
    /// It was not written; what was there before still is.
    pub fn put(&self, name: &str, record: &Record) -> io::Result<()> {
        self.put_text(name, &record.to_text())
    }

    /// Puts a whole file in place of an older one: temporary file, sync, rename, sync of the folder.
    ///
    /// For files that only their own writer changes (those of a release being staged); everything else is changed
    /// under the mutex.
    ///
    /// # Errors
    /// It was not written; what was there before still is.
    pub fn put_text(&self, name: &str, text: &str) -> io::Result<()> {
        let temporary = fresh_name(name);
        self.forget(&temporary);
        self.write_fresh(&temporary, text.as_bytes())?;
        let folder = self.folder()?;
        if let Err(error) = rustix::fs::renameat(folder, &temporary, folder, name) {
            self.forget(&temporary);
            return Err(error.into());
        }
        self.settle(parent_of(name))
    }

    /// Writes a text under a name that nobody has yet: the first one wins.
    ///
    /// # Errors
    /// It was not written.
    pub fn publish(&self, name: &str, text: &str) -> io::Result<Taken> {
        let temporary = fresh_name(name);
        self.forget(&temporary);
        self.write_fresh(&temporary, text.as_bytes())?;
        let folder = self.folder()?;
        let linked = rustix::fs::linkat(folder, &temporary, folder, name, AtFlags::empty());
        self.forget(&temporary);
        match linked {
            Ok(()) => self.settle(parent_of(name)).map(|()| Taken::Ours),
            Err(Errno::EXIST) => Ok(Taken::Theirs),
            Err(error) => Err(error.into()),
        }
    }

    /// Syncs a folder of the state (`.` for the state folder itself).
    ///
    /// # Errors
    /// It cannot be synced.
    pub fn settle(&self, folder: &str) -> io::Result<()> {
        let at = open_folder(self.folder()?, Path::new(folder))?;
        Ok(rustix::fs::fsync(&at)?)
    }

    /// Syncs the whole file system of the root: one call covers a staged tree.
    ///
    /// # Errors
    /// The file system reports that writing failed.
    pub fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.root)?)
    }

    /// Adds a line to a file of the root that only grows (`deploy.log`); best effort, it decides nothing.
    pub fn log_line(&self, line: &str) {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if let Ok(file) = rustix::fs::openat(&self.root, "deploy.log", flags, Mode::from_raw_mode(0o644)) {
            let text = format!("{} {}\n", clock::wall(), line.replace(['\n', '\r'], " "));
            let _logged = File::from(file).write_all(text.as_bytes());
        }
    }

    /// Puts a one-line text file into the root (`current_version`); best effort, it decides nothing.
    pub fn note(&self, name: &str, text: &str) {
        let temporary = format!(".{name}.rollback-deploy");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let noted = rustix::fs::openat(&self.root, &temporary, flags, Mode::from_raw_mode(0o644))
            .map_err(io::Error::from)
            .and_then(|file| File::from(file).write_all(format!("{text}\n").as_bytes()));
        let _renamed = match noted {
            Ok(()) => rustix::fs::renameat(&self.root, &temporary, &self.root, name),
            Err(_) => rustix::fs::unlinkat(&self.root, &temporary, AtFlags::empty()),
        };
    }

    /// Removes a name of the state that decides nothing any more; best effort.
    pub fn forget(&self, name: &str) {
        let _gone = self.folder().and_then(|folder| rustix::fs::unlinkat(folder, name, AtFlags::empty()));
    }

    /// Keeps some blocks and inodes for ourselves, for the day when the disk is full; best effort, made once.
    pub fn keep_reserve(&self) {
        for name in reserve().filter(|name| !self.has(name)) {
            // Not zeros: some file systems would store nothing.
            let mut block = vec![0_u8; RESERVE_BLOCK];
            if getrandom::fill(&mut block).is_err() || self.write_fresh(&name, &block).is_err() {
                return;
            }
        }
    }

    /// Gives them back: what follows needs them now.
    pub fn spend_reserve(&self) {
        reserve().for_each(|name| self.forget(&name));
    }
}

/// Of each file that keeps room, in bytes.
const RESERVE_BLOCK: usize = 64 * 1024;

/// A mebibyte and some inodes: enough for the records of a change.
fn reserve() -> impl Iterator<Item = String> {
    (0..16).map(|number| format!("reserve.{number:02}"))
}

impl Held<'_> {
    /// What is read under the mutex.
    #[must_use]
    pub fn state(&self) -> &State {
        self.state
    }

    /// Renames one name of the state over another and syncs the folder: the way every decision is made.
    ///
    /// # Errors
    /// The rename failed: nothing was decided. A failed sync is an error too, although the rename is visible.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let folder = self.state.folder()?;
        rustix::fs::renameat(folder, from, folder, to)?;
        self.state.settle(".")
    }

    /// A second name for a record, before its first can be replaced.
    ///
    /// # Errors
    /// It was not linked.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let folder = self.state.folder()?;
        match rustix::fs::linkat(folder, from, folder, to, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => self.state.settle(parent_of(to)),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a record in place.
    ///
    /// # Errors
    /// As for [`State::put`].
    pub fn put(&self, name: &str, record: &Record) -> io::Result<()> {
        self.state.put(name, record)
    }

    /// Publishes a text under a name that nobody has yet.
    ///
    /// # Errors
    /// As for [`State::publish`].
    pub fn publish(&self, name: &str, text: &str) -> io::Result<Taken> {
        self.state.publish(name, text)
    }

    /// Removes a name.
    ///
    /// # Errors
    /// It is there and cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(self.state.folder()?, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Writes who holds the mutex, in place and at a fixed width, so that a full disk is no hindrance.
fn sign(mutex: &OwnedFd) {
    let pid = std::process::id();
    let line = format!("pid={pid} started={}", clock::started(pid).unwrap_or_default());
    let padded = format!("{line:<62}\n");
    // Best effort: the lock itself excludes, the name is for people and for the watchdog.
    let _signed = rustix::io::pwrite(mutex, padded.as_bytes(), 0);
}

/// A name for a temporary file: nobody else's, in this boot or another.
fn fresh_name(name: &str) -> String {
    let ticks = clock::started(std::process::id()).unwrap_or_default();
    format!("{name}.tmp.{}.{ticks}", std::process::id())
}

fn parent_of(name: &str) -> &str {
    name.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

/// The earlier of two moments.
#[must_use]
pub fn earlier(a: Uptime, b: Uptime) -> Uptime {
    if a <= b { a } else { b }
}
