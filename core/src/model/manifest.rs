//! What a release consists of. Whatever an archive or a host says is checked here before anything is written.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::name::Digest;
use super::path::RelPath;

/// The most entries of one release.
pub const MOST_ENTRIES: usize = 500_000;
/// The most bytes of one release.
pub const MOST_BYTES: u64 = 64 << 30;
/// How many links may lead to one another before the kernel gives up, too.
const HOPS: usize = 40;

/// One file, folder or link of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where, below the release.
    pub path: RelPath,
    /// What.
    #[serde(flatten)]
    pub kind: EntryKind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A regular file.
    File {
        /// May it be executed?
        executable: bool,
        /// Bytes.
        size: u64,
        /// Of its content.
        sha256: Digest,
    },
    /// A symbolic link that stays inside the release.
    Link {
        /// Its text.
        target: String,
    },
}

/// Everything of a release, sorted by path, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Manifest(Vec<Entry>);

/// Why entries are not a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// There is no file at all.
    #[error("the release is empty: it has no file")]
    Empty,
    /// A path stands twice.
    #[error("{0} stands twice")]
    Twice(RelPath),
    /// A file or link has something below it.
    #[error("{0} is not a folder, but something lies below it")]
    NotAFolder(RelPath),
    /// A link leaves the release.
    #[error("the link {path} leaves the release: it points to {target:?}")]
    LinkOut {
        /// The link.
        path: RelPath,
        /// Its text.
        target: String,
    },
    /// Too many entries or bytes.
    #[error("the release is too large: {0}")]
    TooLarge(String),
}

impl Manifest {
    /// Checks and sorts the entries; folders that are only implied are added.
    ///
    /// # Errors
    /// The entries are not a release that can be staged safely.
    pub fn new(entries: Vec<Entry>) -> Result<Self, ManifestError> {
        if entries.len() > MOST_ENTRIES {
            return Err(ManifestError::TooLarge(format!("more than {MOST_ENTRIES} files")));
        }
        let mut all: BTreeMap<RelPath, EntryKind> = BTreeMap::new();
        for entry in entries {
            match all.get(&entry.path) {
                Some(EntryKind::Folder) if entry.kind == EntryKind::Folder => {}
                Some(_) => return Err(ManifestError::Twice(entry.path)),
                None => drop(all.insert(entry.path, entry.kind)),
            }
        }
        if !all.values().any(|kind| matches!(kind, EntryKind::File { .. })) {
            return Err(ManifestError::Empty);
        }
        let mut implied = Vec::new();
        for (path, kind) in &all {
            for parent in parents(path) {
                match all.get(&parent) {
                    Some(EntryKind::Folder) => {}
                    Some(_) => return Err(ManifestError::NotAFolder(parent)),
                    None => implied.push(parent),
                }
            }
            if let EntryKind::Link { target } = kind
                && !stays_inside(path, target)
            {
                return Err(ManifestError::LinkOut { path: path.clone(), target: target.clone() });
            }
        }
        if let Some((path, target)) = link_out(&all) {
            return Err(ManifestError::LinkOut { path, target });
        }
        all.extend(implied.into_iter().map(|path| (path, EntryKind::Folder)));
        let manifest = Self(all.into_iter().map(|(path, kind)| Entry { path, kind }).collect());
        if manifest.bytes() > MOST_BYTES {
            return Err(ManifestError::TooLarge(format!("more than {} GiB", MOST_BYTES >> 30)));
        }
        Ok(manifest)
    }

    /// All entries, folders before what lies in them.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The sum of all files, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().fold(0, |sum, entry| match entry.kind {
            EntryKind::File { size, .. } => sum.saturating_add(size),
            _ => sum,
        })
    }

    /// How many inodes it takes.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        self.0.len() as u64
    }

    /// A digest of the whole content: the same files give the same digest, wherever they came from.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_text().as_bytes())
    }

    /// One line an entry: `d - - PATH`, `f|x SIZE SHA256 PATH`, `l - TARGET-JSON PATH`; readable with `cat`.
    #[must_use]
    pub fn to_text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for Entry { path, kind } in &self.0 {
            let _infallible = match kind {
                EntryKind::Folder => writeln!(text, "d - - {path}"),
                EntryKind::File { executable, size, sha256 } => {
                    writeln!(text, "{} {size} {sha256} {path}", if *executable { 'x' } else { 'f' })
                }
                EntryKind::Link { target } => writeln!(text, "l - {} {path}", Digest::of(target.as_bytes())),
            };
        }
        text
    }
}

impl TryFrom<Vec<Entry>> for Manifest {
    type Error = ManifestError;
    fn try_from(entries: Vec<Entry>) -> Result<Self, Self::Error> {
        Self::new(entries)
    }
}

impl From<Manifest> for Vec<Entry> {
    fn from(manifest: Manifest) -> Self {
        manifest.0
    }
}

/// The folders above a path, nearest last.
fn parents(path: &RelPath) -> impl Iterator<Item = RelPath> + '_ {
    path.as_str().match_indices('/').filter_map(|(at, _)| RelPath::new(&path.as_str()[..at]).ok())
}

/// Whether a link's text, read from its own folder, ends inside the release.
fn stays_inside(path: &RelPath, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || target.len() > 4095 || target.chars().any(char::is_control) {
        return false;
    }
    let mut depth = path.as_str().matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return false,
            },
            _ => depth += 1,
        }
    }
    true
}

/// A link that leaves the release when it is followed as the kernel would: a `..` after another link can leave although
/// the text alone does not.
fn link_out(all: &BTreeMap<RelPath, EntryKind>) -> Option<(RelPath, String)> {
    let link = |(path, kind): (&RelPath, &EntryKind)| match kind {
        EntryKind::Link { target } => Some((path.as_str().to_owned(), target.clone())),
        _ => None,
    };
    let links: BTreeMap<String, String> = all.iter().filter_map(link).collect();
    let (path, target) = links.iter().find(|(path, _)| leaves(&links, path))?;
    Some((RelPath::new(path.as_str()).ok()?, target.clone()))
}

fn leaves(links: &BTreeMap<String, String>, link: &str) -> bool {
    let mut here: Vec<&str> = Vec::new();
    let mut ahead: VecDeque<&str> = link.split('/').collect();
    let mut hops = 0;
    while let Some(part) = ahead.pop_front() {
        match part {
            "" | "." => {}
            ".." => {
                if here.pop().is_none() {
                    return true;
                }
            }
            name => {
                here.push(name);
                if let Some(target) = links.get(&here.join("/")) {
                    hops += 1;
                    if hops > HOPS {
                        return false;
                    }
                    here.pop();
                    for part in target.split('/').rev() {
                        ahead.push_front(part);
                    }
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Entry {
        let kind = EntryKind::File { executable: false, size: 1, sha256: Digest::of(b"x") };
        Entry { path: RelPath::new(path).unwrap(), kind }
    }
    fn link(path: &str, target: &str) -> Entry {
        Entry { path: RelPath::new(path).unwrap(), kind: EntryKind::Link { target: target.into() } }
    }

    #[test]
    fn implied_folders_are_added_and_order_does_not_matter() {
        let one = Manifest::new(vec![file("a/b/c"), file("x")]).unwrap();
        let two = Manifest::new(vec![file("x"), file("a/b/c")]).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.digest(), two.digest());
        assert_eq!(one.to_text().lines().count(), 4);
    }

    #[test]
    fn hostile_entries_are_refused() {
        assert_eq!(Manifest::new(vec![]), Err(ManifestError::Empty));
        assert!(matches!(Manifest::new(vec![file("a"), file("a")]), Err(ManifestError::Twice(_))));
        assert!(matches!(Manifest::new(vec![file("a"), file("a/b")]), Err(ManifestError::NotAFolder(_))));
        assert!(matches!(Manifest::new(vec![link("a", "b"), file("a/b")]), Err(ManifestError::NotAFolder(_))));
        for (path, target) in [("a", "/etc/passwd"), ("a", ".."), ("a/b", "../../x"), ("a", "b/../../c"), ("a", "")] {
            let refused = Manifest::new(vec![file("f"), link(path, target)]);
            assert!(matches!(refused, Err(ManifestError::LinkOut { .. })), "{path} -> {target}");
        }
        assert!(Manifest::new(vec![file("f"), link("a/b", "../f")]).is_ok());
    }

    #[test]
    fn a_link_is_followed_as_the_kernel_does() {
        let made = |links: &[(&str, &str)]| {
            let links = links.iter().map(|(path, target)| link(path, target));
            Manifest::new(links.chain([file("f")]).collect())
        };
        let up = ("a/b/c/up", "../../..");
        assert!(made(&[up]).is_ok());
        assert!(matches!(made(&[up, ("m", "a/b/c/up/../x")]), Err(ManifestError::LinkOut { .. })));
        assert!(matches!(made(&[("d/up", ".."), ("m", "d/up/../x")]), Err(ManifestError::LinkOut { .. })));
        assert!(made(&[up, ("m", "a/b/c/up/x")]).is_ok());
        assert!(made(&[("x", "y"), ("y", "x")]).is_ok(), "a circle leads nowhere");
        assert!(made(&[("current", "releases/1"), ("releases/1", "../dist")]).is_ok());
    }
}
