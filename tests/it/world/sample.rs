//! The sample app's git repository: `tests/world/app`.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::command::must;
use super::repository;

/// How a release of the sample app behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It works.
    Good,
    /// It does not start.
    NoStart,
    /// It listens and dies soon after, every time.
    CrashLoop,
    /// It runs, and its health page answers 500.
    Sick,
    /// It runs well and says it is another version.
    WrongVersion,
}

impl Behaviour {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::NoStart => "no-start",
            Self::CrashLoop => "crash-loop",
            Self::Sick => "sick",
            Self::WrongVersion => "wrong-version",
        }
    }
}

/// A git repository of the sample app, gone when dropped.
pub(crate) struct Sample {
    folder: TempDir,
}

impl Sample {
    /// Tags v1.0.0 (plain), v1.1.0 (annotated) and one of each behaviour that must not stay live: `v1.2.0-no-start`,
    /// `v1.2.0-crash-loop`, `v1.2.0-sick`, `v1.2.0-wrong-version`. The moving tag `v1` is at v1.1.0.
    pub(crate) fn new() -> Self {
        let sample = Self { folder: TempDir::new().expect("a temporary folder") };
        sample.tag("v1.0.0", Behaviour::Good);
        sample.tag("v1.1.0", Behaviour::Good);
        for bad in [Behaviour::NoStart, Behaviour::CrashLoop, Behaviour::Sick, Behaviour::WrongVersion] {
            sample.tag(&format!("v1.2.0-{}", bad.name()), bad);
        }
        sample
    }

    /// Adds a commit and its tag.
    pub(crate) fn tag(&self, tag: &str, behaviour: Behaviour) {
        self.run(&[&format!("{tag}={}", behaviour.name())]);
    }

    /// The work tree; `.git` is inside.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The commit that a tag or branch names.
    pub(crate) fn commit(&self, name: &str) -> String {
        self.git(&["rev-parse", &format!("{name}^{{commit}}")])
    }

    /// Runs git in it.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let folder = self.folder.path().to_str().expect("UTF-8");
        must("git", &[&["-C", folder], arguments].concat(), b"")
    }

    /// The files of one tag, in a folder.
    pub(crate) fn files_of(&self, tag: &str) -> TempDir {
        let out = TempDir::new().expect("a temporary folder");
        let archive: PathBuf = out.path().join(".archive.tar");
        let archive_text = archive.to_str().expect("UTF-8");
        self.git(&["archive", "--output", archive_text, tag]);
        must("tar", &["-C", out.path().to_str().expect("UTF-8"), "-xf", archive_text], b"");
        std::fs::remove_file(archive).expect("our own file");
        out
    }

    fn run(&self, tags: &[&str]) {
        let script = repository("tests/world/app/repository.sh");
        let folder = self.folder.path().to_str().expect("UTF-8");
        must(script.to_str().expect("UTF-8"), &[&[folder], tags].concat(), b"");
    }
}
