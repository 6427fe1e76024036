//! Where a release's files come from. Everything ends as a [`Tree`]: a folder of checked files and their manifest.
//! May use core, and `github` for the archive of a commit; nothing here reads our environment.
//!
//! | file | what |
//! |---|---|
//! | `archive` | the archive of a commit, through GitHub's API |
//! | `folder` | a folder of the workspace |
//! | `git` | a git URL or directory, with the `git` program |
//! | `unpack` | an archive → files, with our own checks |
//! | `exclude` | what is left out |
//! | `fit` | what can be no release: links that leave, LFS pointers, missing submodules, nothing at all |

use std::fs::File;
use std::io;
use std::path::PathBuf;

use rollback_deploy_core::model::{Manifest, RelPath, ReleaseInfo};

use crate::transport::Contents;

#[cfg(feature = "github")]
pub mod archive;
pub mod exclude;
mod fit;
pub mod folder;
pub mod git;
mod take;
pub mod unpack;

pub use exclude::Exclude;
pub use unpack::Limits;

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

#[cfg(test)]
pub(crate) mod testing;
