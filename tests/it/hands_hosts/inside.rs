//! The scenes, played on the host as the user that deploys there.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::Duration;

use rollback_deploy::agent::logs::logs;
use rollback_deploy::agent::privileged::Privileged;
use rollback_deploy::agent::services::{ServiceCx, activate, inspect, prove, steady, stop};
use rollback_deploy::agent::setup::{detect, ensure, setup};
use rollback_deploy::ask::{self, Place, Since};
use rollback_deploy::root::Verb;
use rollback_deploy_core::model::facts::SetupState;
use rollback_deploy_core::model::failure::Kind;
use rollback_deploy_core::model::{
    AbsPath, Check, CheckFrom, CheckResult, Failure, LogSource, Question, Restart, Seconds, Service, Settings,
    UnitName, Verdict, WatchdogKind,
};
use rollback_deploy_core::wire::{Logs, SetupMode, SetupRequest};

const ROOT: &str = "/srv/diary";

pub(super) fn play(scene: &str) {
    match scene {
        "set-up-with-full-sudo" => set_up(),
        "limits-of-the-root-face" => limits(),
        "activate-and-prove" => activate_and_prove(),
        "sockets" => sockets(),
        "checks-and-logs" => checks_and_logs(),
        "prune" => prune(),
        "watchdog-by-systemd" => watchdog_by_systemd(),
        "watchdog-after-a-restart" => watchdog_ran(),
        "crontab" => crontab(),
        "remove" => remove(),
        other => panic!("no scene {other}"),
    }
}

/// What the units start: says who it is, leaves a process behind, and ends.
pub(super) fn watchdog(root: &str) {
    let state = Path::new(root).join(".rollback-deploy");
    #[expect(clippy::zombie_processes, reason = "it has to outlive us")]
    let child = std::process::Command::new("/bin/sleep").arg("300").spawn().unwrap();
    fs::write(Path::new(root).join("shared/child"), child.id().to_string()).unwrap();
    if !state.join("pending").exists() {
        return;
    }
    fs::remove_file(state.join("pending")).unwrap();
    let uid = fs::metadata("/proc/self").unwrap().uid();
    fs::write(Path::new(root).join("shared/watchdog"), uid.to_string()).unwrap();
}

fn unit(name: &str) -> UnitName {
    UnitName::new(name).unwrap()
}

fn settings(units: &[(&str, Restart)]) -> Settings {
    Settings {
        app: "diary".parse().unwrap(),
        environment: "test".parse().unwrap(),
        repository: None,
        root: AbsPath::new(ROOT).unwrap(),
        link: AbsPath::new(format!("{ROOT}/current")).unwrap(),
        keep: 5,
        shared: Vec::new(),
        assets: Vec::new(),
        build: Vec::new(),
        build_timeout: Seconds(60),
        migrate: None,
        services: units.iter().map(|(name, how)| Service::Systemd { unit: unit(name), how: *how }).collect(),
        checks: Vec::new(),
        environment_file: None,
        window: Seconds(60),
        hard_limit: Seconds(600),
        activate_timeout: Seconds(20),
    }
}

fn all() -> Settings {
    let names = ["web", "plain", "sock", "boxed", "masked", "gentle", "loop"];
    settings(&names.map(|name| (name, Restart::Restart)))
}

/// A second app on the same host, in the user's own folder, with every letter that an app's name can have.
fn second() -> Settings {
    let mut second = settings(&[("plain", Restart::Restart)]);
    second.app = "No.tes+x_1-".parse().unwrap();
    second.root = AbsPath::new("/home/deploy/50% of apps/notes").unwrap();
    second.link = AbsPath::new("/home/deploy/50% of apps/notes/current").unwrap();
    second
}

fn request(mode: SetupMode, watchdog: Option<WatchdogKind>) -> SetupRequest {
    SetupRequest { mode, settings: all(), watchdog }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..300 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not within 30 s: {what}");
}

fn set_up() {
    let settings = all();
    assert_eq!(detect(&settings), (Some(WatchdogKind::Systemd), SetupState::Possible));
    let plan = setup(&request(SetupMode::Plan, None)).unwrap();
    assert!(plan.iter().all(|step| !step.done && !step.changed), "{plan:#?}");
    assert!(!Path::new(ROOT).exists());

    let first = ensure(&settings, None).unwrap();
    assert!(first.iter().all(|step| step.done && step.changed), "{first:#?}");
    let again = ensure(&settings, None).unwrap();
    assert!(again.iter().all(|step| step.done && !step.changed), "{again:#?}");
    assert_eq!(detect(&settings), (Some(WatchdogKind::Systemd), SetupState::Done));
    assert_eq!(fs::metadata(ROOT).unwrap().mode() & 0o7777, 0o755);

    let second = second();
    assert!(ensure(&second, None).unwrap().iter().all(|step| step.done));
    assert_eq!(detect(&second), (Some(WatchdogKind::Systemd), SetupState::Done));
}

fn limits() {
    let settings = all();
    assert_eq!(detect(&settings), (Some(WatchdogKind::Systemd), SetupState::Done));
    assert!(setup(&request(SetupMode::Check, None)).unwrap().iter().all(|step| step.done));
    let privileged = Privileged::new(&settings);
    privileged.permitted(&Verb::Restart(unit("web"))).unwrap();
    privileged.permitted(&Verb::Start(unit("sock.socket"))).unwrap();
    for name in ["ssh", "nginx", "web2", "dbus.socket"] {
        let refused = privileged.permitted(&Verb::Restart(unit(name))).unwrap_err();
        assert_eq!(refused.kind, Kind::Refused { lift: None }, "{name}: {refused:?}");
        assert!(privileged.call(&Verb::Stop(unit(name))).is_err(), "{name}");
    }
    let other = Privileged::new(&second());
    other.permitted(&Verb::Restart(unit("plain"))).unwrap();
    assert!(other.permitted(&Verb::Restart(unit("web"))).is_err(), "one app's unit is not another's");
    assert_eq!(detect(&second()), (Some(WatchdogKind::Systemd), SetupState::Done));
    let sudo = |script: &str| {
        let program = "/usr/local/lib/rollback-deploy/rollback-deploy";
        let argv: Vec<&str> = ["-n", program].into_iter().chain(script.split(' ')).collect();
        !std::process::Command::new("sudo").args(argv).output().unwrap().status.success()
    };
    assert!(sudo("root --setup") && sudo("root other check daemon-reload") && sudo("watchdog /srv/diary"));

    // Another unit needs another set-up, which this user may not do any more.
    let more = self::settings(&[("web", Restart::Restart), ("cron", Restart::Restart)]);
    assert_eq!(detect(&more).1, SetupState::NeedsRoot);
    let refused = ensure(&more, None).unwrap_err();
    assert!(refused.what.contains("needs root"), "{refused:?}");

    let found = inspect(&all(), &privileged, SetupState::Done);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].what.contains("is masked"));
    let reload = self::settings(&[("boxed", Restart::Reload), ("web", Restart::Reload), ("nowhere", Restart::Restart)]);
    let words: Vec<_> = inspect(&reload, &privileged, SetupState::Done).into_iter().map(|found| found.what).collect();
    assert_eq!(words.len(), 3, "{words:#?}");
    assert!(words[0].contains("ReadWritePaths leads through the live link"), "{words:#?}");
    assert!(words[1].contains("no ExecReload"), "{words:#?}");
    assert!(words[2].contains("does not exist"), "{words:#?}");
}

/// Makes a release live and says when.
fn switch(name: &str, serve: &str) -> Since {
    let release = Path::new(ROOT).join("releases").join(name);
    fs::create_dir_all(&release).unwrap();
    fs::create_dir_all(Path::new(ROOT).join("shared")).unwrap();
    fs::write(release.join("serve"), serve).unwrap();
    let settings = all();
    let since = Since::now(&settings.checks, &settings.root, &release);
    let new = Path::new(ROOT).join("next");
    symlink(&release, &new).unwrap();
    fs::rename(new, settings.link.as_path()).unwrap();
    since
}

fn with<T>(settings: &Settings, name: &str, since: &Since, act: impl FnOnce(&ServiceCx<'_>) -> T) -> T {
    let release_dir = Path::new(ROOT).join("releases").join(name);
    let privileged = Privileged::new(settings);
    act(&ServiceCx {
        settings,
        release_dir: &release_dir,
        version: name,
        switched: Some(since),
        privileged: &privileged,
        cancelled: &|| false,
        say: &|line| println!("  {line}"),
    })
}

fn one(results: &[CheckResult]) -> (Verdict, &str) {
    assert_eq!(results.len(), 1);
    println!("  {:?} {} {:?}", results[0].verdict, results[0].saw.expose(), results[0].method);
    (results[0].verdict, results[0].method.as_deref().unwrap_or_default())
}

const GOOD: &str = "echo up; exec sleep 100000\n";

fn activate_and_prove() {
    let web = settings(&[("web", Restart::Restart)]);
    let since = switch("v1", GOOD);
    with(&web, "v1", &since, |cx| {
        activate(cx).unwrap();
        assert_eq!(one(&prove(cx)), (Verdict::Pass, "processes"));
        assert_eq!(one(&steady(cx)).0, Verdict::Pass);
    });
    // The link alone is no activation.
    let since = switch("v2", GOOD);
    with(&web, "v2", &since, |cx| {
        assert_eq!(one(&prove(cx)), (Verdict::Fail, "processes"));
        activate(cx).unwrap();
        assert_eq!(one(&prove(cx)), (Verdict::Pass, "processes"));
    });
    // It does not stay up: past the start limit, and yet the old one comes back.
    let since = switch("v3", "echo no database; exit 1\n");
    with(&web, "v3", &since, |cx| {
        for _ in 0..8 {
            let _start_limit = activate(cx);
        }
        // A simple unit is active for a moment: what it is shortly after is what counts.
        let failure = match activate(cx) {
            Ok(()) => one(&steady(cx)).0 == Verdict::Fail,
            Err(failure) => said(&failure),
        };
        assert!(failure);
    });
    let since = switch("v2", GOOD);
    with(&web, "v2", &since, |cx| {
        activate(cx).unwrap();
        assert_eq!(one(&prove(cx)), (Verdict::Pass, "processes"));
    });
    // Nothing of a release in its processes: only its start can be seen.
    let plain = settings(&[("plain", Restart::Restart)]);
    with(&plain, "v2", &since, |cx| {
        activate(cx).unwrap();
        assert_eq!(one(&prove(cx)), (Verdict::Pass, "weak: the unit was started after the switch"));
    });
    let later = switch("v2", GOOD);
    with(&plain, "v2", &later, |cx| {
        assert_eq!(one(&prove(cx)), (Verdict::Fail, "weak"));
        stop(cx).unwrap();
        assert_eq!(one(&prove(cx)).0, Verdict::Fail);
    });
    // A crash loop without an end is active again and again: neither started nor proven.
    let looping = settings(&[("loop", Restart::Restart)]);
    let since = switch("v3", "echo no database; sleep 0.3; exit 1\n");
    with(&looping, "v3", &since, |cx| {
        if activate(cx).is_ok() {
            assert_eq!(one(&prove(cx)).0, Verdict::Fail);
        }
        stop(cx).unwrap();
    });
    // A reload that keeps the old folder is found out.
    let gentle = settings(&[("gentle", Restart::Reload)]);
    let since = switch("v1", "trap : HUP; while :; do sleep 0.2; done\n");
    with(&gentle, "v1", &since, |cx| activate(cx).unwrap());
    let since = switch("v2", GOOD);
    with(&gentle, "v2", &since, |cx| {
        activate(cx).unwrap();
        assert_eq!(one(&prove(cx)), (Verdict::Fail, "processes"));
        stop(cx).unwrap();
    });
    for (name, words) in [("masked", "is masked"), ("nowhere", "does not exist")] {
        let wrong = settings(&[(name, Restart::Restart)]);
        let failure = with(&wrong, "v2", &since, |cx| activate(cx).unwrap_err());
        assert!(failure.what.contains(words), "{failure:?}");
    }
}

fn said(failure: &Failure) -> bool {
    println!("  {failure:?}");
    failure.because.iter().any(|cause| cause.expose().contains("no database"))
}

fn sockets() {
    let sock = settings(&[("sock", Restart::Restart)]);
    let connects = || std::net::TcpStream::connect("127.0.0.1:7001").is_ok();
    let since = switch("v1", GOOD);
    with(&sock, "v1", &since, |cx| {
        activate(cx).unwrap();
        assert_eq!(one(&prove(cx)), (Verdict::Pass, "processes"));
        assert!(connects());
    });
    // A release that ends at once takes the socket down with it: both come back.
    let since = switch("v3", "exit 1\n");
    with(&sock, "v3", &since, |cx| {
        let _fails = activate(cx);
        for _ in 0..50 {
            let _knock = connects();
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let since = switch("v2", GOOD);
    with(&sock, "v2", &since, |cx| {
        activate(cx).unwrap();
        assert_eq!(one(&prove(cx)), (Verdict::Pass, "processes"));
        assert!(connects());
        stop(cx).unwrap();
        assert!(!connects(), "the socket would start it again");
    });
}

fn checks_and_logs() {
    let settings = all();
    let privileged = Privileged::new(&settings);
    let web = self::settings(&[("web", Restart::Restart)]);
    let since = switch("v4", "echo ERROR one; echo fine; exec sleep 100000\n");
    with(&web, "v4", &since, |cx| activate(cx).unwrap());
    let live = Path::new(ROOT).join("releases/v4");
    let place = Place { root: &settings.root, live: &live, version: "v4", since: Some(&since), hands: &privileged };
    let ask = |question| {
        let answer = ask::ask(&Check { question, within: Seconds(0), from: CheckFrom::Host }, &place, &|| false);
        println!("  {} {:?} {}", answer.word, answer.verdict, answer.saw.expose());
        answer.verdict
    };
    let errors = |name: &str, at_most| Question::Errors {
        log: LogSource::Unit(unit(name)),
        patterns: vec!["ERROR".into()],
        at_most,
    };
    until("the line is in the journal", || ask(errors("web", 0)) == Verdict::Fail);
    assert_eq!(ask(errors("web", 1)), Verdict::Pass);
    assert_eq!(ask(errors("ssh", 1)), Verdict::Error, "a journal that may not be read is no good news");
    let later = Since::now(&[], &settings.root, &live);
    let after = Place { since: Some(&later), ..place };
    let none = Check { question: errors("web", 0), within: Seconds(0), from: CheckFrom::Host };
    assert_eq!(ask::ask(&none, &after, &|| false).verdict, Verdict::Pass, "what was logged before the switch");
    assert_eq!(ask(Question::Service { unit: unit("web") }), Verdict::Pass);
    assert_eq!(ask(Question::Service { unit: unit("plain") }), Verdict::Fail);
    assert_eq!(ask(Question::Nginx), Verdict::Pass);
    assert_eq!(ask(Question::Process { name: "cron".into(), at_least: 1 }), Verdict::Pass);

    let told = std::cell::RefCell::new(Vec::new());
    let wanted = Logs { sources: vec![LogSource::Unit(unit("web"))], lines: 50, follow: true };
    let mut restarted = false;
    let mut tell = |source: &str, line: &str| told.borrow_mut().push(format!("{source} {line}"));
    let looks = std::cell::Cell::new(0);
    let followed = || {
        looks.set(looks.get() + 1);
        let count = told.borrow().iter().filter(|line: &&String| line.ends_with("ERROR one")).count();
        assert!(looks.get() < 2000, "{:#?}", told.borrow());
        count >= 2
    };
    privileged.call(&Verb::Restart(unit("web"))).unwrap();
    restarted |= true;
    logs(&wanted, &settings, &live, &privileged, &mut tell, &followed).unwrap();
    assert!(restarted);
    let unique: std::collections::BTreeSet<_> = told.borrow().iter().cloned().collect();
    assert_eq!(unique.len(), told.borrow().len(), "no line comes twice: {:#?}", told.borrow());
}

fn prune() {
    let old = Path::new(ROOT).join("releases/old");
    assert!(fs::remove_dir_all(&old).is_err(), "this user cannot remove what the app left");
    let privileged = Privileged::new(&all());
    privileged.call(&Verb::Prune("old".parse().unwrap())).unwrap();
    assert!(!old.exists());
    assert!(
        privileged.call(&Verb::Prune("v4".parse().unwrap())).unwrap_err().because[0].expose().contains("it is live")
    );
}

fn watchdog_by_systemd() {
    let state = Path::new(ROOT).join(".rollback-deploy");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("pending"), "").unwrap();
    watchdog_ran();
    // What it started lives on.
    let child = fs::read_to_string(Path::new(ROOT).join("shared/child")).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let second = second();
    let state = second.root.as_path().join(".rollback-deploy");
    fs::create_dir_all(&state).unwrap();
    fs::create_dir_all(second.root.as_path().join("shared")).unwrap();
    fs::write(state.join("pending"), "").unwrap();
    until("the second app's watchdog ran", || second.root.as_path().join("shared/watchdog").exists());
    let line = fs::read(format!("/proc/{child}/cmdline")).unwrap();
    assert!(line.starts_with(b"/bin/sleep"));
}

fn watchdog_ran() {
    let ran = Path::new(ROOT).join("shared/watchdog");
    until("the watchdog ran", || ran.exists() && !Path::new(ROOT).join(".rollback-deploy/pending").exists());
    let uid = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(fs::read_to_string(ran).unwrap(), uid.to_string(), "it runs as the deploy user");
}

fn crontab() {
    let mut without = request(SetupMode::Apply, Some(WatchdogKind::Crontab));
    without.settings.services.clear();
    std::process::Command::new("sh").args(["-c", "echo '@daily true' | crontab -"]).status().unwrap();
    let steps = setup(&without).unwrap();
    assert!(steps.iter().filter(|step| step.changed).count() == 2, "{steps:#?}");
    assert!(setup(&without).unwrap().iter().all(|step| step.done && !step.changed));
    fs::remove_file(Path::new(ROOT).join("shared/watchdog")).unwrap();
    let lines = || String::from_utf8(std::process::Command::new("crontab").arg("-l").output().unwrap().stdout).unwrap();
    assert_eq!(lines().lines().count(), 3, "{}", lines());
    // The line works as cron runs it.
    let line = lines().lines().find(|line| line.starts_with("* * * * * ")).unwrap().replace("* * * * * ", "");
    fs::write(Path::new(ROOT).join(".rollback-deploy/pending"), "").unwrap();
    assert!(std::process::Command::new("sh").args(["-c", &line]).status().unwrap().success());
    watchdog_ran();
    // Back to systemd's units: the crontab's lines go, the others stay.
    let back = SetupRequest { watchdog: Some(WatchdogKind::Systemd), ..without };
    setup(&back).unwrap();
    assert_eq!(lines(), "@daily true\n");
}

fn remove() {
    let mut second = request(SetupMode::Remove, None);
    second.settings = self::second();
    let removed = setup(&second).unwrap();
    assert!(removed.iter().all(|step| step.done), "{removed:#?}");
    assert!(Path::new("/usr/local/lib/rollback-deploy/rollback-deploy").exists(), "the first app needs it");
    let removed = setup(&request(SetupMode::Remove, None)).unwrap();
    assert!(removed.iter().all(|step| step.done), "{removed:#?}");
    for path in [
        "/usr/local/lib/rollback-deploy",
        "/etc/rollback-deploy",
        "/etc/sudoers.d/rollback-deploy-diary",
        "/etc/systemd/system/rollback-deploy-diary.path",
        "/etc/systemd/system/rollback-deploy-diary.service",
        "/etc/systemd/system/rollback-deploy-diary.timer",
    ] {
        assert!(!Path::new(path).exists(), "{path}");
    }
    assert!(Path::new(ROOT).join("releases/v4").exists(), "the app's own stays");
    assert!(setup(&request(SetupMode::Remove, None)).unwrap().iter().all(|step| step.done && !step.changed));
    assert!(setup(&request(SetupMode::Check, Some(WatchdogKind::Systemd))).unwrap().iter().any(|step| !step.done));
}
