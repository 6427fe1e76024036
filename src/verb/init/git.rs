//! What git knows of a repository, without any network. git missing or failing means: nothing is known.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where git is looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// As many tags as tell how tags are written.
const MOST_TAGS: &str = "--count=500";

/// The root of the repository in which the folder lies.
pub(super) fn root(folder: &Path) -> Option<PathBuf> {
    let root = PathBuf::from(git(folder, &["rev-parse", "--show-toplevel"])?);
    root.is_absolute().then_some(root)
}

/// The URL of the remote; it may have a password in it and is shown to nobody.
pub(super) fn remote(root: &Path) -> Option<String> {
    git(root, &["config", "--get", "remote.origin.url"])
}

/// What the remote's default branch was when it was last asked.
pub(super) fn head(root: &Path) -> Option<String> {
    git(root, &["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"])
}

/// Tags, the newest versions first.
pub(super) fn tags(root: &Path) -> Vec<String> {
    let tags =
        git(root, &["for-each-ref", MOST_TAGS, "--sort=-version:refname", "--format=%(refname:strip=2)", "refs/tags"]);
    tags.unwrap_or_default().lines().map(str::to_owned).collect()
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        // Nothing that a repository's own settings name is run.
        .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim_end_matches('\n');
    (!text.is_empty()).then(|| text.to_owned())
}
