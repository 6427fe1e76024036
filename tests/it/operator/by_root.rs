//! With nothing but the root, everything goes by what the live release recorded.

use super::desk::{Desk, FINE};

const SEVEN: [&str; 7] = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0", "v1.5.0", "v1.6.0"];

#[test]
fn what_is_kept_is_what_the_deploy_file_said() {
    let desk = Desk::new(&SEVEN, &[FINE]);
    desk.file(&[FINE], &["keep: 7"]);
    for version in SEVEN {
        desk.ends(0, &["deploy", version]);
    }
    assert_eq!(desk.releases(), SEVEN);
    desk.ends_by_root(0, &["prune"]);
    assert_eq!(desk.releases(), SEVEN, "after prune");
    desk.ends_by_root(0, &["rollback"]);
    assert_eq!(desk.live().as_deref(), Some("v1.5.0"));
    assert_eq!(desk.releases(), SEVEN, "after rollback");
    // Not that nothing would ever go.
    desk.file(&[FINE], &["keep: 2"]);
    desk.ends(0, &["prune"]);
    assert!(desk.releases().len() < SEVEN.len(), "{:?}", desk.releases());
}

#[test]
fn when_that_cannot_be_read_nothing_is_taken_away() {
    let desk = Desk::new(&SEVEN, &[FINE]);
    desk.file(&[FINE], &["keep: 7"]);
    for version in SEVEN {
        desk.ends(0, &["deploy", version]);
    }
    std::fs::write(desk.root().join(".rollback-deploy/releases/v1.6.0"), "torn").unwrap();
    let said = desk.ends_by_root(0, &["prune"]);
    assert!(said.contains("so all releases stay"), "{said}");
    assert_eq!(desk.releases(), SEVEN);
}
