//! The usual days: a first deploy that sets the host up, the next, one that changes nothing, back to a name, back to
//! the previous; and every question in between.

use super::operator::{File, Operator};
use crate::world::host::{App, Host, Options, USER};

/// The main process of the app's unit.
fn main_pid(host: &Host) -> String {
    host.exec("systemctl show -P MainPID webapp")
}

/// Every one of these lines is in the text.
#[track_caller]
pub(super) fn has(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted:?} is missing in:\n{text}");
    }
}

#[test]
#[ignore = "world: hosts"]
fn from_an_empty_host_to_deploys_and_rollbacks() {
    let app = App::default();
    let host = Host::start(&Options::default());
    host.exec(&format!(
        "install -d -o {USER} {0}/shared && echo GREETING=one >{0}/shared/.env && chown -R {USER} {0}/shared",
        app.root
    ));
    let file = File::of(&app)
        .with("shared: [.env, logs/]")
        .with("build:\n      - sh bin/build")
        .check("environment: [GREETING]")
        .check("port: { number: 5000, within: 2s }")
        .check("service: { unit: webapp, within: 2s }")
        .check("process: { name: app.py, within: 2s }")
        .check("disk: { free: 1MB }")
        .check("memory: { free: 1MB }")
        .check("errors: { unit: webapp }")
        .check("nginx");
    let ada = Operator::new(&[("web-1", &host)], &file);

    let plan = ada.ends(0, &["plan", "v1.0.0"]);
    has(&plan, &["nothing is live", "stage v1.0.0 under /srv/diary/releases", "restart webapp.service"]);
    assert_eq!(host.app_version(&app), None, "a plan changes nothing");

    // The user has full sudo: the first deploy sets the host up, and says so.
    let said = ada.ends(0, &["deploy", "v1.0.0"]);
    has(&said, &["done now: /etc/sudoers.d/rollback-deploy-diary", "done now: /etc/rollback-deploy/diary.policy"]);
    has(&said, &["done now: systemd: rollback-deploy-diary.path", "watchdog ready: system units"]);
    has(&said, &["saw the main process", "confirmed: v1.0.0", "(exit code 0)"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
    assert_eq!(host.read_file("/srv/diary/current/built").as_deref(), Some("v1.0.0\n"), "built where it runs");
    assert_eq!(host.exec("readlink -f /srv/diary/current"), "/srv/diary/releases/v1.0.0");
    assert_eq!(host.get(&app, "/greeting"), (200, "one".to_owned()), "shared/.env is linked");
    assert_eq!(host.exec("ps -o user= -C python3"), "app", "the app is somebody else's");

    // From here on an ordinary user, with the one line of sudo.
    host.exec(&format!("rm /etc/sudoers.d/{USER}"));
    assert!(!host.ssh("sudo -n true").ok());
    let before = main_pid(&host);
    let said = ada.ends(0, &["deploy", "v1.0.0"]);
    has(&said, &["already-live", "nothing was restarted"]);
    assert_eq!(main_pid(&host), before, "what is live and proven is not restarted");

    let said = ada.ends(0, &["deploy", "1.1"]);
    has(&said, &["v1.1.0 staged", "taken from a release here", "confirmed: v1.1.0", "way back: v1.0.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"));
    assert_eq!(host.read_file("/srv/diary/current_version").as_deref(), Some("v1.1.0\n"));
    assert_eq!(host.read_file("/srv/diary/previous_version").as_deref(), Some("v1.0.0\n"));

    has(&ada.ends(0, &["status"]), &["live: v1.1.0", "by ada@", "way back: v1.0.0"]);
    has(&ada.ends(0, &["list"]), &["2 releases", "v1.1.0", "live, by ada@", "v1.0.0", "proven, by ada@"]);
    has(&ada.ends(0, &["health"]), &["10 of 10 checks passed"]);
    has(&ada.ends(0, &["logs"]), &["webapp.service: ", "diary v1.1.0 listens on 127.0.0.1:5000", "end of the logs"]);

    // Back to the previous one, with its environment; then to a name.
    host.exec("printf 'GREETING=quite-secret\\nADDED=also-secret\\n' >/srv/diary/shared/.env");
    let said = ada.ends(0, &["rollback", "--with-env"]);
    has(&said, &["confirmed: v1.0.0", "live: v1.0.0", "environment file of v1.0.0, changed: GREETING; gone: ADDED"]);
    assert!(!said.contains("secret"), "what changed is shown by names only: {said}");
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
    assert_eq!(host.get(&app, "/greeting"), (200, "one".to_owned()), "the environment of that release is back");
    has(&ada.ends(0, &["rollback", "v1.1.0"]), &["confirmed: v1.1.0", "way back: v1.0.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"));
    has(&ada.ends(3, &["rollback", "v0.1.0"]), &["v0.1.0 is not on this host", "Proven here: v1.1.0, v1.0.0"]);

    let history = ada.ends(0, &["history"]);
    has(&history, &["4 changes", "rollback", "confirmed: v1.1.0 was v1.0.0 by ada@"]);
    assert_eq!(host.read_file("/srv/diary/deploy.log").map(|log| log.lines().count()), Some(4));
    let json = ada.ends(0, &["--json", "status"]);
    let seqs: Vec<_> = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    assert!(seqs.iter().any(|event| event["fact"].get("found").is_some()), "{json}");

    // A check that does not hold makes the answer no.
    host.exec("systemctl stop webapp");
    has(&ada.ends(9, &["health"]), &["fail service webapp", "fail port 127.0.0.1:5000"]);
}

#[test]
#[ignore = "world: hosts"]
fn on_the_host_itself_with_only_the_root() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    // A repository that brings its own deploy file, as seen from the host.
    let there = ada.sample.folder().join(".github");
    std::fs::create_dir_all(&there).unwrap();
    std::fs::copy(ada.file(), there.join("rollback-deploy.yml")).unwrap();
    ada.sample.tag("v1.3.0", crate::world::sample::Behaviour::Good);
    ada.sample.tag("v1.4.0", crate::world::sample::Behaviour::Good);
    host.copy_in(ada.sample.folder(), "/srv/diary.git");
    host.exec("chmod -R go+rX /srv/diary.git && chown -R deploy: /srv/diary.git");
    host.copy_in(super::operator::program(), "/usr/local/bin/rollback-deploy");
    let on_host = |code: i32, line: &str| {
        let said = host.ssh(&format!("rollback-deploy --root /srv/diary {line}"));
        assert_eq!(said.code, Some(code), "{line}:\n{}{}", said.out, said.err);
        said.out
    };
    has(&on_host(0, "deploy v1.3.0 /srv/diary.git"), &["confirmed: v1.3.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.3.0"));
    has(&on_host(0, "deploy v1.4.0 file:///srv/diary.git"), &["confirmed: v1.4.0", "way back: v1.3.0"]);
    has(&on_host(0, "status"), &["live: v1.4.0", "way back: v1.3.0"]);
    has(&on_host(0, "list"), &["v1.4.0", "v1.3.0", "proven"]);
    has(&on_host(0, "history"), &["2 changes"]);
    has(&on_host(0, "health"), &["2 of 2 checks passed"]);
    has(&on_host(0, "logs -n 5"), &["diary v1.4.0 listens"]);
    // No git, no network, no deploy file: the records say all of it.
    host.exec("rm -rf /srv/diary.git && mv /usr/bin/git /usr/bin/git.away && iptables -A OUTPUT ! -o lo -p tcp --dport 443 -j DROP");
    has(&on_host(0, "rollback"), &["confirmed: v1.3.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.3.0"));
    has(&on_host(3, "rollback"), &["there is nothing to go back to"]);
}
