//! A branch without a tag: each deploy of it is a snapshot with a name of its own.

use super::first::has;
use super::operator::{File, Operator};
use crate::world::host::{App, Host, Options};
use crate::world::sample::Behaviour;

/// `main-YYYYMMDD-HHMMSS`?
#[track_caller]
fn is_snapshot(name: &str, branch: &str) {
    let digits = name.strip_prefix(branch).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let shape = |(at, c): (usize, char)| if at == 8 { c == '-' } else { c.is_ascii_digit() };
    assert!(digits.len() == 15 && digits.chars().enumerate().all(shape), "{name:?} is no snapshot of {branch}");
}

#[test]
#[ignore = "world: hosts"]
fn a_branch_is_deployed_as_a_snapshot_and_taken_back() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let mut file = File::of(&app);
    // What it says of itself is its commit's, not the snapshot's name.
    file.health.truncate(1);
    let ada = Operator::new(&[("web-1", &host)], &file);
    ada.sample.tag("v1.3.0", Behaviour::Good);
    let commit = |says: &str| {
        std::fs::write(ada.sample.folder().join("VERSION"), format!("{says}\n")).unwrap();
        ada.sample.git(&["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-qam", says]);
        ada.sample.commit("HEAD")
    };
    let live = || host.exec("basename $(readlink /srv/diary/current)");
    ada.ends(0, &["deploy", "v1.3.0"]);
    // A branch is never meant by accident.
    has(&ada.ends(2, &["deploy"]), &["no version was given", "v1.3.0"]);

    let first_commit = commit("first of main");
    has(&ada.ends(0, &["plan", "main"]), &["stage main-"]);
    has(&ada.ends(0, &["deploy", "main"]), &["confirmed: main-", "way back: v1.3.0"]);
    let first = live();
    is_snapshot(&first, "main");
    assert_eq!(host.app_version(&app).as_deref(), Some("first of main"));
    let record = host.exec(&format!("cat /srv/diary/.rollback-deploy/releases/{first}"));
    has(&record, &[&format!("commit={first_commit}")]);

    // The same commit again is live already; the next one is another snapshot.
    let process = host.get(&app, "/pid");
    has(&ada.ends(0, &["deploy", "main"]), &["already-live", "nothing was restarted"]);
    assert_eq!(host.get(&app, "/pid"), process);
    commit("second of main");
    ada.ends(0, &["deploy", "main"]);
    let second = live();
    is_snapshot(&second, "main");
    assert_ne!(first, second);
    assert_eq!(host.app_version(&app).as_deref(), Some("second of main"));

    // Another branch, by its own name; what a folder may not be called is replaced.
    ada.sample.git(&["checkout", "-q", "-b", "feature/login"]);
    commit("a login");
    ada.ends(0, &["deploy", "feature/login"]);
    is_snapshot(&live(), "feature-login");
    assert_eq!(host.app_version(&app).as_deref(), Some("a login"));

    // Back to the one before, to a named one, to a tag.
    ada.ends(0, &["rollback"]);
    assert_eq!(live(), second);
    ada.ends(0, &["rollback", &first]);
    assert_eq!(host.app_version(&app).as_deref(), Some("first of main"));
    ada.ends(0, &["rollback", "v1.3.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.3.0"));
    has(&ada.ends(0, &["list"]), &[&first, &second, "v1.3.0", "feature-login-"]);
}
