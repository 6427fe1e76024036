//! What a person does beside deploys: deciding what checks could not, and following logs.

use super::first::has;
use super::operator::{File, Operator};
use crate::world::host::{App, Host, Options};

#[test]
#[ignore = "world: hosts"]
fn an_undecided_release_is_held_and_a_person_decides() {
    let app = App::default();
    let host = Host::start(&Options::default());
    // A log that cannot be read is neither yes nor no.
    let file = File::of(&app).with("hold: 1h").check("errors: { file: /var/log/private/app.log }");
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    ada.ends(0, &["deploy", "v1.0.0"]);
    host.exec("install -d -m 700 /var/log/private && touch /var/log/private/app.log");
    ada.rewrite(&[("web-1", &host)], &file);

    let said = ada.ends(8, &["deploy", "v1.1.0"]);
    has(&said, &["errors", "cannot be read", "rollback-deploy confirm", "rollback-deploy abort"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"), "it runs while somebody decides");
    has(&ada.ends(0, &["status"]), &["v1.1.0", "rollback-deploy confirm"]);
    has(&ada.ends(0, &["abort"]), &["v1.1.0", "v1.0.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
    has(&ada.ends(0, &["status"]), &["live: v1.0.0"]);

    // It did not fail by itself, so it may come again.
    ada.ends(8, &["deploy", "v1.1.0"]);
    has(&ada.ends(0, &["confirm"]), &["confirmed: v1.1.0"]);
    has(&ada.ends(0, &["status"]), &["live: v1.1.0"]);
    // Nothing is open any more.
    ada.ends(3, &["confirm"]);
}

#[test]
#[ignore = "world: hosts"]
fn logs_are_followed_until_somebody_has_seen_enough() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    ada.ends(0, &["deploy", "v1.0.0"]);
    let mut run = ada.start(&["logs", "--follow", "--lines", "1"]);
    run.says("webapp.service: ");
    // What comes later comes too.
    host.exec("systemctl restart webapp");
    run.says("listens on");
    run.signal("INT");
    let said = run.end();
    assert!(matches!(said.code, Some(0 | 130)), "{:?} {}{}", said.code, said.out, said.err);
    assert!(!ada.ends(0, &["status"]).contains("open"), "looking opens nothing");
}
