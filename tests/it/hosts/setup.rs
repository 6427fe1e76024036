//! Setting a host up: shown, done, asked, taken away; by a user with sudo, by root, and without any of it.

use std::time::Duration;

use super::first::has;
use super::operator::{File, Operator, program};
use crate::world::command::await_some;
use crate::world::host::{App, Host, Options, Sudo, USER};
use crate::world::sample::Behaviour;

/// What set-up leaves outside the app's folder.
fn left(host: &Host) -> String {
    host.exec("ls -d /etc/systemd/system/rollback-deploy-* /etc/sudoers.d/rollback-deploy-* /etc/rollback-deploy/* /usr/local/lib/rollback-deploy/* 2>/dev/null || true")
}

#[test]
#[ignore = "world: hosts"]
fn setup_is_shown_done_asked_and_taken_away_as_often_as_one_likes() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app).with("setup: manual"));
    has(&ada.ends(0, &["setup", "--plan"]), &["to do: ", "/etc/sudoers.d/rollback-deploy-diary", "the watchdog"]);
    assert_eq!(left(&host), "", "a plan changes nothing");
    has(&ada.ends(9, &["setup", "--check"]), &["to do: "]);
    // Not set up, and not allowed to do so by itself.
    let said = ada.run(&["deploy", "v1.0.0"]);
    assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
    has(&said.out, &["the host is not set up", "`rollback-deploy setup`"]);
    assert_eq!(left(&host), "");
    for done in ["done now: ", "was done: "] {
        let said = ada.ends(0, &["setup"]);
        has(&said, &[done, "set up"]);
        assert!(!said.contains("to do: "), "{said}");
    }
    assert!(!ada.ends(0, &["setup"]).contains("done now: "), "a third time changes nothing either");
    has(&ada.ends(0, &["setup", "--check"]), &["was done: "]);
    host.exec("visudo -c -q && systemd-analyze verify /etc/systemd/system/rollback-deploy-*");
    ada.ends(0, &["deploy", "v1.0.0"]);
    for _ in 0..2 {
        ada.ends(0, &["setup", "--remove"]);
        assert_eq!(left(&host), "", "everything of ours is gone");
    }
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"), "what runs goes on");

    // By root on the host, for the user who called sudo.
    host.copy_in(program(), "/usr/local/bin/rollback-deploy");
    host.copy_in(&ada.file(), &format!("/home/{USER}/deploy.yml"));
    let said = host.ssh("sudo rollback-deploy -f deploy.yml --root /srv/diary setup");
    assert!(said.ok(), "{}{}", said.out, said.err);
    has(&said.out, &["done now: ", "deploy may have the root face act for diary"]);
    host.exec(&format!("rm /etc/sudoers.d/{USER}"));
    has(&ada.ends(0, &["deploy", "v1.1.0"]), &["confirmed: v1.1.0", "watchdog ready: system units"]);
    // A unit that the policy does not name.
    let other = File::of(&app).with("services: [webapp, nginx]");
    ada.rewrite(&[("web-1", &host)], &other);
    let said = ada.ends(3, &["deploy", "v1.0.0"]);
    has(&said, &["nginx.service", "setup"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"));
}

#[test]
#[ignore = "world: hosts"]
fn without_root_a_crontab_keeps_the_promise() {
    let app = App::default();
    let host = Host::start(&Options { sudo: Sudo::Nothing, ..Options::default() });
    host.exec("systemctl start cron");
    // The user's own processes: no unit, no sudo.
    let own = [
        "start: 'PORT=5000 setsid sh -c \"exec python3 app.py\" >/tmp/app.log 2>&1 & echo $! >/tmp/app.pid'",
        "stop: 'test ! -e /tmp/app.pid || { kill $(cat /tmp/app.pid) 2>/dev/null; for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $(cat /tmp/app.pid) 2>/dev/null || break; sleep 0.3; done; rm -f /tmp/app.pid; }'",
        "status: 'kill -0 $(cat /tmp/app.pid)'",
    ];
    let services = format!("services:\n      - name: diary\n        {}", own.join("\n        "));
    let file = File::of(&app).with(&services).with("window: 90s");
    let ada = Operator::new(&[("web-1", &host)], &file);
    ada.sample.tag("v1.3.0", Behaviour::Good);
    let said = ada.ends(0, &["deploy", "v1.0.0"]);
    has(&said, &["crontab: two lines", "watchdog ready: crontab", "≤ 60 s"]);
    has(&host.exec(&format!("crontab -l -u {USER}")), &["@reboot", "--kind crontab", "# rollback-deploy diary"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));

    // Killed in the window: the crontab brings the host back.
    ada.rewrite(&[("web-1", &host)], &file.check("command: { run: 'test -e /tmp/go', within: 5m }"));
    let mut open = ada.start(&["deploy", "v1.3.0"]);
    open.says("ask the checks");
    open.kill();
    // The window, the minute of cron, and what an undo takes.
    await_some("the host is back", Duration::from_secs(90 + 60 + 20), || {
        (host.app_version(&app)? == "v1.0.0").then_some(())
    });
    has(&ada.ends(0, &["status"]), &["live: v1.0.0", "last undo: v1.3.0 was undone"]);
    ada.ends(0, &["setup", "--remove"]);
    assert!(!host.exec(&format!("crontab -l -u {USER} 2>/dev/null || true")).contains("rollback-deploy"));
}
