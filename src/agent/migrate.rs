//! The migration of a change: detached, recorded, waited for. While it lives no undo completes and nothing else begins.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use rollback_deploy_core::model::{Failure, Foreign, Heads, Record, SchemaVerdict, Story, Txn, TxnId};
use rollback_deploy_core::wire::{Answer, Report};

use super::cx::Cx;
use super::state::{State, explain};
use super::store::{self, names};
use super::{clock, heads, step};
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
    let keeper = if store::migration_begun(cx.state, &txn) { None } else { Some(spawn(cx, &txn)?) };
    let ended = wait(cx, &txn, keeper)?;
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

/// The change that a file of this name is the log of.
#[must_use]
pub fn of_log(name: &str) -> Option<TxnId> {
    TxnId::new(name.strip_prefix("migration.")?.strip_suffix(".log")?).ok()
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

/// Starts our own program as its keeper: it outlives this connection, records that the migration begins, and how it
/// ended.
fn spawn(cx: Cx<'_>, txn: &Txn) -> Result<Child, Failure> {
    cx.tell.step("migrate");
    Command::new(&cx.session.program)
        .args(["keeper", cx.state.root().as_str(), txn.id.as_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| explain("the migration cannot be started", &cx.session.program, &error))
}

/// Waits until a keeper recorded the end, or died without doing so.
fn wait(cx: Cx<'_>, txn: &Txn, mut keeper: Option<Child>) -> Result<Record, Failure> {
    let mut idle = 0;
    loop {
        // Asked before the record is read: whoever is gone by then has written all that it will ever write.
        let gone = if let Some(child) = &mut keeper {
            child.try_wait().map_or(true, |status| status.is_some())
        } else {
            // Somebody else's child, which holds the step lock for its whole life: one that stays free means that it is
            // no more.
            idle = if matches!(cx.state.try_lock(names::STEP), Ok(Some(_free))) { idle + 1 } else { 0 };
            idle > 100
        };
        let record = cx.state.read(names::MIGRATION);
        let record = record.map(|record| record.filter(|record| record.get("txn") == Some(txn.id.as_str())));
        match record {
            Ok(Some(ended)) if ended.get("code").is_some() => return Ok(ended),
            // A record that cannot be read is no sign that nothing was begun.
            Ok(Some(_)) | Err(_) if gone => {
                return Err(Failure::failed("the migration's keeper died without saying how it ended")
                    .because(last_words(keeper))
                    .hint("Nobody knows what it did: look at the database before you deploy again."));
            }
            Ok(None) if gone => {
                return Err(Failure::failed("the migration was not begun").because(last_words(keeper)));
            }
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// What the keeper could not record.
fn last_words(keeper: Option<Child>) -> String {
    let mut said = String::new();
    if let Some(stderr) = keeper.and_then(|child| child.stderr) {
        let _best_effort = stderr.take(1 << 12).read_to_string(&mut said);
    }
    said.trim().to_owned()
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
            // To whoever started it, when that one is still there.
            let because: Vec<&str> = failure.because.iter().map(Foreign::expose).collect();
            let _best_effort = writeln!(std::io::stderr(), "{}: {}", failure.what, because.join("; "));
            ExitCode::FAILURE
        }
    }
}

fn kept(cx: Cx<'_>, id: &TxnId) -> Result<(), Failure> {
    let Some(step) = step::take(cx, id)? else { return Ok(()) };
    // The command holds the step lock with us: it may outlive us, and no undo may complete beside it.
    let _inherited = rustix::io::fcntl_setfd(&step, rustix::io::FdFlags::empty());
    let Ok(txn) = super::own(cx, id) else { return Ok(()) };
    if store::migration_begun(cx.state, &txn) {
        return Ok(());
    }
    let story: Story = store::story(cx.state, &txn.release)?;
    let Some(migrate) = &story.settings.migrate else { return Ok(()) };
    let folder = store::folder(cx.state, &txn.release);
    let log_path = cx.state.path(&log_name(id));
    let mut log =
        File::create(&log_path).map_err(|error| explain("the migration's log cannot be made", &log_path, &error))?;
    // Recorded before it starts: from here on the intent's schema verdict is final.
    let us = std::process::id();
    let begun = Record::new()
        .with("txn", id)
        .with("begun", clock::wall())
        .with("pid", us)
        .with("started", clock::started(us).unwrap_or_default());
    cx.state
        .put(names::MIGRATION, &begun)
        .map_err(|error| explain("the migration cannot be recorded", &cx.state.path(names::MIGRATION), &error))?;
    let root = cx.state.root().as_str();
    let head = || heads::ask(migrate.head.as_deref(), &folder, &txn.release, root);
    let mut stood = Heads { txn: id.clone(), before: head(), after: None };
    heads::keep(cx.state, &txn.release, &stood);
    let spec = Spec::script(&migrate.run)
        .in_folder(&folder)
        .within(migrate.timeout)
        .with("ROLLBACK_DEPLOY_RELEASE", txn.release.as_str())
        .with("ROLLBACK_DEPLOY_ROOT", root);
    let mut write = |line: &str| {
        let _logged = writeln!(log, "{line}");
    };
    let (code, words) = match command::run(&spec, &mut write, &|| false) {
        Ok(ended) => (ended.code.map_or_else(|| "-".to_owned(), |code| code.to_string()), ended.words()),
        Err(error) => ("-".to_owned(), format!("could not be started: {error}")),
    };
    stood.after = head();
    heads::keep(cx.state, &txn.release, &stood);
    let ended = Record::new().with("txn", id).with("code", code).with("words", words).with("ended", clock::wall());
    let recorded = cx.state.put(names::MIGRATION, &ended);
    // For all who inherited it: what the command left running in the background is no step any more.
    let _unlocked = rustix::fs::flock(&step, rustix::fs::FlockOperation::Unlock);
    recorded.map_err(|error| {
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
