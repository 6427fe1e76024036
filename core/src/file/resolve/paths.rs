//! Paths against one another: the link, the root, shared paths, assets.

use crate::model::{AbsPath, RelPath, SharedPath};

use super::super::mistake::quoted;
use super::super::written::placed::Placed;
use super::super::written::release::Shared;
use super::Resolver;

/// Folders and files of ours in the root.
const OURS: [&str; 6] = ["releases", "shared", ".rollback-deploy", "current_version", "previous_version", "deploy.log"];

/// Why the link cannot be there, and where it could be.
pub(super) fn wrong_link(link: &AbsPath, root: &AbsPath) -> Option<(String, String)> {
    if link == root {
        let what = "`link` is the same as `root`: the link to the live release cannot be the folder of all releases";
        return Some((what.to_owned(), format!("Keep the link and move the root: `root: {root}.d`.")));
    }
    if root.as_path().starts_with(link.as_path()) {
        let what = format!("the root {} lies below the link {}", quoted(root.as_str()), quoted(link.as_str()));
        return Some((what, "A link cannot hold a folder: choose another place for one of the two.".to_owned()));
    }
    let below = link.as_path().strip_prefix(root.as_path()).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    OURS.contains(&first).then(|| {
        let what = format!("the link {} lies where rollback-deploy keeps its own files", quoted(link.as_str()));
        (what, format!("Leave `link` out for {root}/current, or put it outside of the root."))
    })
}

impl Resolver<'_> {
    pub(super) fn shared(&mut self, written: &[Placed<Shared>]) -> Vec<Placed<SharedPath>> {
        let mut taken: Vec<Placed<SharedPath>> = Vec::new();
        for item in written {
            let text = &item.value.path;
            let path = match RelPath::new(text) {
                Ok(path) => path,
                Err(error) => {
                    self.wrong(item.node, format!("`shared`: {error}"));
                    continue;
                }
            };
            let folder = text.ends_with('/');
            if item.value.seed.is_some() && !folder {
                let what = format!("`seed` is for folders, and {} is a file", quoted(text));
                self.wrong_hint(item.node, what, format!("If it is a folder, write `{text}/`."));
            }
            if let Some(other) = taken.iter().find(|other| overlap(&path, other.value.path())) {
                let what = format!(
                    "the shared paths {} and {} are inside one another",
                    quoted(text),
                    quoted(other.value.path().as_str())
                );
                self.wrong_hint(item.node, what, "Share the outer one only.");
            }
            let value = if folder {
                SharedPath::Folder { path, seed: item.value.seed.is_some() }
            } else {
                SharedPath::File(path)
            };
            taken.push(Placed { node: item.node, value });
        }
        taken
    }

    pub(super) fn assets(&mut self, written: &[Placed<RelPath>], shared: &[Placed<SharedPath>]) -> Vec<RelPath> {
        let mut taken: Vec<RelPath> = Vec::new();
        for item in written {
            let path = &item.value;
            if let Some(shared) = shared.iter().find(|shared| overlap(path, shared.value.path())) {
                let what = format!(
                    "{} is an asset and overlaps the shared {}",
                    quoted(path.as_str()),
                    quoted(shared.value.path().as_str())
                );
                self.wrong_hint(item.node, what, "What is shared is the same for all releases: list it once.");
            }
            if let Some(other) = taken.iter().find(|other| overlap(path, other)) {
                let what = format!(
                    "the assets {} and {} are inside one another",
                    quoted(path.as_str()),
                    quoted(other.as_str())
                );
                self.wrong_hint(item.node, what, "List the outer one only.");
            }
            taken.push(path.clone());
        }
        taken
    }
}

fn overlap(a: &RelPath, b: &RelPath) -> bool {
    a.is_within(b) || b.is_within(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_link_may_be() {
        let root = AbsPath::new("/srv/app").unwrap();
        for (link, fine) in [
            ("/srv/app/current", true),
            ("/srv/live", true),
            ("/srv/app.live", true),
            ("/srv/app", false),
            ("/srv", false),
            ("/srv/app/shared/x", false),
            ("/srv/app/releases", false),
        ] {
            assert_eq!(wrong_link(&AbsPath::new(link).unwrap(), &root).is_none(), fine, "{link}");
        }
    }
}
