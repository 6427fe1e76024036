//! Where a release's files come from. Everything ends as a [`Tree`]: a folder of checked files and their manifest.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use rollback_deploy_core::model::{Manifest, RelPath, ReleaseInfo};

use crate::transport::Contents;

/// A release's files, on this machine.
#[derive(Debug)]
pub struct Tree {
    /// What the release is.
    pub info: ReleaseInfo,
    /// Its files, checked.
    pub manifest: Manifest,
    /// Where they lie.
    pub folder: PathBuf,
    /// Kept so that an unpacked archive goes away with the tree.
    pub keep: Option<tempfile::TempDir>,
}

impl Contents for Tree {
    fn open(&self, path: &RelPath) -> io::Result<File> {
        File::open(self.folder.join(path.as_path()))
    }
}
