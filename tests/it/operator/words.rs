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
