//! Releases that must not stay live: each goes back by itself, with evidence.

use super::first::has;
use super::operator::{File, Operator};
use crate::world::host::{App, Host, Options};

#[test]
#[ignore = "world: hosts"]
fn bad_releases_go_back_by_themselves() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    ada.ends(0, &["deploy", "v1.0.0"]);
    for (bad, saw) in [
        ("no-start", "the settings of this release cannot be read"),
        ("crash-loop", "out of memory in the background worker"),
        ("sick", "the database schema is too old"),
        ("wrong-version", "v0.9.0"),
    ] {
        let tag = format!("v1.2.0-{bad}");
        let said = ada.ends(4, &["deploy", &tag]);
        has(&said, &["was undone, v1.0.0 runs and is healthy", "is marked bad here"]);
        assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"), "{tag}");
        assert_eq!(host.get(&app, "/health").0, 200, "{tag}");
        assert_eq!(host.exec("systemctl is-active webapp"), "active");
        let state = host.exec(&format!("cat /srv/diary/.rollback-deploy/releases/{tag}.state"));
        has(&state, &["state=bad", "end=1"]);
        // What the bad release said is saved.
        let evidence = said.lines().find_map(|line| line.trim().split_once("evidence on the host: ")).unwrap().1;
        let evidence = format!("/srv/diary/.rollback-deploy/{}", evidence.trim());
        let kept = host.exec(&format!("tar -xzOf {evidence}"));
        let journal = if bad == "wrong-version" { "v1.2.0-wrong-version" } else { saw };
        has(&kept, &[journal]);
        let ended = if bad == "no-start" { "status=1/FAILURE" } else { "webapp.service - " };
        has(&host.exec(&format!("tar -xzOf {evidence} status/webapp.service.txt")), &[ended]);
    }
    has(&ada.ends(0, &["list"]), &["v1.2.0-sick", "bad: ", "v1.0.0"]);
    has(&ada.ends(0, &["status"]), &["live: v1.0.0", "last undo: v1.2.0-wrong-version was undone"]);
    // The same tag again is refused by its name, and tried when somebody says so.
    let before = host.exec("systemctl show -P MainPID webapp");
    let said = ada.ends(3, &["deploy", "v1.2.0-sick"]);
    has(&said, &["was deployed here before and failed", "allow: known-bad"]);
    assert_eq!(host.exec("systemctl show -P MainPID webapp"), before, "a refusal changes nothing");
    has(&ada.ends(4, &["deploy", "v1.2.0-sick", "--allow", "known-bad"]), &["was undone, v1.0.0 runs and is healthy"]);
    // And it is no way back.
    has(&ada.ends(3, &["rollback", "v1.2.0-sick"]), &["v1.2.0-sick"]);

    // A unit that names an old release: the link moves, the process does not.
    host.exec("sed -i 's,^WorkingDirectory=.*,WorkingDirectory=/srv/diary/releases/v1.0.0,' /etc/systemd/system/webapp.service && systemctl daemon-reload");
    let said = ada.ends(4, &["deploy", "v1.1.0"]);
    has(&said, &["fail proof webapp", "v1.0.0", "was undone, v1.0.0 runs and is healthy"]);
    assert_eq!(host.exec("readlink -f /srv/diary/current"), "/srv/diary/releases/v1.0.0");
}

#[test]
#[ignore = "world: hosts"]
fn a_bad_first_release_leaves_nothing_live() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    let said = ada.ends(4, &["deploy", "v1.2.0-no-start"]);
    has(&said, &["nothing is live, as before"]);
    assert_eq!(host.try_exec("test -e /srv/diary/current -o -L /srv/diary/current").code, Some(1));
    assert_ne!(host.try_exec("systemctl is-active webapp").out, "active\n");
    has(&ada.ends(3, &["rollback"]), &["there is nothing to go back to"]);
    // Nothing was ever confirmed, and just now its logs are wanted.
    has(&ada.ends(0, &["logs"]), &["webapp.service: ", "status=1/FAILURE"]);
    has(&ada.ends(0, &["deploy", "v1.0.0"]), &["confirmed: v1.0.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
}
