//! The hosts themselves: what the other tests of hosts rest on.

use std::time::Duration;

use crate::world::command::{await_some, must, say};
use crate::world::host::{App, Host, Options, Sudo};
use crate::world::label;
use crate::world::load::Load;
use crate::world::sample::{Behaviour, Sample};

/// Puts a release where a deploy would, by hand.
fn place(host: &Host, app: &App, sample: &Sample, tag: &str) {
    let files = sample.files_of(tag);
    host.exec(&format!("mkdir -p {}/releases", app.root));
    host.copy_in(files.path(), &format!("{}/releases/{tag}", app.root));
    host.exec(&format!("cd {0} && chmod 755 releases/{tag} && chown -R deploy:deploy releases", app.root));
}

fn switch(host: &Host, app: &App, tag: &str) {
    host.exec(&format!("cd {} && ln -sfn releases/{tag} next && mv -T next {}", app.root, app.live));
}

fn live(host: &Host, app: &App, tag: &str) {
    switch(host, app, tag);
    host.exec(&format!("systemctl restart {}", app.unit));
    await_some(tag, Duration::from_secs(20), || (host.app_version(app)? == tag).then_some(()));
}

#[test]
#[ignore = "world: hosts"]
fn a_host_boots_and_lets_the_deploy_user_in() {
    let host = Host::start(&Options { sudo: Sudo::Nothing, apps: Vec::new(), ..Options::default() });
    let said = host.ssh("id -un; hostname");
    assert_eq!((said.ok(), said.out.as_str()), (true, "deploy\nweb-1\n"), "{said:?}");
    assert!(!host.ssh("sudo -n true").ok(), "this user may do nothing as root");
    assert!(host.fingerprint().starts_with("SHA256:"));
    host.put_file("/srv/a file", b"one\ntwo");
    assert_eq!(host.read_file("/srv/a file").as_deref(), Some("one\ntwo"));
    assert_eq!(host.read_file("/srv/none"), None);
    let name = host.name().to_owned();
    drop(host);
    assert!(!say("docker", &["inspect", &name], b"").ok(), "a dropped host is gone");
}

#[test]
#[ignore = "world: hosts"]
fn every_login_shell_logs_in() {
    for shell in ["sh", "bash", "zsh", "mksh", "fish", "tcsh"] {
        let host = Host::start(&Options { shell, apps: Vec::new(), ..Options::default() });
        let entry = host.exec("getent passwd deploy");
        assert!(entry.ends_with(&format!("/{shell}")), "{entry}");
        let said = host.ssh("sudo -n id -un");
        assert_eq!(said.out, "root\n", "{shell}: {said:?}");
    }
}

#[test]
#[ignore = "world: hosts"]
fn the_sample_app_runs_as_another_user_behind_nginx_and_after_a_reboot() {
    let (sample, app) = (Sample::new(), App::default());
    let host = Host::start(&Options::default());
    assert_eq!(host.app_version(&app), None, "nothing is live on a new host");
    place(&host, &app, &sample, "v1.0.0");
    live(&host, &app, "v1.0.0");
    assert_eq!(host.get(&app, "/health"), (200, "ok v1.0.0".to_owned()));
    assert_eq!(host.exec("ps -o user= -C python3"), "app");
    let before = host.boot();
    host.reboot();
    assert_ne!(host.boot(), before);
    await_some("v1.0.0 again", Duration::from_secs(20), || host.app_version(&app));
    host.power_off();
    assert_eq!(host.app_version(&app), None);
    host.power_on();
    await_some("v1.0.0 again", Duration::from_secs(20), || host.app_version(&app));
}

#[test]
#[ignore = "world: hosts"]
fn bad_releases_are_bad_in_their_own_way() {
    let (sample, app) = (Sample::new(), App::default());
    sample.tag("v1.3.0", Behaviour::Good);
    let host = Host::start(&Options::default());
    let state = |property: &str| host.exec(&format!("systemctl show -P {property} webapp"));
    for tag in ["v1.2.0-no-start", "v1.2.0-crash-loop"] {
        place(&host, &app, &sample, tag);
        switch(&host, &app, tag);
        host.exec("systemctl reset-failed webapp; systemctl restart webapp || true");
        await_some(tag, Duration::from_secs(30), || (state("ActiveState") == "failed").then_some(()));
        assert_eq!(state("NRestarts"), "5", "{tag} goes past systemd's start limit");
        host.exec("systemctl reset-failed webapp");
    }
    for (tag, health, version) in [("v1.2.0-sick", 500, "v1.2.0-sick"), ("v1.2.0-wrong-version", 200, "v0.9.0")] {
        place(&host, &app, &sample, tag);
        switch(&host, &app, tag);
        host.exec("systemctl restart webapp");
        await_some(tag, Duration::from_secs(20), || (host.app_version(&app)? == version).then_some(()));
        assert_eq!(host.get(&app, "/health").0, health, "{tag}");
    }
    switch(&host, &app, "v1.2.0-no-start");
    host.reboot();
    assert!(host.ssh("true").ok(), "a host is up after a boot with a failing app");
    place(&host, &app, &sample, "v1.3.0");
    host.exec("systemctl reset-failed webapp");
    live(&host, &app, "v1.3.0");
}

#[test]
#[ignore = "world: hosts"]
fn a_cut_network_is_silent_and_can_be_mended() {
    let host = Host::start(&Options { apps: Vec::new(), ..Options::default() });
    assert!(host.ssh("true").ok());
    host.cut_network();
    let said = host.ssh("true");
    assert_eq!(said.code, Some(255), "{said:?}");
    host.mend();
    assert!(host.ssh("true").ok());
}

#[test]
#[ignore = "world: hosts"]
fn a_container_reaches_a_host_by_its_address() {
    let host = Host::start(&Options { apps: Vec::new(), ..Options::default() });
    let line = format!("exec 3<>/dev/tcp/{}/22 && head -n 1 <&3", host.address());
    let banner =
        must("docker", &["run", "--rm", "--label", &label(), "debian:bookworm-slim", "bash", "-c", &line], b"");
    assert!(banner.starts_with("SSH-2.0-"), "{banner}");
    assert!(host.ssh_known_hosts().contains(&format!("\n{} ssh-ed25519 ", host.address())));
}

#[test]
#[ignore = "world: hosts"]
fn two_apps_share_a_host() {
    let (sample, first, second) = (Sample::new(), App::default(), App::second());
    let host = Host::start(&Options { apps: vec![first.clone(), second.clone()], ..Options::default() });
    for (app, tag) in [(&first, "v1.0.0"), (&second, "v1.1.0")] {
        place(&host, app, &sample, tag);
        live(&host, app, tag);
    }
    assert_eq!(host.app_version(&first).as_deref(), Some("v1.0.0"));
}

#[test]
#[ignore = "world: hosts"]
fn with_a_socket_of_systemd_no_request_fails_through_restarts() {
    let (sample, app) = (Sample::new(), App { socket: true, ..App::default() });
    let host = Host::start(&Options { apps: vec![app.clone()], ..Options::default() });
    for tag in ["v1.0.0", "v1.1.0"] {
        place(&host, &app, &sample, tag);
    }
    live(&host, &app, "v1.0.0");
    let load = Load::start(host.site_port(&app), "/version", 200);
    for tag in ["v1.1.0", "v1.0.0", "v1.1.0"] {
        live(&host, &app, tag);
    }
    let report = load.stop();
    assert_eq!(report.failed, 0, "{report:?}");
    assert_eq!(report.answers.keys().map(String::as_str).collect::<Vec<_>>(), ["v1.0.0", "v1.1.0"]);
}

#[test]
#[ignore = "world: hosts"]
fn the_load_counts_what_fails() {
    let host = Host::start(&Options::default());
    let load = Load::start(host.site_port(&App::default()), "/version", 200);
    // Nothing is live: nginx says so.
    await_some("nginx answers", Duration::from_secs(10), || {
        (host.get(&App::default(), "/version").0 == 502).then_some(())
    });
    let report = load.stop();
    assert!(report.asked > 0 && report.failed == report.asked, "{report:?}");
    assert_eq!(report.reasons.get("status 502"), Some(&report.asked), "{report:?}");
}
