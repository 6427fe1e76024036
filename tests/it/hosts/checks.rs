//! Every kind of check on a real host: each says yes to a host that is well, no to one that is not, and what it saw.

use super::first::has;
use super::operator::{File, Operator};
use crate::world::host::{App, Host, Options};
use crate::world::sample::Behaviour;

/// A database that answers, asked by a command: there is no kind of its own for it.
const DATABASE: &str = "python3 -c 'import sqlite3; sqlite3.connect(\"file:/srv/diary/shared/notes.db?mode=ro\", uri=True).execute(\"select count(*) from notes\")'";

#[test]
#[ignore = "world: hosts"]
fn every_check_says_yes_and_no_and_what_it_saw() {
    let app = App::default();
    let host = Host::start(&Options::default());
    host.exec("install -d -o deploy /srv/diary/shared && echo GREETING=one >/srv/diary/shared/.env && chown deploy /srv/diary/shared/.env");
    host.exec("python3 -c 'import sqlite3; sqlite3.connect(\"/srv/diary/shared/notes.db\").execute(\"create table notes (text)\")'");
    let well = File::of(&app)
        .with("shared: [.env]")
        .check("service: { unit: webapp, within: 2s }")
        .check("service: { unit: nginx, within: 2s }")
        .check("process: { name: app.py, within: 2s }")
        .check("port: { number: 5000, within: 2s }")
        .check("http: { url: \"http://127.0.0.1:80/\", text: diary, within: 2s }")
        .check("disk: { free: 1MB }")
        .check("inodes: { free: 1% }")
        .check("memory: { free: 1MB }")
        .check("errors: { unit: webapp }")
        .check("environment: [GREETING]")
        .check("nginx")
        .check(&format!("command:\n          run: |\n            {DATABASE}"));
    let ada = Operator::new(&[("web-1", &host)], &well);
    has(&ada.ends(0, &["deploy", "v1.0.0"]), &["confirmed: v1.0.0"]);
    has(&ada.ends(0, &["health"]), &["14 of 14 checks passed"]);

    // Each of them finds what is wrong, and only that.
    let broken = |how: &str, saw: &[&str], mended: &str| {
        host.exec(how);
        let said = ada.ends(9, &["health"]);
        has(&said, saw);
        assert_eq!(said.matches("✗ fail").count(), saw.len(), "{how}: {said}");
        host.exec(mended);
        has(&ada.ends(0, &["health"]), &["14 of 14 checks passed"]);
    };
    broken("systemctl stop nginx", &["fail service nginx", "fail http http://127.0.0.1:80/"], "systemctl start nginx");
    broken(
        "mv /srv/diary/shared/notes.db /srv/notes.db",
        &["unable to open database file"],
        "mv /srv/notes.db /srv/diary/shared/notes.db",
    );
    broken(
        "systemctl stop webapp",
        &[
            "fail http http://127.0.0.1:5000/health",
            "fail http http://127.0.0.1:5000/version",
            "fail service webapp",
            "fail process app.py",
            "fail port 127.0.0.1:5000",
            "fail http http://127.0.0.1:80/",
        ],
        "systemctl start webapp; until curl -fs http://127.0.0.1:5000/health; do sleep 0.1; done",
    );
    broken(
        "sed -i s/GREETING=one/GREETING=/ /srv/diary/shared/.env",
        &["without a value: GREETING"],
        "sed -i s/GREETING=/GREETING=one/ /srv/diary/shared/.env",
    );

    // A release that says ERROR when it starts, and is well otherwise: it goes back.
    host.exec("mkdir /etc/systemd/system/webapp.service.d && printf '[Service]\\nExecStartPost=/bin/sh -c \"! grep -q v1.1.0 VERSION || echo ERROR: the queue is full\"\\n' >/etc/systemd/system/webapp.service.d/noise.conf && systemctl daemon-reload");
    let said = ada.ends(4, &["deploy", "v1.1.0"]);
    has(&said, &["fail errors", "ERROR: the queue is full", "v1.1.0 was undone, v1.0.0 runs and is healthy"]);

    // What no host can meet.
    ada.sample.tag("v1.3.0", Behaviour::Good);
    let mut file = File::of(&app);
    for impossible in [
        "disk: { free: 9000TB }",
        "inodes: { free: 1000000000000 }",
        "memory: { free: 9000TB }",
        "process: { name: app.py, at-least: 9, within: 1s }",
        "http: { url: \"http://127.0.0.1:5000/nothing\", within: 1s }",
        "http: { url: \"http://127.0.0.1:5000/\", text: another app, within: 1s }",
        "port: { number: 5999, within: 1s }",
    ] {
        file = file.check(impossible);
    }
    ada.rewrite(&[("web-1", &host)], &file);
    let said = ada.ends(4, &["deploy", "v1.3.0"]);
    has(
        &said,
        &["fail disk", "fail inodes", "fail memory", "fail process app.py", "status 404", "fail port 127.0.0.1:5999"],
    );
    has(&said, &["v1.3.0 was undone, v1.0.0 runs and is healthy"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
}
