//! What a person types that cannot be meant: exit code 2, and what to type instead.

use super::desk::{Desk, FINE};

#[test]
fn previous_is_what_a_rollback_goes_to() {
    let desk = Desk::new(&["v1.0.0"], &[FINE]);
    for verb in ["deploy", "plan"] {
        let said = desk.ends(2, &[verb, "previous"]);
        assert!(said.contains("rollback-deploy rollback"), "{said}");
    }
    assert_eq!(desk.live(), None);
}

#[test]
fn each_host_that_is_not_there_is_named_with_the_nearest() {
    let desk = Desk::new(&["v1.0.0"], &[FINE]);
    let hosts = "hosts: { web-1: ada@192.0.2.1, db-1: ada@192.0.2.2 }";
    desk.file(&[FINE], &[hosts, "known-hosts: [\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]"]);
    let said = desk.ends(2, &["--host", "web-1", "--host", "wbe-1", "--host", "bd-1", "deploy", "v1.0.0"]);
    assert!(said.contains("production has no host wbe-1; the nearest is web-1"), "{said}");
    assert!(said.contains("production has no host bd-1; the nearest is db-1"), "{said}");
    assert!(said.contains("Its hosts: web-1, db-1."), "{said}");
    // On this machine there are no hosts to choose from.
    let said = desk.ends_by_root(2, &["--host", "web-1", "status"]);
    assert!(said.contains("web-1 is no host here"), "{said}");
}
