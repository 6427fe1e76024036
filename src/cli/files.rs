//! `validate`, `init`, and `setup` as root: verbs that need no agent.

use rollback_deploy_core::model::{Failure, Label, Outcome, Place};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Answer, Report, SetupMode, SetupRequest};

use super::args::Common;
use super::place::{self, Meant};
use crate::agent;
use crate::engine::Events;
use crate::verb::{init, validate};

/// Reads the deploy file and tells every mistake, or what it says.
pub(super) fn validate(common: &Common, events: &Events) -> Result<Outcome, Vec<Failure>> {
    let path = common.file.clone().or_else(place::find_file).ok_or_else(|| {
        vec![
            Failure::input("no deploy file was found")
                .at(Place::Input("--file".into()))
                .hint("`rollback-deploy init` writes a first one."),
        ]
    })?;
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|error| {
        vec![
            Failure::input("the deploy file cannot be read")
                .at(Place::File { path: shown.clone(), at: None })
                .because(error.to_string()),
        ]
    })?;
    let summary = validate::validate(&text, &shown)?;
    let mut lines = Vec::new();
    for row in &summary.environments {
        let hosts: Vec<_> = row.hosts.iter().map(Label::as_str).collect();
        let hosts = if hosts.is_empty() { "this machine".to_owned() } else { hosts.join(", ") };
        let services = if row.services.is_empty() { "no services".to_owned() } else { row.services.join(", ") };
        let checks = row.checks + row.runner_checks;
        lines.push(format!("{}: {hosts}; {services}; {checks} checks", row.name));
        lines.extend(row.notes.iter().map(|note| format!("  note: {note}")));
    }
    events.tell(None, Fact::Step(format!("{shown} is right: app {}", summary.app)));
    events.tell(None, Fact::Planned(lines));
    Ok(Outcome::Done)
}

/// Writes a first deploy file and workflows.
pub(super) fn init(events: &Events) -> Result<Outcome, Vec<Failure>> {
    let here = std::env::current_dir().map_err(|error| vec![Failure::bug(error.to_string())])?;
    let drafted = init::init(&here).map_err(|failure| vec![failure])?;
    for (path, draft) in &drafted.files {
        events.tell(None, Fact::Step(format!("{}: {path}", draft.word())));
    }
    events.tell(None, Fact::Planned(drafted.next));
    Ok(Outcome::Done)
}

/// Sets this machine up for somebody else: root is no deploy user, so no agent works for root in that user's folder.
pub(super) fn setup_as_root(meant: &Meant, mode: SetupMode, events: &Events) -> Result<Outcome, Vec<Failure>> {
    if !meant.by_file && mode != SetupMode::Remove {
        return Err(vec![
            Failure::input("root sets a host up by the deploy file: it names the units that the root face may touch")
                .at(Place::Input("--file".into()))
                .hint("Copy it here and give it with --file; or let the first deploy by a user with sudo set the host up."),
        ]);
    }
    #[expect(clippy::disallowed_methods, reason = "a face: who called sudo")]
    let called = std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty() && user != "root");
    let settings = meant.environment.settings.clone();
    let request = SetupRequest { mode, settings, watchdog: meant.environment.watchdog };
    events.tell(None, Fact::Began { verb: "setup".to_owned(), version: None });
    let steps = agent::setup::setup_by_root(&request, called.as_deref()).map_err(|failure| vec![failure])?;
    let open = steps.iter().any(|step| !step.done);
    events.tell(None, Fact::SetUp(Box::new(Answer::Done(Box::new(Report::Setup(steps))))));
    Ok(if mode == SetupMode::Check && open { Outcome::No } else { Outcome::Done })
}
