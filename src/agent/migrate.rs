//! The migration of a change: detached, recorded, waited for. While it lives no undo completes and nothing else begins.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use rollback_deploy_core::model::{Failure, Foreign, Record, SchemaVerdict, Story, Txn, TxnId};
use rollback_deploy_core::wire::{Answer, Report};

use super::cx::Cx;
use super::state::{State, explain};
use super::store::{self, names};
use super::{clock, step};
use crate::ask::command::{self, Spec};

/// Runs the migration of an open change, once; asked again, waits for it and tells how it ended.
pub fn migrate(cx: Cx<'_>, id: &TxnId) -> Answer {
    migrated(cx, id).unwrap_or_else(Answer::Failed)
}

fn migrated(cx: Cx<'_>, id: &TxnId) -> Result<Answer, Failure> {
    let txn = match super::own(cx, id) {
        Ok(txn) => txn,
        Err(answer) => return Ok(answer),
    };
    let story = store::story(cx.state, &txn.release)?;
    if story.settings.migrate.is_none() || txn.schema == SchemaVerdict::None {
        return Ok(Answer::Done(Box::new(Report::Migrated { schema: SchemaVerdict::None, ran: false })));
    }
    if !store::migration_begun(cx.state, &txn) {
        spawn(cx, &txn)?;
    }
    let ended = wait(cx, &txn)?;
    tell_log(cx, &txn);
    match ended.get("code") {
        Some("0") => Ok(Answer::Done(Box::new(Report::Migrated { schema: txn.schema, ran: true }))),
        _ => Err(Failure::failed(format!("the migration {}", ended.get("words").unwrap_or("did not end by itself")))
            .because(log_tail(cx, &txn))
            .hint("Nothing was switched. Look at what it did to the database before you deploy again.")),
    }
}

fn log_name(id: &TxnId) -> String {
    format!("migration.{id}.log")
}

fn log_tail(cx: Cx<'_>, txn: &Txn) -> String {
    let text = cx.state.read_text(&log_name(&txn.id)).ok().flatten().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn tell_log(cx: Cx<'_>, txn: &Txn) {
    for line in log_tail(cx, txn).lines() {
        cx.tell.said(Foreign::new(line));
    }
}

/// Starts our own program as its keeper: it outlives this connection and records how the command ended.
fn spawn(cx: Cx<'_>, txn: &Txn) -> Result<(), Failure> {
    cx.tell.step("migrate");
    let broken = |error: &std::io::Error| explain("the migration cannot be started", &cx.session.program, error);
    // Recorded before it starts: from here on the intent's schema verdict is final.
    let begun = Record::new().with("txn", &txn.id).with("begun", clock::wall());
    cx.state
        .put(names::MIGRATION, &begun)
        .map_err(|error| explain("the migration cannot be recorded", &cx.state.path(names::MIGRATION), &error))?;
    Command::new(&cx.session.program)
        .args(["keeper", cx.state.root().as_str(), txn.id.as_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| broken(&error))?;
    Ok(())
}

/// Waits until the keeper recorded the end, or died without doing so.
fn wait(cx: Cx<'_>, txn: &Txn) -> Result<Record, Failure> {
    let mut idle = 0;
    loop {
        let record =
            cx.state.read(names::MIGRATION).ok().flatten().filter(|record| record.get("txn") == Some(txn.id.as_str()));
        match record {
            Some(record) if record.get("code").is_some() => return Ok(record),
            Some(_) => {}
            None => return Err(Failure::failed("the record of the migration is gone")),
        }
        // The keeper holds the step lock for its whole life: a lock that stays free means that it is no more.
        match cx.state.try_lock(names::STEP) {
            Ok(Some(_free)) => idle += 1,
            _ => idle = 0,
        }
        if idle > 100 {
            return Err(Failure::failed("the migration's keeper died without saying how it ended"));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The keeper's own life: takes the step lock, runs the command, records the end.
#[must_use]
pub fn keeper(cx: Cx<'_>, id: &TxnId) -> ExitCode {
    // A session of its own: no terminal or connection takes it along.
    let _session = rustix::process::setsid();
    match kept(cx, id) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            cx.state.log_line(&format!("migration of {id}: {}", failure.what));
            ExitCode::FAILURE
        }
    }
}

fn kept(cx: Cx<'_>, id: &TxnId) -> Result<(), Failure> {
    let Some(step) = step::take(cx, id)? else { return Ok(()) };
    // The command holds the step lock with us: it may outlive us, and no undo may complete beside it.
    let _inherited = rustix::io::fcntl_setfd(&step, rustix::io::FdFlags::empty());
    let Ok(txn) = super::own(cx, id) else { return Ok(()) };
    let story: Story = store::story(cx.state, &txn.release)?;
    let Some(migrate) = &story.settings.migrate else { return Ok(()) };
    let folder = store::folder(cx.state, &txn.release);
    let log_path = cx.state.path(&log_name(id));
    let mut log =
        File::create(&log_path).map_err(|error| explain("the migration's log cannot be made", &log_path, &error))?;
    let spec = Spec::script(&migrate.run)
        .in_folder(&folder)
        .within(migrate.timeout)
        .with("ROLLBACK_DEPLOY_RELEASE", txn.release.as_str())
        .with("ROLLBACK_DEPLOY_ROOT", cx.state.root().as_str());
    let mut write = |line: &str| {
        use std::io::Write as _;
        let _logged = writeln!(log, "{line}");
    };
    let (code, words) = match command::run(&spec, &mut write, &|| false) {
        Ok(ended) => (ended.code.map_or_else(|| "-".to_owned(), |code| code.to_string()), ended.words()),
        Err(error) => ("-".to_owned(), format!("could not be started: {error}")),
    };
    let ended = Record::new().with("txn", id).with("code", code).with("words", words).with("ended", clock::wall());
    cx.state.put(names::MIGRATION, &ended).map_err(|error| {
        explain("the end of the migration cannot be recorded", &cx.state.path(names::MIGRATION), &error)
    })
}

/// The last lines of a migration's log, for evidence.
#[must_use]
pub fn log_of(state: &State, id: &TxnId) -> Option<String> {
    let mut text = String::new();
    File::open(state.path(&log_name(id))).ok()?.take(1 << 18).read_to_string(&mut text).ok()?;
    Some(text)
}
