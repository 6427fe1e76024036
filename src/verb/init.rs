//! `init`: looks at a repository and writes a first deploy file and workflows. Never over anything: what is there is
//! kept. Nothing leaves this machine. May use core, and the program git.

mod git;
mod look;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rollback_deploy_core::file::init::{Proposal, Seen};
use rollback_deploy_core::model::{Failure, RelPath};

/// What was done, for a face to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drafted {
    /// The repository's root, below which the files are.
    pub root: PathBuf,
    /// Each file, and whether it was written.
    pub files: Vec<(RelPath, Draft)>,
    /// Lines for a shell, in order; those that begin with `#` are for people.
    pub next: Vec<String>,
}

/// What happened to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// It was not there and was written.
    Written,
    /// It was there and was not touched.
    Kept,
}

impl Draft {
    /// The word a person reads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Kept => "kept",
        }
    }
}

/// Looks at the repository in which `folder` lies and writes what is missing. Running it again changes nothing.
///
/// # Errors
/// The folder cannot be read, or a file cannot be written; what was written before that stays and is kept next time.
pub fn init(folder: &Path) -> Result<Drafted, Failure> {
    let root = git::root(folder).unwrap_or_else(|| folder.to_owned());
    let bug = |error: rollback_deploy_core::model::name::NameError| Failure::bug(error.to_string());
    let seen = Seen::of(&look::look(&root)?).map_err(bug)?;
    let proposal = Proposal::of(&seen).map_err(bug)?;
    let mut files = Vec::new();
    for (path, text) in proposal.files {
        let done = write::write(&root, &path, &text)?;
        files.push((path, done));
    }
    Ok(Drafted { root, files, next: proposal.next })
}
