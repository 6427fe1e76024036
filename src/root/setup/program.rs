//! The root-owned copy of this program.
#![expect(clippy::disallowed_methods, reason = "set-up takes away what set-up placed")]

use std::path::Path;

use rollback_deploy_core::model::AppName;

use super::file::OwnedFile;
use super::item::{Do, Item, Now};
use crate::root::{POLICIES, PROGRAM};

pub(super) fn item(bytes: Vec<u8>, any_version_will_do: bool) -> Item {
    let mut item = Item::file("the program that acts as root", OwnedFile::new(PROGRAM.into(), bytes, 0o755));
    if any_version_will_do {
        let exactly = item.now;
        item.now = Box::new(move || match exactly()? {
            Now::Wrong(_) if OwnedFile::is_roots_program(Path::new(PROGRAM)) => Ok(Now::Right),
            now => Ok(now),
        });
    }
    // The policy went before it: both folders are left when nothing else is in them.
    item.unmake = item.unmake.map(|remove| -> Do {
        Box::new(move || {
            remove()?;
            for folder in Path::new(PROGRAM).parent().into_iter().chain([Path::new(POLICIES)]) {
                let _not_empty = std::fs::remove_dir(folder);
            }
            Ok(())
        })
    });
    item
}

/// Whether another app is set up on this host.
pub(super) fn others(app: &AppName) -> bool {
    let own = format!("{app}.policy");
    let Ok(policies) = std::fs::read_dir(POLICIES) else { return false };
    policies.filter_map(Result::ok).any(|policy| policy.file_name() != own.as_str())
}
