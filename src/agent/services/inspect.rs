//! What would stop the services from taking a new release, found out before anything is changed.

use std::path::Path;

use rollback_deploy_core::model::facts::SetupState;
use rollback_deploy_core::model::{Failure, Restart, Service, Settings, UnitName};

use crate::agent::privileged::Privileged;
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
    units.flat_map(|(unit, how)| about(settings, privileged, setup, unit, how)).collect()
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
        let wanted = match how {
            Restart::Restart => Verb::Restart(unit.clone()),
            Restart::Reload => Verb::Reload(unit.clone()),
        };
        found.extend(privileged.permitted(&wanted).err().map(|failure| failure.on_host(unit.full())));
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

/// Whether a list of paths has one at or below the link. An entry may have `-` or `+` in front and `:` inside.
fn crosses(list: &str, link: &Path) -> bool {
    let paths = list.split_whitespace().flat_map(|entry| entry.trim_start_matches(['-', '+']).split(':'));
    paths.map(Path::new).any(|path| path.starts_with(link))
}

#[cfg(test)]
mod tests {
    use super::*;

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
