//! Checks that are asked from where the controller runs.

use super::desk::{Desk, FINE, closed_port};

/// A check from here that wants the version which the live release says of itself.
fn version_check(desk: &Desk) -> String {
    let url = format!("http://127.0.0.1:{}/", desk.serve());
    format!("http: {{ url: \"{url}\", from: runner, json: {{ version: \"{{version}}\" }}, within: 0s }}")
}

#[test]
fn a_rollback_asks_them_of_the_version_it_goes_to() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0", "v1.2.0"], &[]);
    let check = version_check(&desk);
    desk.file(&[FINE, &check], &[]);
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        desk.ends(0, &["deploy", version]);
    }
    // Neither version is named as the tag is.
    let unnamed = desk.ends(0, &["rollback"]);
    assert_eq!(desk.live().as_deref(), Some("v1.1.0"));
    let bare = desk.ends(0, &["rollback", "1.0.0"]);
    assert_eq!(desk.live().as_deref(), Some("v1.0.0"));
    for said in [unnamed, bare] {
        assert!(!said.contains("does not pass"), "{said}");
        assert!(said.contains("http http://127.0.0.1"), "it was asked: {said}");
    }
}

#[test]
fn those_of_todays_file_never_take_a_rollback_back() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0"], &[FINE]);
    desk.ends(0, &["deploy", "v1.0.0"]);
    let check = version_check(&desk).replace("{version}", "v1.1.0");
    desk.file(&[FINE, &check], &[]);
    desk.ends(0, &["deploy", "v1.1.0"]);
    let said = desk.ends(0, &["rollback"]);
    assert_eq!(desk.live().as_deref(), Some("v1.0.0"));
    assert!(said.contains("it is a check of today's deploy file"), "{said}");
    assert!(said.contains("version is \"v1.0.0\", wanted \"v1.1.0\""), "{said}");
}

#[test]
fn a_port_that_is_closed_from_here_is_not_the_releases_fault() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0"], &[FINE]);
    desk.ends(0, &["deploy", "v1.0.0"]);
    let url = format!("http://127.0.0.1:{}/", closed_port());
    desk.file(&[FINE, &format!("http: {{ url: \"{url}\", from: runner, within: 0s }}")], &[]);
    let said = desk.ends(4, &["deploy", "v1.1.0"]);
    assert!(said.contains("Connection refused") || said.contains("refused"), "{said}");
    assert_eq!(desk.live().as_deref(), Some("v1.0.0"));
    let state = desk.state("v1.1.0");
    assert!(state.contains("state=interrupted"), "{state}");
    // It is free to come again.
    desk.file(&[FINE], &[]);
    desk.ends(0, &["deploy", "v1.1.0"]);
}
