//! One host of several does not answer: a rollback brings the others back without waiting for it.

use super::first::has;
use super::operator::{File, Operator};
use crate::world::host::{App, Host, Options};

#[test]
#[ignore = "world: hosts"]
fn a_rollback_does_not_wait_for_a_host_that_is_silent() {
    let app = App::default();
    let (one, two) = (Host::start(&Options::default()), Host::start(&Options::default()));
    let ada = Operator::new(&[("web-1", &one), ("web-2", &two)], &File::of(&app));
    ada.ends(0, &["deploy", "v1.0.0"]);
    ada.ends(0, &["deploy", "v1.1.0"]);
    two.cut_network();
    let said = ada.ends(7, &["rollback"]);
    assert_eq!(one.app_version(&app).as_deref(), Some("v1.0.0"));
    assert_eq!(two.app_version(&app).as_deref(), Some("v1.1.0"));
    has(&said, &["web-1 | ✓ confirmed: v1.0.0", "web-2 | ✗ failed: web-2", "does not answer"]);
    let (back, named) = (said.find("✓ confirmed: v1.0.0").unwrap(), said.find("web-2 |").unwrap());
    assert!(back < named, "web-1 was back before web-2 was given up:\n{said}");

    // Once it answers again, the same command brings it to where the other one is.
    two.mend();
    has(&ada.ends(0, &["rollback", "v1.0.0"]), &["web-2 | ✓ confirmed: v1.0.0"]);
    assert_eq!(two.app_version(&app).as_deref(), Some("v1.0.0"));
}
