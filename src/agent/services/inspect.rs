//! What would stop the services from taking a new release, found out before anything is changed.

use std::path::Path;

use rollback_deploy_core::model::facts::SetupState;
use rollback_deploy_core::model::{Failure, LogSource, Question, Restart, Service, Settings, UnitName};

use crate::agent::privileged::Privileged;
use crate::ask::Hands as _;
use crate::ask::unit::UnitState;
use crate::root::Verb;

/// Paths of a unit that systemd resolves once, at its start: a reload keeps the old release in them.
const SANDBOX: [&str; 6] =
    ["ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "BindPaths", "BindReadOnlyPaths", "RootDirectory"];

/// The obstacles, each with its way out. What set-up is about to permit is none.
#[must_use]
pub fn inspect(settings: &Settings, privileged: &Privileged, setup: SetupState) -> Vec<Failure> {
    let units = settings.services.iter().filter_map(|service| match service {
        Service::Systemd { unit, how } => Some((unit, *how)),
        Service::Commands { .. } => None,
    });
    let mut found: Vec<Failure> = units.flat_map(|(unit, how)| about(settings, privileged, setup, unit, how)).collect();
    if setup != SetupState::Possible {
        found.extend(journals(settings, privileged));
    }
    found
}

fn about(
    settings: &Settings,
    privileged: &Privileged,
    setup: SetupState,
    unit: &UnitName,
    how: Restart,
) -> Vec<Failure> {
    let state = match UnitState::of(unit) {
        Ok(state) => state,
        Err(failure) => return vec![failure.on_host(unit.full())],
    };
    let mut found = Vec::new();
    if let Some(why) = state.unusable() {
        found.push(
            Failure::refused(format!("the unit {why}"))
                .on_host(unit.full())
                .hint("Install the unit on the host, or correct its name under services."),
        );
        return found;
    }
    if setup != SetupState::Possible {
        found.extend(may_all(privileged, unit, how, &state).err());
    }
    if how == Restart::Reload {
        if state.get("CanReload") != "yes" {
            found.push(
                Failure::refused("the unit cannot be reloaded: it has no ExecReload")
                    .on_host(unit.full())
                    .hint("Use the default (restart) for this service, or give the unit an ExecReload."),
            );
        }
        let crossing = SANDBOX.iter().find(|name| crosses(state.get(name), settings.link.as_path()));
        found.extend(crossing.map(|name| {
            Failure::refused(format!(
                "a reload would keep the old release: the unit's {name} leads through the live link"
            ))
            .on_host(unit.full())
            .hint("Use the default (restart) for this service.")
        }));
    }
    found
}

/// Every privileged act that an activation, its proof or its undo may need, asked of the root face: the first that it
/// would not do.
fn may_all(privileged: &Privileged, unit: &UnitName, how: Restart, state: &UnitState) -> Result<(), Failure> {
    let here = |failure: Failure| if failure.place.is_none() { failure.on_host(unit.full()) } else { failure };
    for verb in needed(unit, how, &super::systemd::sockets(state)?) {
        privileged.permitted(&verb).map_err(here)?;
    }
    // Really read: hidden processes (another user's, hidepid) must be shown by somebody.
    privileged.processes(unit).map(drop).map_err(here)
}

fn needed(unit: &UnitName, how: Restart, sockets: &[UnitName]) -> Vec<Verb> {
    let log = |unit: &UnitName| Verb::Log { unit: unit.clone(), lines: 1, since_us: None, after: None };
    // A unit that is down is started also where it would be reloaded.
    let mut verbs =
        vec![Verb::Restart(unit.clone()), Verb::Stop(unit.clone()), Verb::ResetFailed(unit.clone()), log(unit)];
    if how == Restart::Reload {
        verbs.push(Verb::Reload(unit.clone()));
    }
    for socket in sockets {
        verbs.extend([Verb::ResetFailed(socket.clone()), Verb::Start(socket.clone()), Verb::Stop(socket.clone())]);
    }
    verbs
}

/// The journals that checks read have to be readable: silence would be taken for "no errors".
fn journals(settings: &Settings, privileged: &Privileged) -> Vec<Failure> {
    let units = settings.checks.iter().filter_map(|check| match &check.question {
        Question::Errors { log: LogSource::Unit(unit), .. } => Some(unit),
        _ => None,
    });
    units
        .filter_map(|unit| privileged.journal(unit, None, 1).err().map(|failure| failure.on_host(unit.full())))
        .collect()
}

/// Whether a list of paths has one at or below the link. An entry may have `-` or `+` in front and `:` inside.
fn crosses(list: &str, link: &Path) -> bool {
    let paths = list.split_whitespace().flat_map(|entry| entry.trim_start_matches(['-', '+']).split(':'));
    paths.map(Path::new).any(|path| path.starts_with(link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_an_activation_or_its_undo_may_need_is_asked_for() {
        let unit = |name: &str| UnitName::new(name).unwrap();
        let words = |how, sockets: &[UnitName]| {
            let words = needed(&unit("web"), how, sockets).into_iter().map(|verb| verb.words()[..2].join(" "));
            words.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            words(Restart::Restart, &[]),
            "restart web.service, stop web.service, reset-failed web.service, log web"
        );
        let with = words(Restart::Reload, &[unit("web.socket")]);
        assert!(
            with.ends_with("reload web.service, reset-failed web.socket, start web.socket, stop web.socket"),
            "{with}"
        );
    }

    #[test]
    fn paths_through_the_link() {
        let link = Path::new("/srv/app/current");
        for (list, is) in [
            ("/srv/app/current/logs", true),
            ("/var/log -/srv/app/current", true),
            ("/x:/srv/app/current/y:rbind", true),
            ("/srv/app/shared /srv/app/current2", false),
            ("", false),
        ] {
            assert_eq!(crosses(list, link), is, "{list}");
        }
    }
}
