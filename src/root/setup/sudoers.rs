//! The one sudoers line: the deploy user may have the root face act for this app.

use std::path::{Path, PathBuf};

use rollback_deploy_core::model::{AppName, Failure, Seconds};

use super::file::OwnedFile;
use super::item::Item;
use crate::ask::command::{Spec, take};
use crate::ask::unit::program;
use crate::root::PROGRAM;

/// A user name that means nothing else in a sudoers file or a unit file.
pub(super) fn checked_user(user: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    if user.len() <= 64 && user.starts_with(first) && user.chars().all(plain) {
        return Ok(());
    }
    Err(Failure::refused(format!("the user name {user:?} cannot be written into a sudoers file"))
        .hint("Deploy as a user whose name has letters, digits, ., _ and - only."))
}

pub(super) fn item(app: &AppName, user: &str) -> Item {
    let file = OwnedFile::new(path(app), text(app, user).into_bytes(), 0o440).checked(visudo);
    Item { hidden: true, ..Item::file(&format!("{user} may have the root face act for {app}, and nothing else"), file) }
}

/// sudo leaves files alone that have a dot in their name.
fn path(app: &AppName) -> PathBuf {
    Path::new("/etc/sudoers.d").join(format!("rollback-deploy-{}", app.as_str().replace('.', "%2E")))
}

/// No letter of an app's name means anything to sudoers, and none is called `--setup`.
fn text(app: &AppName, user: &str) -> String {
    format!(
        "# Written by rollback-deploy setup: the root face acts for {app} within its policy.\n\
         Defaults!{PROGRAM} !requiretty\n\
         {user} ALL=(root) NOPASSWD: {PROGRAM} root {app} *\n"
    )
}

fn visudo(file: &Path) -> Result<(), Failure> {
    let visudo = program(&["/usr/sbin/visudo", "/usr/bin/visudo", "/sbin/visudo"])
        .ok_or_else(|| Failure::refused("this host has no sudo").hint("Install the package sudo."))?;
    let spec = Spec::program([visudo.as_ref(), "-c".as_ref(), "-f".as_ref(), file.as_os_str()]).within(Seconds(15));
    let ended =
        take(&spec).map_err(|error| Failure::failed("visudo could not be started").because(error.to_string()))?;
    if ended.ok() { Ok(()) } else { Err(Failure::bug("visudo does not accept our sudoers line").because(ended.tail)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_are_refused() {
        for user in ["deploy", "_app", "a.b-c"] {
            assert!(checked_user(user).is_ok(), "{user}");
        }
        for user in ["", "ALL ALL=(ALL) ALL #", "%sudo", "#0", "-x", "a,b", "a\nb", "a\\b", "ä"] {
            assert!(checked_user(user).is_err(), "{user:?}");
        }
    }

    #[test]
    fn the_line_is_one_that_visudo_takes() {
        let app = AppName::new("di.ary+1_x-y").unwrap();
        assert_eq!(path(&app), Path::new("/etc/sudoers.d/rollback-deploy-di%2Eary+1_x-y"));
        if program(&["/usr/sbin/visudo"]).is_none() {
            return;
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text(&app, "deploy").as_bytes()).unwrap();
        visudo(file.path()).unwrap();
    }
}
