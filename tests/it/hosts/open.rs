//! While a change is open: a rollback wins, another deploy waits or is told who holds it, processes keep their files.

use std::time::{Duration, Instant};

use super::first::has;
use super::operator::{File, Operator};
use crate::world::command::await_some;
use crate::world::host::{App, Host, Options};
use crate::world::sample::Behaviour;

/// A deploy that asks its checks for a minute before it gives up.
fn patient(app: &App) -> File {
    let mut file = File::of(app);
    for check in &mut file.health {
        *check = check.replace("within: 10s", "within: 60s");
    }
    file
}

#[test]
#[ignore = "world: hosts"]
fn a_rollback_wins_over_an_open_deploy_and_another_deploy_does_not() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &patient(&app));
    ada.ends(0, &["deploy", "v1.0.0"]);
    let mut open = ada.start(&["deploy", "v1.2.0-sick"]);
    open.says("ask the checks");
    await_some("it is switched", Duration::from_secs(20), || (host.app_version(&app)? == "v1.2.0-sick").then_some(()));

    has(
        &ada.ends(0, &["status"]),
        &["live: v1.0.0", "a deploy of v1.2.0-sick is switched, not confirmed, by ada@", "it would go back to v1.0.0"],
    );
    let said = ada.ends(3, &["deploy", "v1.1.0"]);
    has(&said, &["a deploy of v1.2.0-sick", "by ada@"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.2.0-sick"), "who comes second changes nothing");

    let from = Instant::now();
    has(&ada.ends(0, &["rollback"]), &["v1.2.0-sick was undone, v1.0.0 runs and is healthy", "live: v1.0.0"]);
    let took = from.elapsed();
    assert!(took < Duration::from_secs(12), "ten seconds and a restart: {took:?}");
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
    let lost = open.end();
    assert_eq!(lost.code, Some(4), "the deploy is told: {}{}", lost.out, lost.err);
    has(&lost.out, &["v1.2.0-sick was undone, v1.0.0 runs and is healthy", "came first"]);
    // It is not the release's fault.
    has(&ada.ends(0, &["list"]), &["interrupted: "]);

    // A named rollback does the same, and one that waits gets its turn.
    ada.ends(0, &["deploy", "v1.1.0"]);
    let mut open = ada.start(&["deploy", "v1.2.0-sick"]);
    open.says("ask the checks");
    has(
        &ada.ends(0, &["rollback", "v1.0.0"]),
        &["an open deploy of v1.2.0-sick was undone first", "confirmed: v1.0.0"],
    );
    assert_eq!(open.end().code, Some(4));
    let mut open = ada.start(&["deploy", "v1.2.0-sick"]);
    open.says("ask the checks");
    let mut waiting = ada.start(&["deploy", "v1.1.0", "--wait", "120"]);
    waiting.says("waiting at most");
    has(&ada.ends(0, &["abort"]), &["v1.2.0-sick was undone"]);
    let waited = waiting.end();
    assert_eq!(waited.code, Some(0), "{}{}", waited.out, waited.err);
    assert_eq!(open.end().code, Some(4));
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"));
}

#[test]
#[ignore = "world: hosts"]
fn old_releases_go_but_never_one_that_something_runs_from() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app).with("keep: 2"));
    let tags = ["v1.3.0", "v1.4.0", "v1.5.0", "v1.6.0"];
    for tag in tags {
        ada.sample.tag(tag, Behaviour::Good);
    }
    ada.ends(0, &["deploy", "v1.3.0"]);
    // A long job of the app's own user, still at work in the first release.
    host.exec("systemd-run -q --uid=app -p WorkingDirectory=/srv/diary/releases/v1.3.0 --unit=job sleep 1000");
    for tag in &tags[1..] {
        ada.ends(0, &["deploy", tag]);
    }
    let kept = host.exec("ls /srv/diary/releases");
    assert_eq!(kept, "v1.3.0\nv1.5.0\nv1.6.0", "two stay, and the one in use");
    host.exec("systemctl stop job");
    await_some("the job ended", Duration::from_secs(10), || {
        (!host.try_exec("systemctl is-active job").ok()).then_some(())
    });
    has(&ada.ends(0, &["prune"]), &["removed v1.3.0"]);
    assert_eq!(host.exec("ls /srv/diary/releases"), "v1.5.0\nv1.6.0");
    has(&ada.ends(3, &["rollback", "v1.4.0"]), &["v1.4.0"]);
    has(&ada.ends(0, &["rollback"]), &["confirmed: v1.5.0"]);
}

#[test]
#[ignore = "world: hosts"]
fn two_apps_on_one_host_do_not_see_each_other() {
    let (first, second) = (App::default(), App::second());
    let host = Host::start(&Options { apps: vec![first.clone(), second.clone()], ..Options::default() });
    let ada = Operator::new(&[("web-1", &host)], &patient(&first));
    let bob = Operator::new(&[("web-1", &host)], &File::of(&second));
    ada.ends(0, &["deploy", "v1.0.0"]);
    bob.ends(0, &["deploy", "v1.0.0"]);
    let mut open = ada.start(&["deploy", "v1.2.0-sick"]);
    open.says("ask the checks");
    // One app's open change is nothing to the other.
    let before = host.app_version(&first);
    bob.ends(0, &["deploy", "v1.1.0"]);
    bob.ends(0, &["rollback"]);
    bob.ends(0, &["deploy", "v1.1.0"]);
    assert_eq!(host.app_version(&first), before);
    open.signal("INT");
    assert_eq!(open.end().code, Some(130));
    assert_eq!(host.app_version(&first).as_deref(), Some("v1.0.0"));
    assert_eq!(host.app_version(&second).as_deref(), Some("v1.1.0"));
    // Another app's folder is nobody's to take.
    let eve = Operator::new(
        &[("web-1", &host)],
        &File::of(&second).with("root: /srv/diary").with("link: /srv/diary/current"),
    );
    has(
        &eve.ends(3, &["deploy", "v1.1.0"]),
        &["this folder belongs to app diary, not to notes", "a `root:` of its own"],
    );
    assert_eq!(host.app_version(&first).as_deref(), Some("v1.0.0"));
}
