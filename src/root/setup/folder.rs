//! The app's own folder: made for the deploy user when it is missing.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use rollback_deploy_core::model::{AbsPath, Failure, Seconds};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::Order;
use super::item::{Item, Now};
use crate::ask::command::{Spec, take};
use crate::root::walk::{FOLDER, trusted};

pub(super) fn item(order: &Order) -> Item {
    let (root, user) = (order.settings.root.clone(), order.user.clone());
    let what = format!("{root}: the app's folder, of {user}");
    let (made_root, made_user) = (root.clone(), user.clone());
    Item {
        what,
        now: Box::new(move || now(&root, &user)),
        make: Box::new(move || make(&made_root, &made_user)),
        unmake: None,
        hidden: false,
    }
}

fn now(root: &AbsPath, user: &str) -> Result<Now, Failure> {
    let meta = match std::fs::symlink_metadata(root.as_path()) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Now::Missing),
        Err(error) => {
            return Err(Failure::failed("the root cannot be looked at").on_host(root).because(error.to_string()));
        }
    };
    if !meta.is_dir() {
        return Ok(Now::Wrong("it is not a real folder".into()));
    }
    if meta.mode() & 0o022 != 0 {
        return Ok(Now::Wrong("others can write there".into()));
    }
    if meta.uid() != numbers(user)?.0 {
        return Ok(Now::Wrong(format!("it belongs to user {}", meta.uid())));
    }
    Ok(Now::Right)
}

/// The user's number and main group, as this host's own programs know them.
fn numbers(user: &str) -> Result<(u32, u32), Failure> {
    let ask = |what: &str| {
        let ended = take(&Spec::program(["id", what, "--", user]).apart().within(Seconds(15))).ok()?;
        String::from_utf8(ended.whole).ok()?.trim().parse().ok()
    };
    ask("-u").zip(ask("-g")).ok_or_else(|| Failure::refused(format!("this host does not know the user {user}")))
}

/// Makes the folder, walking down only through folders that nobody else can change.
fn make(root: &AbsPath, user: &str) -> Result<(), Failure> {
    let failed = |error: Errno| Failure::failed("the folder cannot be made").on_host(root).because(error.to_string());
    let (uid, gid) = numbers(user)?;
    let mut folder = rustix::fs::open("/", FOLDER, Mode::empty()).map_err(failed)?;
    let mut parts = root.as_path().components().skip(1).peekable();
    while let Some(part) = parts.next() {
        let owned = trusted(&folder);
        let flags = if owned { FOLDER.difference(OFlags::NOFOLLOW) } else { FOLDER };
        let last = parts.peek().is_none();
        folder = match rustix::fs::openat(&folder, part.as_os_str(), if last { FOLDER } else { flags }, Mode::empty()) {
            Ok(inner) if last => return give_if_empty(&inner, root, uid, gid),
            Ok(inner) => inner,
            Err(Errno::NOENT) if owned => {
                rustix::fs::mkdirat(&folder, part.as_os_str(), Mode::from_raw_mode(0o755)).map_err(failed)?;
                let inner = rustix::fs::openat(&folder, part.as_os_str(), FOLDER, Mode::empty()).map_err(failed)?;
                rustix::fs::fchmod(&inner, Mode::from_raw_mode(0o755)).map_err(failed)?;
                if last {
                    give(&inner, uid, gid).map_err(failed)?;
                }
                inner
            }
            Err(Errno::NOENT) => {
                return Err(Failure::refused(
                    "the folder is missing, and others than root can write where it would be",
                )
                .on_host(root)
                .hint(format!("Make it as its user: mkdir -p {root} (as {user}).")));
            }
            Err(error) => return Err(failed(error)),
        };
    }
    Ok(())
}

fn give(folder: &OwnedFd, uid: u32, gid: u32) -> rustix::io::Result<()> {
    rustix::fs::fchown(folder, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
}

/// A folder that somebody made for the app and that holds nothing yet may change hands; any other is explained.
fn give_if_empty(folder: &OwnedFd, root: &AbsPath, uid: u32, gid: u32) -> Result<(), Failure> {
    let failed =
        |error: Errno| Failure::failed("the folder cannot be changed").on_host(root).because(error.to_string());
    let stat = rustix::fs::fstat(folder).map_err(failed)?;
    // Asked of the open folder: its name may lead elsewhere by now.
    let mut entries = rustix::fs::Dir::read_from(folder).map_err(failed)?;
    let empty = entries.all(|entry| entry.is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b"..")));
    if stat.st_uid == 0 && empty {
        give(folder, uid, gid).map_err(failed)?;
        return rustix::fs::fchmod(folder, Mode::from_raw_mode(0o755)).map_err(failed);
    }
    Err(Failure::refused("the folder is there, but it is not the deploy user's alone")
        .on_host(root)
        .hint(format!("Look at what it holds, then: chown {uid}:{gid} {root} && chmod go-w {root}")))
}
