//! What is worth looking at in a repository: few names, fewer texts.

use std::collections::{BTreeMap, BTreeSet};

/// What lies in a repository, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// The folder's own name.
    pub name: String,
    /// Paths from its root, at most two levels deep; folders end with `/`.
    pub paths: BTreeSet<String>,
    /// Texts of the files that [`is_read`] names.
    pub texts: BTreeMap<String, String>,
    /// `remote.origin.url` of git.
    pub remote: Option<String>,
    /// What `refs/remotes/origin/HEAD` of git names, such as `refs/remotes/origin/main`.
    pub head: Option<String>,
    /// Tags of git.
    pub tags: Vec<String>,
}

impl Folder {
    /// Whether there is such a file, or such a folder when the path ends with `/`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// The text of a file that was read; empty when it is not there.
    pub(super) fn text(&self, path: &str) -> &str {
        self.texts.get(path).map_or("", String::as_str)
    }

    /// Files directly in a folder (`""` or `deploy/`) with this ending: path, and name without the ending.
    pub(super) fn ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.paths.iter().filter_map(move |path| {
            let name = path.rsplit('/').next()?;
            Some((path.as_str(), name.strip_suffix(ending)?))
        })
    }
}

/// Folders that hold other people's code, builds, or nothing that a deploy needs.
const PASSED_BY: [&str; 10] =
    ["node_modules", "vendor", "target", "venv", "tests", "test", "spec", "__pycache__", "coverage", "tmp"];

/// Whether a folder of the top level is looked into. Hidden ones are not.
#[must_use]
pub fn is_listed(folder: &str) -> bool {
    !folder.starts_with('.') && !PASSED_BY.contains(&folder)
}

/// Files of the top level whose text says something.
const READ: [&str; 12] = [
    "package.json",
    "requirements.txt",
    "pyproject.toml",
    "manage.py",
    "Gemfile",
    "composer.json",
    "go.mod",
    "Cargo.toml",
    "Procfile",
    ".env.example",
    ".env.sample",
    ".env.dist",
];

/// Whether the text of a file is worth reading; the path is from the repository's root.
#[must_use]
pub fn is_read(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let ends = |ending: &str| name.len() > ending.len() && name.ends_with(ending);
    match path.split('/').collect::<Vec<_>>().as_slice() {
        [".github", "workflows", _] => ends(".yml") || ends(".yaml"),
        [name] => READ.contains(name) || ends(".service") || ends(".socket"),
        [_, "settings.py"] => true,
        [_, _] => ends(".service") || ends(".socket"),
        _ => false,
    }
}
