//! One file taken in: counted and hashed on its way.

use std::io::{self, Read, Write};

use rollback_deploy_core::model::{Digest, EntryKind};
use sha2::Digest as _;

/// How the files of git's large file storage begin when the storage was not asked.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// A pointer is smaller than this.
const LFS_LARGEST: u64 = 1024;

/// A file as it was taken in.
pub(super) struct Taken {
    pub(super) size: u64,
    pub(super) sha256: Digest,
    /// Whether it is only a pointer into git's large file storage.
    pub(super) pointer: bool,
}

impl Taken {
    pub(super) fn kind(self, executable: bool) -> EntryKind {
        EntryKind::File { executable, size: self.size, sha256: self.sha256 }
    }
}

/// Copies everything.
pub(super) fn take(from: &mut impl Read, to: &mut impl Write) -> io::Result<Taken> {
    let mut hash = sha2::Sha256::new();
    let mut size = 0;
    let mut head: Vec<u8> = Vec::with_capacity(LFS.len());
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = &piece[..read];
        head.extend(bytes.iter().take(LFS.len() - head.len()));
        hash.update(bytes);
        to.write_all(bytes)?;
        size += read as u64;
    }
    Ok(Taken { size, sha256: Digest::from_raw(&hash.finalize()), pointer: size < LFS_LARGEST && head == LFS })
}
