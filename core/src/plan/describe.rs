//! A plan in words: exactly what would happen on each target, from its real state.

use super::foresee::{self, stops};
use super::order::{Plan, TargetPlan, Wanted};
use crate::model::{Facts, Operation, SchemaVerdict, Service, SharedPath};
use crate::wire::Staging;

/// What would happen on a target, line by line.
#[must_use]
pub fn describe(plan: &Plan, target: &TargetPlan, facts: &Facts) -> Vec<String> {
    let mut lines = vec![now(facts)];
    let refused = stops(plan, target, facts);
    if !refused.is_empty() {
        lines.extend(refused.iter().map(|failure| format!("refused: {}", failure.what)));
        return lines;
    }
    lines.extend(match &target.wanted {
        Wanted::AlreadyLive(release) => {
            vec![format!("nothing to do: {release} is {} already, with this content and settings", live(facts))]
        }
        Wanted::There { release, with_env } => back(release.as_str(), *with_env),
        Wanted::Staged(staging) => deploy(plan, target, staging, facts),
    });
    let strangers = facts.strangers.iter();
    lines.extend(strangers.map(|name| format!("note: releases/{name} has no record of ours: it is left alone")));
    lines.extend(facts.warnings.iter().map(|warning| format!("note: {warning}")));
    if plan.operation == Operation::Deploy {
        lines.push(match &facts.status.confirmed {
            Some(proven) if target.schema() == SchemaVerdict::OneWay => {
                format!("way back: {}, but only with its database: the migration is one-way", proven.version)
            }
            Some(proven) => format!("way back: {}, needs no network", proven.version),
            None => "way back: nothing live, as before".to_owned(),
        });
    }
    if let Some(watchdog) = facts.watchdog {
        lines.push(format!("promise: one rename switches; the host goes back by itself ({})", watchdog.promise()));
    }
    lines
}

fn now(facts: &Facts) -> String {
    let status = &facts.status;
    let live = status
        .confirmed
        .as_ref()
        .map_or("nothing is live".to_owned(), |proven| format!("{} is {}", proven.version, live(facts)));
    match &status.open {
        Some(open) if open.aborting => {
            format!("{live}; an undo of {} is under way and is finished first", open.release)
        }
        Some(open) => format!("{live}; a {} of {} by {} is open", open.operation, open.release, open.by),
        None => live,
    }
}

/// What confirmed it may have asked nothing.
fn live(facts: &Facts) -> &'static str {
    let unproven = facts.releases.iter().any(|row| row.live && !row.proven);
    if unproven { "live, but not proven" } else { "live and proven" }
}

fn back(release: &str, with_env: bool) -> Vec<String> {
    let mut lines = vec![format!("switch back to {release} by its own record: its services, its checks")];
    if with_env {
        lines.push("bring back the environment file that was kept with it".to_owned());
    }
    lines.push("if nobody confirms, the watchdog keeps what passes its checks".to_owned());
    lines
}

fn deploy(plan: &Plan, target: &TargetPlan, staging: &Staging, facts: &Facts) -> Vec<String> {
    let (settings, version) = (&staging.settings, &staging.info.version);
    let mut lines = Vec::new();
    if facts.setup == crate::model::facts::SetupState::Possible {
        lines.push("set the host up first: root-owned program, policy, one sudoers line, watchdog".to_owned());
    }
    if facts.releases.is_empty() {
        lines.push(format!(
            "first deploy: {} is taken for app {}, environment {}",
            settings.root, settings.app, settings.environment
        ));
    }
    let (staged, is_new) = foresee::staging(plan, staging, facts);
    lines.extend(staged);
    if is_new {
        lines.extend(settings.shared.iter().map(|shared| match shared {
            SharedPath::File(path) => format!("link shared file {path} before the build"),
            SharedPath::Folder { path, .. } => format!("link shared folder {path}/ after the build"),
        }));
        let first = |command: &String| format!("build: {}", command.lines().next().unwrap_or_default());
        lines.extend(settings.build.iter().map(first));
    }
    lines.push(format!("open the change for {}, at most {}; wait for the watchdog", target.window, target.hard_limit));
    if let Some(migrate) = &settings.migrate {
        let stands = facts.status.confirmed.as_ref().and_then(|proven| proven.head.as_ref());
        let stands = stands.map_or_else(String::new, |head| format!("; the database stands at {}", head.expose()));
        let run = migrate.run.lines().next().unwrap_or_default();
        lines.push(format!("migrate ({}): {run}{stands}", migrate.verdict.word()));
    }
    lines.push(format!("switch {} by one rename", settings.link));
    lines.extend(settings.services.iter().map(|service| match service {
        Service::Systemd { unit, how } => {
            format!("{how:?} {}, then prove that it runs {version}", unit.full()).to_lowercase_first()
        }
        Service::Commands { name, .. } => {
            format!("stop and start {name} by its own commands, then prove that it runs {version}")
        }
    }));
    let checks = settings.checks.iter().map(|check| format!("{} {}", check.question.word(), check.question.subject()));
    let checks: Vec<_> = checks.collect();
    lines.push(match (checks.is_empty(), settings.services.is_empty()) {
        (false, _) => format!("check: {}", checks.join("; ")),
        (true, false) => "check: services active, same main process and no restart for 10 s".to_owned(),
        (true, true) => "check: nothing (unchecked)".to_owned(),
    });
    lines.push(if target.is_unchecked(plan) {
        "confirm on a new connection without any answer: it does not count as proven".to_owned()
    } else {
        "confirm on a new connection; otherwise go back, check again, keep the evidence".to_owned()
    });
    lines.push(foresee::pruned(target, facts));
    lines.extend(plan.allow.iter().map(|allow| format!("override in force: {allow}")));
    lines
}

/// The first letter small: words of an enum inside a sentence.
trait LowercaseFirst {
    fn to_lowercase_first(self) -> String;
}

impl LowercaseFirst for String {
    fn to_lowercase_first(self) -> String {
        let mut chars = self.chars();
        chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
    }
}
