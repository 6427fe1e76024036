use rollback_deploy_core::model::Service;

use super::*;
use crate::agent::services::tests::settings;

/// A host without systemd, or one where nothing may be installed by a test: only what looks is run here. The rest is
/// tried on real hosts.
#[test]
fn looking_changes_nothing_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().join("app");
    let mut settings = settings(root.to_str().unwrap());
    settings.services.clear();
    let request = SetupRequest { mode: SetupMode::Plan, settings, watchdog: Some(WatchdogKind::Detached) };
    let steps = setup(&request).unwrap();
    assert!(steps.iter().any(|step| !step.done && step.what.contains("the app's folder")), "{steps:?}");
    assert!(steps.iter().all(|step| !step.changed));
    assert!(!root.exists());
}

#[test]
fn an_open_change_keeps_its_watchdog() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::create_dir_all(root.join(".rollback-deploy/pending")).unwrap();
    let settings = settings(root.to_str().unwrap());
    let request = SetupRequest { mode: SetupMode::Remove, settings, watchdog: None };
    assert!(setup(&request).unwrap_err().what.contains("a change is open"));
}

#[test]
fn only_units_need_the_root_face() {
    let mut settings = settings("/srv/app");
    settings.services.clear();
    assert!(!Order::root_face(&settings));
    let service = |start: &str| Service::Commands {
        name: "x".into(),
        start: start.into(),
        stop: "true".into(),
        status: "true".into(),
    };
    settings.services = vec![service("true")];
    assert!(!Order::root_face(&settings));
    settings
        .services
        .push(Service::Systemd { unit: "web".parse().unwrap(), how: rollback_deploy_core::model::Restart::default() });
    assert!(Order::root_face(&settings));
}

#[test]
fn possible_kinds_end_with_the_weakest() {
    assert_eq!(possible().last(), Some(&WatchdogKind::Detached));
    if systemctl().is_err() {
        assert!(!possible().contains(&WatchdogKind::Systemd));
    }
}
