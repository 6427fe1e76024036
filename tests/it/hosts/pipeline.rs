//! The whole way of a release: gate, stage, dependencies, static files, migrate, switch, restart, health; and what a
//! migration allows.

use std::time::Duration;

use super::first::has;
use super::operator::{File, Operator};
use crate::world::command::await_some;
use crate::world::host::{App, Host, Options};
use crate::world::sample::Behaviour;

/// Where each step writes its name, with the release that is live at that moment.
const STEPS: &str = "/srv/diary/steps";

/// A program of the host for it.
const TOLD: &str = "#!/bin/sh
echo \"$1 $(basename \"$(readlink /srv/diary/current || echo nothing)\")\" >>/srv/diary/steps
";

/// The app's unit tells as well that it is started, and which release it then is.
fn host(app: &App) -> Host {
    let host = Host::start(&Options::default());
    host.put_file("/usr/local/bin/told", TOLD.as_bytes());
    let unit = format!("/etc/systemd/system/{}.service.d", app.unit);
    host.exec(&format!("chmod 755 /usr/local/bin/told; mkdir {unit}; install -o deploy /dev/null {STEPS}"));
    host.put_file(&format!("{unit}/told.conf"), b"[Service]\nExecStartPre=+/usr/local/bin/told restart\n");
    host.exec("systemctl daemon-reload");
    host
}

/// A deploy file with every step; `migrate` is a command of one line.
fn file(app: &App, migrate: &str, verdict: &str) -> File {
    let build = [
        "told gate && test ! -e /tmp/closed",
        "told dependencies && mkdir -p vendor && cp app.py vendor/",
        "told static && cp -r static public && test -d vendor",
    ];
    File::of(app)
        .with(&format!("build:\n      - {}", build.join("\n      - ")))
        .with(&format!("migrate: {{ run: 'told migrate; {migrate}', verdict: {verdict}, timeout: 90s }}"))
        .with("window: 10s")
        .check("command: told health")
}

/// The steps since the last time, one of several in a row said once: a check may be asked more than once.
fn steps(host: &Host) -> Vec<String> {
    let mut steps: Vec<String> = host.read_file(STEPS).unwrap().lines().map(str::to_owned).collect();
    host.exec(&format!("cat {STEPS} >>{STEPS}.all && : >{STEPS}"));
    steps.dedup_by(|next, before| next == before && next.starts_with("health"));
    steps
}

fn main_pid(host: &Host) -> String {
    host.exec("systemctl show -P MainPID webapp")
}

#[test]
#[ignore = "world: hosts"]
fn every_step_runs_in_its_order_and_what_fails_before_the_switch_changes_nothing() {
    let app = App::default();
    let host = host(&app);
    let ada = Operator::new(&[("web-1", &host)], &file(&app, "echo moved the tables", "expand-only"));
    has(&ada.ends(0, &["plan", "v1.0.0"]), &["build", "migrate (expand-only): "]);
    assert_eq!(steps(&host), Vec::<String>::new(), "a plan runs nothing");

    let in_order = |before: &str, now: &str| {
        let until = ["gate", "dependencies", "static", "migrate"].map(|step| format!("{step} {before}"));
        [until.to_vec(), ["restart", "health"].map(|step| format!("{step} {now}")).to_vec()].concat()
    };
    let said = ada.ends(0, &["deploy", "v1.0.0"]);
    has(&said, &["moved the tables", "migrated; for the old release it is: expand-only", "confirmed: v1.0.0"]);
    assert_eq!(steps(&host), in_order("nothing", "v1.0.0"));
    ada.ends(0, &["deploy", "v1.1.0"]);
    assert_eq!(steps(&host), in_order("v1.0.0", "v1.1.0"));
    assert_eq!(host.exec("cat /srv/diary/current/public/style.css | head -n 1"), "/* v1.1.0 */");
    assert_eq!(host.exec("ls /srv/diary/current/vendor"), "app.py");

    // The gate is closed: nothing after it runs, and nothing is switched.
    let process = main_pid(&host);
    ada.sample.tag("v1.3.0", Behaviour::Good);
    host.exec("touch /tmp/closed");
    has(&ada.ends(4, &["deploy", "v1.3.0"]), &["Nothing was switched: what ran before runs", "live: v1.1.0"]);
    assert_eq!(steps(&host), ["gate v1.1.0"]);
    host.exec("rm /tmp/closed");

    // The migration fails: nothing is switched, nothing restarted, and its words are told.
    let failing = file(&app, "echo no room for another index; exit 3", "expand-only");
    ada.rewrite(&[("web-1", &host)], &failing);
    let said = ada.ends(4, &["deploy", "v1.3.0"]);
    has(&said, &["no room for another index", "the migration exited with 3"]);
    let done = steps(&host);
    assert_eq!(done.iter().filter(|step| step.starts_with("migrate")).count(), 1, "{done:?}");
    assert!(!done.iter().any(|step| step.starts_with("restart")), "{done:?}");
    assert_eq!((host.app_version(&app).as_deref(), main_pid(&host)), (Some("v1.1.0"), process.clone()));
    assert!(!ada.ends(0, &["list"]).contains("bad: "), "a migration that fails says nothing of the release");

    // Mended, it goes through; a rollback runs neither build nor migration.
    ada.rewrite(&[("web-1", &host)], &file(&app, "true", "expand-only"));
    ada.ends(0, &["deploy", "v1.3.0"]);
    assert_ne!(main_pid(&host), process);
    steps(&host);
    ada.ends(0, &["rollback"]);
    assert_eq!(steps(&host), ["restart v1.1.0", "health v1.1.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"));
}

#[test]
#[ignore = "world: hosts"]
fn a_migration_outlives_its_run_and_runs_once() {
    let app = App::default();
    let host = host(&app);
    // It waits for a word of ours, a minute at most.
    let slow = "for i in $(seq 300); do test ! -e /tmp/go || break; sleep 0.2; done; test -e /tmp/go; echo ended >>/srv/diary/ended";
    let ada = Operator::new(&[("web-1", &host)], &file(&app, "true", "expand-only"));
    ada.ends(0, &["deploy", "v1.0.0"]);
    steps(&host);
    ada.rewrite(&[("web-1", &host)], &file(&app, slow, "expand-only"));
    let mut open = ada.start(&["deploy", "v1.1.0"]);
    open.says("· migrate");
    await_some("the migration runs", Duration::from_secs(20), || {
        host.read_file(STEPS).unwrap().contains("migrate").then_some(())
    });
    open.kill();
    // The window ends without a sign of life. While the migration lives nothing is undone, and nothing else begins.
    let aborting = "test -e /srv/diary/.rollback-deploy/aborting";
    await_some("the undo has begun", Duration::from_mins(1), || host.try_exec(aborting).ok().then_some(()));
    let mut next = ada.start(&["deploy", "v1.1.0"]);
    next.says("settle what an earlier run left");
    assert!(host.try_exec(aborting).ok(), "still under way");
    assert_eq!(host.read_file("/srv/diary/ended"), None, "the migration is still alive");
    host.exec("touch /tmp/go");
    // Then both: the first is undone, and the same release begins again, with a migration of its own.
    let said = next.end();
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    has(&said.out, &["v1.1.0 was undone, v1.0.0 runs and is healthy", "confirmed: v1.1.0"]);
    assert_eq!(host.read_file("/srv/diary/ended").as_deref(), Some("ended\nended\n"), "each to its end, once");
    let done = steps(&host);
    let at = |step: &str| done.iter().filter(|done| done.starts_with(step)).cloned().collect::<Vec<_>>();
    assert_eq!(at("migrate"), ["migrate v1.0.0", "migrate v1.0.0"], "{done:?}");
    assert_eq!(at("restart"), ["restart v1.1.0"], "what was never switched is undone without a restart: {done:?}");
    let log = host.read_file("/srv/diary/deploy.log").unwrap();
    assert!(log.lines().any(|line| line.contains("undone: v1.1.0 → v1.0.0")), "{log}");
}

#[test]
#[ignore = "world: hosts"]
fn a_one_way_migration_needs_a_word_and_is_never_taken_back_by_the_host() {
    let app = App::default();
    let host = host(&app);
    let ada = Operator::new(&[("web-1", &host)], &file(&app, "true", "expand-only"));
    ada.sample.tag("v1.3.0", Behaviour::Good);
    ada.ends(0, &["deploy", "v1.0.0"]);
    steps(&host);
    let process = main_pid(&host);
    let one_way = file(&app, "true", "one-way");
    ada.rewrite(&[("web-1", &host)], &one_way);
    has(&ada.ends(3, &["deploy", "v1.1.0"]), &["the migration cannot be undone", "allow: one-way"]);
    assert!(!steps(&host).iter().any(|step| step.starts_with("migrate") || step.starts_with("restart")));
    assert_eq!(main_pid(&host), process);

    // Healthy: it is as any other, and the way back then needs the word.
    has(&ada.ends(0, &["deploy", "v1.1.0", "--allow", "one-way"]), &["confirmed: v1.1.0"]);
    has(&ada.ends(3, &["rollback"]), &["v1.1.0 moved the database one way: v1.0.0 cannot run on it", "one-way"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"));

    // Killed in the window while it is healthy: held for a person, never undone.
    ada.rewrite(&[("web-1", &host)], &one_way.clone().check("command: { run: 'test -e /tmp/go', within: 5m }"));
    let mut open = ada.start(&["deploy", "v1.3.0", "--allow", "one-way"]);
    open.says("ask the checks");
    open.kill();
    host.exec("touch /tmp/go");
    await_some("it is held", Duration::from_mins(1), || host.read_file("/srv/diary/.rollback-deploy/held"));
    has(&ada.ends(0, &["status"]), &["live: v1.1.0", "a deploy of v1.3.0 is held for a person"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.3.0"), "the old release cannot run on the database");
    has(&ada.ends(0, &["confirm"]), &["v1.3.0"]);
    has(&ada.ends(0, &["status"]), &["live: v1.3.0"]);

    // Its check fails: nothing goes back, a human is needed, and the way out is forward.
    let said = ada.ends(5, &["deploy", "v1.2.0-sick", "--allow", "one-way"]);
    has(&said, &["schema moved", "a human is needed"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.2.0-sick"));
    assert!(host.read_file("/srv/diary/.rollback-deploy/failed").is_some());
    ada.sample.tag("v1.4.0", Behaviour::Good);
    ada.rewrite(&[("web-1", &host)], &file(&app, "true", "expand-only"));
    has(&ada.ends(0, &["deploy", "v1.4.0"]), &["confirmed: v1.4.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.4.0"));
}
