//! In a folder of the repository: the deploy file above is found, and what it names is meant from there.

use std::fs;

use super::desk::{Desk, FINE};

#[test]
fn a_deploy_from_a_subfolder_is_the_same_deploy() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0"], &[FINE]);
    let below = desk.repository().join("sub/deeper");
    fs::create_dir_all(&below).unwrap();
    let said = desk.run_in(&below, &["deploy", "v1.0.0"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(desk.live().as_deref(), Some("v1.0.0"));
    let said = desk.run_in(&below, &["plan", "v1.1.0"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    // A folder that the deploy file names lies beside it, too.
    desk.file(&[FINE], &["source: { folder: built }"]);
    fs::create_dir(desk.repository().join("built")).unwrap();
    fs::write(desk.repository().join("built/VERSION"), "built").unwrap();
    let said = desk.run_in(&below, &["deploy", "v1.1.0"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(fs::read_to_string(desk.root().join("current/VERSION")).unwrap(), "built");
}

#[test]
fn a_repository_that_a_person_names_is_meant_from_where_they_stand() {
    let desk = Desk::new(&["v1.0.0"], &[FINE]);
    let other = Desk::new(&["v2.0.0"], &[FINE]);
    let below = desk.repository().join("sub");
    fs::create_dir(&below).unwrap();
    std::os::unix::fs::symlink(other.repository(), below.join("other")).unwrap();
    let said = desk.run_in(&below, &["deploy", "v2.0.0", "other"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(desk.live().as_deref(), Some("v2.0.0"));
}
