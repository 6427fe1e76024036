//! Removes a release's folder with the files that another user left in it. No link is followed, no other file system
//! is entered, and what is live or wanted stays.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rollback_deploy_core::model::{Failure, Record, ReleaseId};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::policy::Policy;
use super::walk::{FOLDER, open_down};

/// Deeper trees are not a release.
const DEEPEST: u32 = 200;

/// The records that name a release which must stay.
const RECORDS: [&str; 3] = ["confirmed", "pending", "aborting"];

pub(super) fn prune(release: &ReleaseId, policy: &Policy) -> Result<String, Failure> {
    let refuse = |what: String| {
        Failure::refused(what).on_host(policy.root.as_path().join("releases").join(release.as_str()).display())
    };
    let root =
        open_down(policy.root.as_path()).map_err(|error| refuse(format!("the root cannot be opened: {error}")))?;
    let releases = rustix::fs::openat(&root, "releases", FOLDER, Mode::empty())
        .map_err(|error| refuse(format!("its folder cannot be opened: {error}")))?;
    if let Some(why) = wanted(release, policy, &root) {
        return Err(refuse(why));
    }
    let name = CString::new(release.as_str()).map_err(|_| refuse("its name is not valid".into()))?;
    match rustix::fs::statat(&releases, &name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
            let device = stat.st_dev;
            remove(releases.as_fd(), &name, device, 0)
                .map_err(|error| refuse(format!("it could not be removed: {error}")))?;
            Ok(format!("removed {release}\n"))
        }
        Ok(_) => Err(refuse("it is not a folder".into())),
        Err(Errno::NOENT) => Ok(format!("{release} was gone\n")),
        Err(error) => Err(refuse(format!("it cannot be looked at: {error}"))),
    }
}

/// Why a release must stay: live, confirmed, or part of an open change. These are the user's own words, so this keeps
/// him from a mistake; what keeps the host safe is that nothing outside the folder is touched.
fn wanted(release: &ReleaseId, policy: &Policy, root: &OwnedFd) -> Option<String> {
    let live = std::fs::read_link(policy.link.as_path()).ok();
    if live.as_deref().and_then(Path::file_name) == Some(OsStr::new(release.as_str())) {
        return Some("it is live".into());
    }
    for name in RECORDS {
        let path = format!(".rollback-deploy/{name}");
        let file = rustix::fs::openat(
            root,
            path,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        );
        let file = match file {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => continue,
            Err(error) => return Some(format!("the record {name} cannot be read: {error}")),
        };
        let mut text = String::new();
        let read = file.take(rollback_deploy_core::model::record::LARGEST as u64).read_to_string(&mut text);
        let record = read
            .map_err(|error| error.to_string())
            .and_then(|_| Record::from_text(&text).map_err(|error| error.to_string()));
        match record {
            Err(why) => return Some(format!("the record {name} cannot be read: {why}")),
            Ok(record) => {
                if ["release", "previous"].iter().any(|key| record.get(key) == Some(release.as_str())) {
                    return Some(format!("the record {name} names it"));
                }
            }
        }
    }
    None
}

fn remove(folder: BorrowedFd<'_>, name: &CString, device: u64, depth: u32) -> rustix::io::Result<()> {
    let inner = match rustix::fs::openat(folder, name, FOLDER, Mode::empty()) {
        Ok(inner) => inner,
        // Not a folder, or a link to one: only the name goes.
        Err(Errno::NOTDIR | Errno::LOOP) => return unless_gone(rustix::fs::unlinkat(folder, name, AtFlags::empty())),
        Err(error) => return unless_gone(Err(error)),
    };
    if rustix::fs::fstat(&inner)?.st_dev != device {
        return Err(Errno::XDEV);
    }
    if depth == DEEPEST {
        return Err(Errno::NAMETOOLONG);
    }
    for entry in Dir::read_from(&inner)? {
        let entry = entry?;
        let inside = entry.file_name();
        if matches!(inside.to_bytes(), b"." | b"..") {
            continue;
        }
        remove(inner.as_fd(), &CString::from(inside), device, depth + 1)?;
    }
    unless_gone(rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR))
}

fn unless_gone(result: rustix::io::Result<()>) -> rustix::io::Result<()> {
    if result == Err(Errno::NOENT) { Ok(()) } else { result }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests write the files that they look at")]
    use std::fs;
    use std::os::unix::fs::symlink;

    use rollback_deploy_core::model::{AbsPath, AppName};

    use super::*;

    #[test]
    fn one_folder_goes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let root = base.join("root");
        for name in ["v1/deep/er", "v2", "v3", "v4"] {
            fs::create_dir_all(root.join("releases").join(name)).unwrap();
        }
        fs::create_dir_all(base.join("outside")).unwrap();
        fs::write(base.join("outside/keep"), "x").unwrap();
        symlink(base.join("outside"), root.join("releases/v1/deep/link")).unwrap();
        symlink(base.join("outside"), root.join("releases/v5")).unwrap();
        symlink("releases/v2", root.join("current")).unwrap();
        fs::create_dir(root.join(".rollback-deploy")).unwrap();
        fs::write(
            root.join(".rollback-deploy/confirmed"),
            Record::new().with("release", "v3").with("previous", "v4").to_text(),
        )
        .unwrap();
        let policy = Policy {
            app: AppName::new("diary").unwrap(),
            root: AbsPath::new(root.to_str().unwrap()).unwrap(),
            link: AbsPath::new(root.join("current").to_str().unwrap()).unwrap(),
            user: "deploy".into(),
            units: [].into(),
            logs: [].into(),
            program: None,
        };
        let prune = |name: &str| prune(&ReleaseId::new(name).unwrap(), &policy);
        assert_eq!(prune("v1").unwrap(), "removed v1\n");
        assert_eq!(prune("v1").unwrap(), "v1 was gone\n");
        for (name, why) in [("v2", "it is live"), ("v3", "names it"), ("v4", "names it"), ("v5", "not a folder")] {
            let failure = prune(name).unwrap_err();
            assert!(failure.what.contains(why), "{name}: {failure:?}");
            assert!(root.join("releases").join(name).exists());
        }
        assert!(base.join("outside/keep").exists());

        fs::rename(root.join("releases"), root.join("elsewhere")).unwrap();
        symlink(base.clone(), root.join("releases")).unwrap();
        assert!(prune("outside").is_err(), "a link in place of the folder is not followed");
        assert!(base.join("outside/keep").exists());
    }
}
