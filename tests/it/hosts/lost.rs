//! The one who deploys is gone in the middle: the host goes back by itself, and everybody is told the truth.

use std::time::{Duration, Instant};

use super::first::has;
use super::operator::{File, Operator};
use crate::world::command::await_some;
use crate::world::host::{App, Host, Options};
use crate::world::sample::Behaviour;

/// The window of the tests: so long after the last sign of life a change is undone.
const WINDOW: &str = "window: 15s";
/// The window, what the watchdog may take (5 s), a restart of the app with its checks, and a slow machine.
const BACK: Duration = Duration::from_mins(1);

/// v1.0.0 is live; v1.3.0 is good, and its checks take long: there is time to do things to it.
fn world(app: &App) -> (Host, Operator) {
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(app).with(WINDOW));
    ada.sample.tag("v1.3.0", Behaviour::Good);
    ada.ends(0, &["deploy", "v1.0.0"]);
    ada.rewrite(&[("web-1", &host)], &slow(app));
    (host, ada)
}

/// A check that goes on until somebody lets it through.
fn slow(app: &App) -> File {
    File::of(app).with(WINDOW).check("command: { run: 'test -e /tmp/go', within: 5m }")
}

fn is_back(host: &Host, app: &App, why: &str) {
    await_some("the host is back", BACK, || {
        (host.app_version(app)? == "v1.0.0" && host.read_file("/srv/diary/.rollback-deploy/aborted").is_some())
            .then_some(())
    });
    assert_eq!(host.exec("readlink -f /srv/diary/current"), "/srv/diary/releases/v1.0.0");
    let log = host.read_file("/srv/diary/deploy.log").unwrap();
    has(log.lines().last().unwrap(), &["v1.3.0", why]);
    let state = host.exec("cat /srv/diary/.rollback-deploy/releases/v1.3.0.state");
    has(&state, &["state=interrupted"]);
}

#[test]
#[ignore = "world: hosts"]
fn when_the_run_dies_the_network_is_cut_or_the_host_restarts_the_host_goes_back() {
    let app = App::default();
    let (host, ada) = world(&app);
    let open = || {
        let mut open = ada.start(&["deploy", "v1.3.0"]);
        open.says("ask the checks");
        await_some("v1.3.0 serves", BACK, || (host.app_version(&app)? == "v1.3.0").then_some(()));
        host.exec("rm -f /srv/diary/.rollback-deploy/aborted");
        open
    };
    // Killed, with everything it had started.
    open().kill();
    is_back(&host, &app, "nobody confirmed it in time");

    // The cable is pulled: nobody is told, both sides find out.
    let run = open();
    host.cut_network();
    is_back(&host, &app, "nobody confirmed it in time");
    host.mend();
    let said = run.end();
    assert!(matches!(said.code, Some(4 | 6)), "never a success: {:?} {}{}", said.code, said.out, said.err);
    has(&ada.ends(0, &["status"]), &["live: v1.0.0", "last undo: v1.3.0 was undone"]);

    // The plug is pulled: memory is gone, the disk is not.
    let run = open();
    host.reboot();
    is_back(&host, &app, "the host restarted before anyone confirmed it");
    let said = run.end();
    assert!(matches!(said.code, Some(4 | 6)), "never a success: {:?} {}{}", said.code, said.out, said.err);

    // None of it was the release's fault: it may come again, and stays when its checks pass.
    host.exec("touch /tmp/go");
    has(&ada.ends(0, &["deploy", "v1.3.0"]), &["confirmed: v1.3.0", "way back: v1.0.0"]);
}

#[test]
#[ignore = "world: hosts"]
fn a_host_that_does_not_answer_at_once_is_asked_again_before_anything_is_changed() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    host.exec("systemctl stop ssh.socket ssh.service 2>/dev/null; systemctl stop ssh");
    let mut run = ada.start(&["deploy", "v1.0.0"]);
    run.says("deploy v1.0.0");
    host.exec("sleep 1; systemctl start ssh");
    let said = run.end();
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
}

#[test]
#[ignore = "world: hosts"]
fn a_cancelled_rollback_never_brings_back_what_was_to_be_left() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app).with(WINDOW));
    ada.ends(0, &["deploy", "v1.0.0"]);
    ada.ends(0, &["deploy", "v1.1.0"]);
    // Before the switch nothing has changed.
    let mut run = ada.start(&["rollback"]);
    run.says("wait for the watchdog");
    run.signal("TERM");
    let said = run.end();
    let early = host.app_version(&app);
    assert_eq!(said.code, Some(143), "{}{}", said.out, said.err);
    assert!(host.read_file("/srv/diary/.rollback-deploy/pending").is_none(), "{}", said.out);
    has(&ada.ends(0, &["status"]), &[&format!("live: {}", early.as_deref().unwrap())]);
    if early.as_deref() == Some("v1.0.0") {
        ada.ends(0, &["deploy", "v1.1.0"]);
    }
    // After it the older release stays, because it passes: whoever rolls back has a reason.
    let mut run = ada.start(&["rollback"]);
    run.says("ask the checks");
    run.signal("INT");
    let said = run.end();
    assert!(matches!(said.code, Some(0 | 130)), "{:?} {}{}", said.code, said.out, said.err);
    await_some("the host settles", BACK, || {
        host.read_file("/srv/diary/.rollback-deploy/pending").is_none().then_some(())
    });
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"), "{}{}", said.out, said.err);
    has(&ada.ends(0, &["status"]), &["live: v1.0.0"]);
}

#[test]
#[ignore = "world: hosts"]
fn a_cancelled_run_ends_at_once_and_says_what_it_read_back() {
    let app = App::default();
    let (host, ada) = world(&app);
    let file = slow(&app).with("build:\n      - test -e /tmp/built || sleep 60");
    ada.rewrite(&[("web-1", &host)], &file);
    for (signal, code, moment) in [
        ("INT", 130, "deploy v1.3.0"),
        ("TERM", 143, "stage v1.3.0"),
        ("INT", 130, "· build"),
        ("TERM", 143, "wait for the watchdog"),
        ("INT", 130, "switch, restart, prove"),
        ("TERM", 143, "ask the checks"),
    ] {
        if moment.starts_with("wait") {
            host.exec("touch /tmp/built");
        }
        let mut run = ada.start(&["deploy", "v1.3.0"]);
        run.says(moment);
        let from = Instant::now();
        run.signal(signal);
        let said = run.end();
        let took = from.elapsed();
        assert_eq!(said.code, Some(code), "{signal} at {moment:?}:\n{}{}", said.out, said.err);
        assert!(took < Duration::from_secs(7), "{signal} at {moment:?}: {took:?}");
        assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"), "{moment}");
        assert!(host.read_file("/srv/diary/.rollback-deploy/pending").is_none(), "{moment}: nothing is open");
        has(&ada.ends(0, &["status"]), &["live: v1.0.0"]);
        assert!(!ada.ends(0, &["list"]).contains("bad: "), "{moment}: not the release's fault");
    }
    host.exec("touch /tmp/go");
    has(&ada.ends(0, &["deploy", "v1.3.0"]), &["confirmed: v1.3.0"]);
}
