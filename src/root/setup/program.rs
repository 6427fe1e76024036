//! The root-owned copy of this program.
#![expect(clippy::disallowed_methods, reason = "set-up takes away what set-up placed")]

use std::path::Path;

use rollback_deploy_core::model::AppName;

use super::file::OwnedFile;
use super::item::Item;
use crate::root::{POLICIES, PROGRAM};

pub(super) fn item(bytes: Vec<u8>, app: AppName) -> Item {
    let file = OwnedFile::new(PROGRAM.into(), bytes, 0o755);
    let mut item = Item::file("the program that acts as root", file.clone());
    // The last app to go takes the program along; its policy goes before it.
    let look = std::mem::replace(&mut item.now, Box::new(move || file.now()));
    item.unmake = item.unmake.map(|remove| -> super::item::Do {
        Box::new(move || {
            if others(&app) {
                return Ok(());
            }
            remove()?;
            if let Some(folder) = Path::new(PROGRAM).parent() {
                let _not_empty = std::fs::remove_dir(folder);
            }
            let _not_empty = std::fs::remove_dir(POLICIES);
            Ok(())
        })
    });
    drop(look);
    item
}

/// Whether another app is set up on this host.
fn others(app: &AppName) -> bool {
    let own = format!("{app}.policy");
    let Ok(policies) = std::fs::read_dir(POLICIES) else { return false };
    policies.filter_map(Result::ok).any(|policy| policy.file_name() != own.as_str())
}
