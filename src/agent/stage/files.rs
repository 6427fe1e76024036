//! A release's files: what the host has in another release is cloned, the rest comes over the channel. Every byte is
//! digested while it is written.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use rollback_deploy_core::model::{Digest, Entry, EntryKind, Failure, Manifest, ReleaseId};
use sha2::Digest as _;

use super::Incoming;
use crate::agent::cx::Cx;
use crate::agent::state::explain;
use crate::agent::store::{self, names};

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) files_sent: u64,
    pub(super) bytes_sent: u64,
    pub(super) files_cloned: u64,
}

/// Writes all entries below an empty folder of ours.
pub(super) fn write(
    cx: Cx<'_>,
    folder: &Path,
    manifest: &Manifest,
    incoming: &mut dyn Incoming,
) -> Result<Counts, Failure> {
    let known = known_contents(cx);
    let mut counts = Counts::default();
    let mut lacking: Vec<(u32, &Entry)> = Vec::new();
    for (index, entry) in (0_u32..).zip(manifest.entries()) {
        if cx.tell.cancelled() {
            return Err(Failure::failed("cancelled while known files were copied"));
        }
        let path = folder.join(entry.path.as_path());
        let broken = |error: io::Error| explain("the release cannot be written", &path, &error);
        match &entry.kind {
            EntryKind::Folder => fs::create_dir(&path).map_err(broken)?,
            EntryKind::Link { target } => std::os::unix::fs::symlink(target, &path).map_err(broken)?,
            EntryKind::File { executable, size, sha256 } => {
                let cloned =
                    known.get(sha256).is_some_and(|from| clone(from, &path, *executable, *size, sha256).is_ok());
                if cloned {
                    counts.files_cloned += 1;
                } else {
                    lacking.push((index, entry));
                }
            }
        }
    }
    if lacking.is_empty() {
        return Ok(counts);
    }
    let all: u64 = lacking.iter().map(|(_, entry)| size_of(entry)).sum();
    let mut stream = GzDecoder::new(incoming.need(lacking.iter().map(|(index, _)| *index).collect()));
    for (_, entry) in &lacking {
        if cx.tell.cancelled() {
            return Err(Failure::failed("cancelled while files were on their way"));
        }
        receive(&mut stream, folder, entry)?;
        counts.files_sent += 1;
        counts.bytes_sent += size_of(entry);
        cx.tell.progress(counts.bytes_sent, all);
    }
    // The stream must end here: this reads its checksum and its last, empty piece.
    let mut rest = [0_u8; 1];
    match stream.read(&mut rest) {
        Ok(0) => Ok(counts),
        Ok(_) => Err(Failure::bug("the controller sent more than was asked for")),
        Err(error) => Err(Failure::failed("the stream of files broke off").because(error.to_string())),
    }
}

fn size_of(entry: &Entry) -> u64 {
    match entry.kind {
        EntryKind::File { size, .. } => size,
        _ => 0,
    }
}

/// Digest → a file that had it when its release was staged. What it holds now is checked while it is cloned.
fn known_contents(cx: Cx<'_>) -> HashMap<Digest, PathBuf> {
    let mut known = HashMap::new();
    for row in store::releases(cx.state).into_iter().filter(|row| row.present) {
        let Some(manifest) = read_manifest(cx, &row.id) else { continue };
        let folder = store::folder(cx.state, &row.id);
        for line in manifest.lines() {
            let mut words = line.splitn(4, ' ');
            let (Some("f" | "x"), Some(_), Some(digest), Some(path)) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                continue;
            };
            if let Ok(digest) = Digest::new(digest) {
                known.entry(digest).or_insert_with(|| folder.join(path));
            }
        }
    }
    known
}

fn read_manifest(cx: Cx<'_>, id: &ReleaseId) -> Option<String> {
    cx.state.read_text(&names::manifest(id)).ok().flatten()
}

fn create(path: &Path, executable: bool) -> io::Result<File> {
    let mode = if executable { 0o755 } else { 0o644 };
    File::options().read(true).write(true).create_new(true).mode(mode).open(path)
}

/// Clones a file that is here: by reflink where the file system can, else by copy; never by hard link, because an app
/// that writes in place would then change the release it would go back to.
fn clone(from: &Path, to: &Path, executable: bool, size: u64, digest: &Digest) -> io::Result<()> {
    let source = File::options().read(true).custom_flags(libc_nofollow()).open(from)?;
    if !source.metadata()?.is_file() || source.metadata()?.len() != size {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let made = create(to, executable)?;
    let right = match rustix::fs::ioctl_ficlone(&made, &source) {
        Ok(()) => digest_of(&made, None)?,
        Err(_) => digest_of(&source, Some(&made))?,
    };
    if right == *digest {
        return Ok(());
    }
    drop(made);
    remove(to);
    Err(io::ErrorKind::InvalidData.into())
}

fn libc_nofollow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "staging: a file of our own that turned out wrong")]
fn remove(path: &Path) {
    let _gone = fs::remove_file(path);
}

/// The digest of what is read, which is written on the way.
fn digest_of(from: &File, to: Option<&File>) -> io::Result<Digest> {
    let mut reader = BufReader::with_capacity(128 * 1024, from);
    let mut hasher = sha2::Sha256::new();
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            return Ok(Digest::from_raw(&hasher.finalize()));
        }
        hasher.update(piece);
        if let Some(mut to) = to {
            to.write_all(piece)?;
        }
        let length = piece.len();
        reader.consume(length);
    }
}

/// Takes one file from the stream.
fn receive(stream: &mut impl Read, folder: &Path, entry: &Entry) -> Result<(), Failure> {
    let EntryKind::File { executable, size, sha256 } = &entry.kind else {
        return Err(Failure::bug("only files are received"));
    };
    let path = folder.join(entry.path.as_path());
    let broken = |error: &io::Error| explain("a file of the release cannot be written", &path, error);
    let mut file = create(&path, *executable).map_err(|error| broken(&error))?;
    let mut hasher = sha2::Sha256::new();
    let mut left = *size;
    let mut buffer = vec![0_u8; 128 * 1024];
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(space) = buffer.get_mut(..want) else { break };
        let got = stream.read(space).map_err(|error| {
            Failure::failed("the stream of files broke off").on_host(path.display()).because(error.to_string())
        })?;
        if got == 0 {
            return Err(Failure::failed("the stream of files ended too early").on_host(path.display()));
        }
        let Some(piece) = space.get(..got) else { break };
        hasher.update(piece);
        file.write_all(piece).map_err(|error| broken(&error))?;
        left -= got as u64;
    }
    if Digest::from_raw(&hasher.finalize()) == *sha256 {
        return Ok(());
    }
    Err(Failure::failed("a file changed on its way: its digest is not that of the manifest")
        .on_host(path.display())
        .hint("The file changed while it was sent, or memory or disk are broken. Deploy again."))
}
