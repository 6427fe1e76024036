//! The usual days: first deploy, next, no-op, back to a name, back to the previous; and every question in between.

use super::operator::{File, Operator};
use crate::world::host::{App, Host, Options};

/// The main process of the app's unit.
fn main_pid(host: &Host) -> String {
    host.exec("systemctl show -P MainPID webapp")
}

#[test]
#[ignore = "world: hosts"]
fn from_an_empty_host_to_deploys_and_rollbacks() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    let said = ada.run(&["deploy", "v1.0.0"]);
    eprintln!("{}{}", said.out, said.err);
    assert_eq!(said.code, Some(0));
    eprintln!("{}", main_pid(&host));
    for verb in [
        &["status"][..],
        &["list"],
        &["history"],
        &["health"],
        &["logs"],
        &["plan", "v1.1.0"],
        &["deploy", "v1.0.0"],
        &["deploy", "v1.1.0"],
        &["status"],
        &["rollback"],
        &["rollback", "v1.1.0"],
        &["rollback", "1.0.0"],
        &["deploy", "v1.2.0-sick"],
        &["deploy", "v9"],
        &["status"],
        &["list"],
    ] {
        let start = std::time::Instant::now();
        let said = ada.run(verb);
        eprintln!("--- {verb:?} {:?} {:?}\n{}{}", said.code, start.elapsed(), said.out, said.err);
    }
}
