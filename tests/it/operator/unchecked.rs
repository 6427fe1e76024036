//! Nothing can be asked of a release: it is refused, or kept by a recorded decision that proves nothing.

use super::desk::{Desk, FINE, closed_port};

const NOTHING: &[&str] = &["allow: [weak-watchdog, unchecked]"];

#[test]
fn it_is_kept_but_not_proven() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0", "v1.2.0"], &[]);
    desk.ends(3, &["deploy", "v1.0.0"]);
    desk.file(&[], NOTHING);
    for version in ["v1.0.0", "v1.1.0"] {
        let said = desk.ends(0, &["deploy", version]);
        assert!(said.contains(&format!("{version} was confirmed unchecked")), "{said}");
        assert_eq!(desk.live().as_deref(), Some(version));
    }
    let log = std::fs::read_to_string(desk.root().join("deploy.log")).unwrap();
    assert_eq!(log.matches("(unchecked: nothing was asked)").count(), 2, "{log}");
    let list = desk.ends(0, &["list"]);
    assert!(list.contains("Z live, not proven") && list.contains("Z staged") && !list.contains("Z proven"), "{list}");
    // It proves nothing, so nothing goes back to it by itself.
    let said = desk.ends(3, &["rollback"]);
    assert!(said.contains("there is nothing to go back to"), "{said}");
    let said = desk.ends(3, &["rollback", "v1.0.0"]);
    assert!(said.contains("unproven"), "{said}");
    assert_eq!(desk.live().as_deref(), Some("v1.1.0"));
    desk.ends(0, &["rollback", "v1.0.0", "--allow", "unproven"]);
    assert_eq!(desk.live().as_deref(), Some("v1.0.0"));
    // A deploy that is undone comes back to it all the same.
    desk.file(&["command: \"false\""], &[]);
    desk.ends(4, &["deploy", "v1.2.0"]);
    assert_eq!(desk.live().as_deref(), Some("v1.0.0"));
}

#[test]
fn an_answer_from_outside_is_an_answer() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0", "v1.2.0"], &[]);
    let check = |port| format!("http: {{ url: \"http://127.0.0.1:{port}/\", from: runner, within: 0s }}");
    desk.file(&[&check(desk.serve())], NOTHING);
    for version in ["v1.0.0", "v1.1.0"] {
        let said = desk.ends(0, &["deploy", version]);
        assert!(!said.contains("confirmed unchecked"), "{said}");
    }
    desk.ends(0, &["rollback"]);
    assert_eq!(desk.live().as_deref(), Some("v1.0.0"), "what outside answers proves a release");
    desk.file(&[&check(closed_port())], NOTHING);
    desk.ends(4, &["deploy", "v1.2.0"]);
    assert_eq!(desk.live().as_deref(), Some("v1.0.0"));
    // With something to ask, the word changes nothing.
    desk.file(&[FINE], NOTHING);
    let said = desk.ends(0, &["deploy", "v1.2.0"]);
    assert!(!said.contains("confirmed unchecked"), "{said}");
}
