//! Traffic through deploys and rollbacks: no request fails.

use super::operator::{File, Operator};
use crate::world::host::{App, Host, Options};
use crate::world::load::Load;

#[test]
#[ignore = "world: hosts"]
fn two_hundred_requests_a_second_through_ten_deploys_and_rollbacks_none_fails() {
    let app = App { socket: true, ..App::default() };
    let host = Host::start(&Options { apps: vec![app.clone()], ..Options::default() });
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    ada.ends(0, &["deploy", "v1.0.0"]);
    let load = Load::start(host.site_port(&app), "/version", 200);
    for _ in 0..5 {
        ada.ends(0, &["deploy", "v1.1.0"]);
        ada.ends(0, &["rollback"]);
    }
    let report = load.stop();
    assert_eq!(report.failed, 0, "{report:?}");
    assert!(report.asked > 2000, "{report:?}");
    assert_eq!(report.answers.keys().map(String::as_str).collect::<Vec<_>>(), ["v1.0.0", "v1.1.0"]);
}
