//! systemd's units that keep the promise: they run as the deploy user, and only while a change is open.

use std::path::PathBuf;

use rollback_deploy_core::model::{AppName, Failure, Seconds, Settings};

use super::file::OwnedFile;
use super::item::{Item, Now};
use crate::ask::command::{Spec, take};
use crate::ask::unit::{UnitState, systemctl};
use crate::root::PROGRAM;

const FOLDER: &str = "/etc/systemd/system";

/// The name of one of our units for an app: `+` must be written as systemd does.
fn name(app: &AppName, suffix: &str) -> String {
    format!("rollback-deploy-{}.{suffix}", app.as_str().replace('+', "\\x2b"))
}

/// `%` begins a specifier.
fn plain(text: &str) -> String {
    text.replace('%', "%%")
}

/// One word of a command line.
fn quoted(text: &str) -> String {
    let inner = text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$");
    format!("\"{}\"", plain(&inner))
}

fn path_unit(settings: &Settings) -> String {
    let state = plain(&format!("{}/.rollback-deploy", settings.root));
    let (app, service) = (&settings.app, name(&settings.app, "service"));
    format!(
        "# Written by rollback-deploy setup.\n\
         [Unit]\nDescription=rollback-deploy: looks out for an open change of {app}\n\n\
         [Path]\nPathExists={state}/pending\nPathExists={state}/aborting\nUnit={service}\n\n\
         [Install]\nWantedBy=multi-user.target\n"
    )
}

/// Never start-limited; what it starts outlives it; never ordered before the app, which it may have to restart.
fn service_unit(settings: &Settings, user: &str) -> String {
    let (app, program, root) = (&settings.app, quoted(PROGRAM), quoted(settings.root.as_str()));
    format!(
        "# Written by rollback-deploy setup.\n\
         [Unit]\nDescription=rollback-deploy: keeps the promise for an open change of {app}\n\
         After=network.target\nStartLimitIntervalSec=0\n\n\
         [Service]\nType=simple\nUser={user}\nExecStart={program} watchdog {root}\n\
         KillMode=process\nRestart=on-failure\nRestartSec=1\n"
    )
}

fn timer_unit(settings: &Settings) -> String {
    let (app, service) = (&settings.app, name(&settings.app, "service"));
    format!(
        "# Written by rollback-deploy setup.\n\
         [Unit]\nDescription=rollback-deploy: looks after {app} after a start of the host, and now and then\n\n\
         [Timer]\nOnBootSec=5\nOnUnitInactiveSec=60\nAccuracySec=1s\nUnit={service}\n\n\
         [Install]\nWantedBy=timers.target\n"
    )
}

pub(super) fn items(settings: &Settings, user: &str) -> Result<Vec<Item>, Failure> {
    systemctl()?;
    let app = &settings.app;
    let file = |suffix: &str, what: &str, text: String| {
        let path = PathBuf::from(FOLDER).join(name(app, suffix));
        Item::file(&format!("the watchdog: {what}"), OwnedFile::new(path, text.into_bytes(), 0o644))
    };
    let service = file("service", &format!("runs as {user}"), service_unit(settings, user));
    Ok(vec![
        service,
        file("path", "starts with each open change", path_unit(settings)),
        file("timer", "starts after each start of the host", timer_unit(settings)),
        running(app),
    ])
}

/// Whether a unit file of ours for this app is left.
pub(super) fn any_there(app: &AppName) -> bool {
    ["service", "path", "timer"].iter().any(|suffix| PathBuf::from(FOLDER).join(name(app, suffix)).exists())
}

/// That systemd has read the units and looks out.
fn running(app: &AppName) -> Item {
    let [path, timer, service] = ["path", "timer", "service"].map(|suffix| name(app, suffix));
    let (look_path, look_timer) = (path.clone(), timer.clone());
    let (make_path, make_timer) = (path.clone(), timer.clone());
    Item {
        what: format!("systemd: {path} and {timer} are enabled and active"),
        now: Box::new(move || {
            let states = [UnitState::read(&look_path)?, UnitState::read(&look_timer)?];
            let stands = |state: &UnitState| {
                matches!(state.get("ActiveState"), "active") && state.get("UnitFileState") == "enabled"
            };
            let gone =
                |state: &UnitState| state.get("ActiveState") != "active" && state.get("UnitFileState") != "enabled";
            Ok(if states.iter().any(|state| state.get("NeedDaemonReload") == "yes") {
                Now::Wrong("systemd has not read its unit files again".into())
            } else if states.iter().all(stands) {
                Now::Right
            } else if states.iter().all(gone) {
                Now::Missing
            } else {
                Now::Wrong("not both are".into())
            })
        }),
        make: Box::new(move || {
            call(&["daemon-reload"])?;
            call(&["enable", "--quiet", "--", &make_path, &make_timer])?;
            // Not only started: units that ran with another text take the new one.
            call(&["restart", "--", &make_path, &make_timer])
        }),
        unmake: Some(Box::new(move || {
            call(&["disable", "--quiet", "--now", "--", &path, &timer])?;
            call(&["stop", "--", &service])
        })),
        hidden: false,
    }
}

fn call(words: &[&str]) -> Result<(), Failure> {
    let argv = [&[systemctl()?], words].concat();
    let ended = take(&Spec::program(argv).within(Seconds(60)))
        .map_err(|error| Failure::failed("systemctl could not be started").because(error.to_string()))?;
    if ended.ok() {
        return Ok(());
    }
    Err(Failure::failed(format!("systemctl {} {}", words[0], ended.words())).because(ended.tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_systemd_is_written_so_that_it_does_not() {
        let app = AppName::new("a+b.c").unwrap();
        assert_eq!(name(&app, "path"), "rollback-deploy-a\\x2bb.c.path");
        assert_eq!(quoted("/srv/50% of \"$x\\"), "\"/srv/50%% of \\\"$$x\\\\\"");
    }
}
