//! Questions to a host that change nothing: status, list, history, health, logs, what goes into a backup.

use std::fs;
use std::io::Read as _;

use rollback_deploy_core::model::{AbsPath, Failure, Foreign, ReleaseId, Service, Story};
use rollback_deploy_core::wire::{Answer, Logs, Query, Report};

use super::cx::Cx;
use super::privileged::Privileged;
use super::store::{self, names};
use super::{logs, running};

/// The most lines of history that one answer holds.
const MOST_LINES: usize = 2000;

/// Answers a question.
pub fn ask(cx: Cx<'_>, query: &Query) -> Answer {
    let answered = match query {
        Query::Status => store::status(cx.state, live_link(cx).as_path()).map(Report::Status),
        Query::List => Ok(Report::Releases(store::releases(cx.state))),
        Query::Settings => settings(cx).map(Report::Settings),
        Query::History { limit } => history(cx, *limit),
        Query::Health => health(cx),
        Query::Logs(wanted) => logs_of(cx, wanted).map(|()| Report::LogsEnded),
        Query::Backup { release } => backup(cx, release),
    };
    answered.map_or_else(Answer::Refused, |report| Answer::Done(Box::new(report)))
}

/// The live link, as what runs (or is open) says; the usual place when nothing ever ran here.
pub fn live_link(cx: Cx<'_>) -> AbsPath {
    let confirmed = store::confirmed(cx.state).ok().flatten().map(|txn| txn.release);
    let open = match store::open(cx.state) {
        store::OpenTxn::Pending(txn) | store::OpenTxn::Aborting(txn) => Some(txn.release),
        _ => None,
    };
    let story = confirmed.or(open).and_then(|id| store::story(cx.state, &id).ok());
    let usual = || AbsPath::new(format!("{}/current", cx.state.root()));
    story.map(|story| story.settings.link).or_else(|| usual().ok()).unwrap_or_else(|| cx.state.root().clone())
}

fn settings(cx: Cx<'_>) -> Result<Option<Box<rollback_deploy_core::model::Settings>>, Failure> {
    match store::confirmed(cx.state)? {
        Some(txn) => Ok(Some(Box::new(store::story(cx.state, &txn.release)?.settings))),
        None => Ok(None),
    }
}

fn history(cx: Cx<'_>, limit: u32) -> Result<Report, Failure> {
    let path = cx.state.root().as_path().join("deploy.log");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(super::state::explain("the history cannot be read", &path, &error)),
    };
    let most = usize::try_from(limit).unwrap_or(MOST_LINES).min(MOST_LINES);
    Ok(Report::History(text.lines().rev().take(most).map(str::to_owned).collect()))
}

/// The logs of what is confirmed, or else of what was tried last; line by line, each with the name of its source.
fn logs_of(cx: Cx<'_>, wanted: &Logs) -> Result<(), Failure> {
    let story = match live_story(cx) {
        Ok(story) => story,
        Err(nothing) => store::story(cx.state, &last_tried(cx).ok_or(nothing)?)?,
    };
    let folder = store::folder(cx.state, &story.id);
    let privileged = Privileged::new(&story.settings);
    let mut tell = |source: &str, line: &str| cx.tell.said(Foreign::new(format!("{source}: {line}")));
    logs::logs(wanted, &story.settings, &folder, &privileged, &mut tell, &|| cx.tell.cancelled())
}

/// The release of the newest change that is open or was undone: after a bad first deploy its logs are what is wanted.
fn last_tried(cx: Cx<'_>) -> Option<ReleaseId> {
    let tried = [names::PENDING, names::ABORTING, names::FAILED, names::ABORTED];
    let tried = tried.into_iter().filter_map(|name| store::txn(cx.state, name).ok().flatten());
    tried.max_by_key(|txn| txn.seq).map(|txn| txn.release)
}

fn live_story(cx: Cx<'_>) -> Result<Story, Failure> {
    let txn = store::confirmed(cx.state)?.ok_or_else(|| {
        Failure::refused("nothing was ever confirmed on this host, so there is nothing to ask about")
            .hint("Deploy a first release.")
    })?;
    store::story(cx.state, &txn.release)
}

/// The checks of what is confirmed, each asked once: how it is now, not how it may be by the end of its `within`.
fn health(cx: Cx<'_>) -> Result<Report, Failure> {
    let story = live_story(cx)?;
    let results = running::check_once(cx, &story, None);
    for result in &results {
        cx.tell.checked(result);
    }
    Ok(Report::Checked(results))
}

/// The release's record, manifest, units and web-server files, and the version before it; nothing from `shared/`.
fn backup(cx: Cx<'_>, id: &ReleaseId) -> Result<Report, Failure> {
    let story = store::story(cx.state, id)?;
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for (name, at) in
        [(names::story(id), "release"), (names::state(id), "release.state"), (names::manifest(id), "manifest")]
    {
        match cx.state.read_text(&name) {
            Ok(Some(text)) => files.push((at.to_owned(), text)),
            Ok(None) => missing.push(format!("{name}: it is not there")),
            Err(error) => missing.push(format!("{name}: {error}")),
        }
    }
    for service in &story.settings.services {
        let Service::Systemd { unit, .. } = service else { continue };
        let paths = match crate::ask::unit::UnitState::of(unit) {
            Ok(state) => format!("{} {}", state.get("FragmentPath"), state.get("DropInPaths")),
            Err(failure) => {
                missing.push(format!("the files of {}: {}", unit.full(), failure.what));
                continue;
            }
        };
        if paths.trim().is_empty() {
            missing.push(format!("the files of {}: systemd names none", unit.full()));
        }
        for path in paths.split_whitespace() {
            add_file(path, "systemd", &mut files, &mut missing);
        }
    }
    for folder in ["/etc/nginx/sites-enabled", "/etc/nginx/conf.d"] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            add_file(&entry.path().display().to_string(), "nginx", &mut files, &mut missing);
        }
    }
    let confirmed = store::confirmed(cx.state)?;
    let previous = confirmed.filter(|txn| txn.release == *id).and_then(|txn| txn.previous);
    Ok(Report::Backup { previous, files, missing })
}

/// A file of the system, up to a little more than is taken.
fn read_small(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    // Links are common in sites-enabled: they are followed, and what they lead to must be a regular file.
    crate::ask::regular::open_linked(std::path::Path::new(path))?.take(257 * 1024).read_to_string(&mut text)?;
    Ok(text)
}

fn add_file(path: &str, below: &str, files: &mut Vec<(String, String)>, missing: &mut Vec<String>) {
    match read_small(path) {
        Ok(text) if text.len() <= 256 * 1024 => {
            // The whole path: drop-ins of several units, and sites of several folders, have the same names.
            files.push((format!("{below}{path}"), text));
        }
        Ok(_) => missing.push(format!("{path}: it is larger than 256 KiB")),
        Err(error) => missing.push(format!("{path}: {error}")),
    }
}
