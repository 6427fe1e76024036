//! The watchdog: proves that it could act, waits while a change is open, and keeps the promise when nobody else does.
//!
//! Started by systemd, cron or the agent itself; loops only while something is open, so idle costs nothing.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use rollback_deploy_core::model::facts::SetupState;
use rollback_deploy_core::model::{CheckResult, Failure, Foreign, Record, Txn, TxnId, Verdict, WatchdogKind};
use rollback_deploy_core::wire::act::Fault;

use super::activate::Activated;
use super::cx::{Cx, Tell};
use super::store::{self, OpenTxn, names};
use super::{abort, clock, link, program, recover, running};

/// Between two looks; longer while settling fails.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// How many failed looks at the live release's checks in a row mean that it is bad.
const STRIKES: u32 = 3;
/// Between two looks at the live release's checks, in loops of half a second.
const LOOK_EVERY: u32 = 20;

/// Tells the journal, through stderr, in plain lines.
pub struct Journal;

impl Tell for Journal {
    fn step(&self, what: &str) {
        tracing::info!(step = what);
    }
    fn said(&self, line: Foreign) {
        tracing::debug!(said = ?line.expose());
    }
    fn checked(&self, result: &CheckResult) {
        tracing::info!(check = %result.word, subject = %result.subject, verdict = result.verdict.word(), saw = ?result.saw.expose());
    }
    fn progress(&self, _done: u64, _all: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches until nothing is open.
#[must_use]
pub fn watch(cx: Cx<'_>, kind: WatchdogKind) -> ExitCode {
    // One at a time: cron starts another every minute.
    let Ok(Some(_only)) = cx.state.try_lock("watchdog") else { return ExitCode::SUCCESS };
    let mut strikes = Strikes::default();
    let mut pause = SHORTEST;
    loop {
        let open = match store::open(cx.state) {
            OpenTxn::Nothing => {
                report_drift(cx);
                return ExitCode::SUCCESS;
            }
            OpenTxn::Pending(txn) => Some(txn),
            OpenTxn::Aborting(txn) => {
                hand_over(cx, &txn, kind);
                end_stuck_holder(cx);
                None
            }
            OpenTxn::Torn { .. } | OpenTxn::Unreadable { .. } => None,
        };
        let settled = match &open {
            Some(txn) if store::remaining(cx.state, txn).is_some() => {
                hand_over(cx, txn, kind);
                attend(cx, txn, kind, &mut strikes)
            }
            _ => {
                if let Some(txn) = &open {
                    hand_over(cx, txn, kind);
                    end_stuck_holder(cx);
                }
                recover::settle(cx).map(drop)
            }
        };
        // What cannot be settled now is tried again, more and more seldom: somebody may have to make room first.
        pause = if settled.is_ok() { SHORTEST } else { (pause * 2).min(LONGEST) };
        if let Err(failure) = settled {
            tracing::error!(what = %failure.what, place = ?failure.place, because = ?failure.because, "not settled yet");
        }
        thread::sleep(pause);
    }
}

/// Nothing is open, and the live link leads elsewhere than what is confirmed: told once, and never touched.
fn report_drift(cx: Cx<'_>) {
    let now = recover::drifted(cx.state).unwrap_or_default();
    let told = cx.state.read(names::DRIFT).ok().flatten();
    let told = told.as_ref().and_then(|told| told.get("what")).unwrap_or_default();
    if now == told {
        return;
    }
    if now.is_empty() {
        cx.state.forget(names::DRIFT);
        cx.state.log_line("the live link leads to what is confirmed again");
    } else {
        tracing::warn!(what = now, "drift");
        // Where it cannot be recorded that it was told, it is not told every minute.
        if cx.state.put(names::DRIFT, &Record::new().with("what", &now).with("at", clock::wall())).is_ok() {
            cx.state.log_line(&format!("drift: {now}; nothing was touched"));
        }
    }
}

/// The program that the open record names does the work; another build only starts it.
fn hand_over(cx: Cx<'_>, txn: &Txn, kind: WatchdogKind) {
    if txn.agent == cx.session.digest {
        return;
    }
    let program = program::path(cx.state, &txn.agent);
    // A damaged one at that very place would start itself for ever.
    let is_us = program == cx.session.program;
    if program.is_file() && !is_us {
        let error = Command::new(&program).args(["watchdog", cx.state.root().as_str(), "--kind", kind.word()]).exec();
        tracing::error!(%error, program = %program.display(), "the program of the open change does not start; this one goes on");
    }
}

/// A change is open and has time: be ready for it, and look at the live release.
fn attend(cx: Cx<'_>, txn: &Txn, kind: WatchdogKind, strikes: &mut Strikes) -> Result<(), Failure> {
    let tick = cx.state.read(names::TICK).ok().flatten();
    if tick.as_ref().and_then(|tick| tick.get("txn")) != Some(txn.id.as_str()) {
        could_act(cx, txn)?;
        let held = cx.state.lock()?;
        if super::is_open(cx, &txn.id) {
            let ready = Record::new().with("txn", &txn.id).with("watchdog", kind.word()).with("at", clock::wall());
            let written = held.put(names::TICK, &ready);
            written.map_err(|error| {
                super::state::explain("the watchdog cannot say that it is ready", &cx.state.path(names::TICK), &error)
            })?;
        }
        return Ok(());
    }
    strikes.look(cx, txn)
}

/// Proven in this process's own context: everything that an undo would need.
fn could_act(cx: Cx<'_>, txn: &Txn) -> Result<(), Failure> {
    let Some(previous) = &txn.previous else { return could_clear(cx, txn) };
    let old = store::story(cx.state, previous)?;
    if !store::folder(cx.state, previous).is_dir() {
        return Err(Failure::refused(format!("the folder of {previous} is gone: there would be no way back")));
    }
    let ready = link::ready_path(&old.settings.link, &txn.id, "old");
    let live = link::read(cx.state, old.settings.link.as_path());
    if ready.symlink_metadata().is_err() && live.release() != Some(previous) {
        return Err(Failure::refused("the ready-made link of the way back is gone").on_host(ready.display()));
    }
    running::obstacles(&old.settings, SetupState::Done).into_iter().next().map_or(Ok(()), Err)
}

/// The undo of a first deploy: its services are stopped, its link is taken away.
fn could_clear(cx: Cx<'_>, txn: &Txn) -> Result<(), Failure> {
    let new = store::story(cx.state, &txn.release)?;
    let folder = new.settings.link.parent();
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)
        .map_err(|error| super::state::explain("the live link could not be taken away again", folder, &error.into()))?;
    running::obstacles(&new.settings, SetupState::Done).into_iter().next().map_or(Ok(()), Err)
}

/// Failed looks in a row.
#[derive(Debug, Default)]
struct Strikes {
    /// Of which change.
    txn: Option<TxnId>,
    loops: u32,
    failed: u32,
}

impl Strikes {
    /// What another change's release failed is not this one's.
    fn of(&mut self, id: &TxnId) -> &mut Self {
        if self.txn.as_ref() != Some(id) {
            *self = Self { txn: Some(id.clone()), ..Self::default() };
        }
        self
    }

    /// Once activated and past its `within`, the live release must pass its checks: some Fails in a row → undo now.
    fn look(&mut self, cx: Cx<'_>, txn: &Txn) -> Result<(), Failure> {
        self.of(&txn.id).loops += 1;
        if !self.loops.is_multiple_of(LOOK_EVERY) {
            return Ok(());
        }
        let Some(activated) = Activated::read(cx, &txn.id).filter(|activated| activated.finished) else {
            return Ok(());
        };
        let story = store::story(cx.state, &txn.release)?;
        let within = story.settings.checks.iter().map(|check| check.within.0).max().unwrap_or_default();
        if clock::uptime()?.0 < activated.uptime.0.saturating_add(within) || story.settings.checks.is_empty() {
            return Ok(());
        }
        let results = running::check_once(cx, &story, Some(&activated.since));
        match results.iter().find(|result| result.verdict == Verdict::Fail) {
            None => self.failed = 0,
            Some(bad) => {
                self.failed += 1;
                if self.failed >= STRIKES {
                    let why =
                        format!("{} {} failed {STRIKES} times in a row: {}", bad.word, bad.subject, bad.saw.expose());
                    abort::undo(cx, txn, &why, Fault::Release)?;
                }
            }
        }
        Ok(())
    }
}

/// A mutex holder that is still there although the deadline is over is stuck: it is ended when it was the same process
/// at every look.
fn end_stuck_holder(cx: Cx<'_>) {
    let Some(first) = cx.state.mutex_holder() else { return };
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(500));
        if cx.state.mutex_holder() != Some(first) {
            return;
        }
    }
    let (pid, started) = first;
    if pid != std::process::id()
        && clock::started(pid) == Some(started)
        && let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
    {
        let _killed = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Starts a detached watchdog of our own: the weakest kind.
///
/// # Errors
/// Our program cannot be started.
pub fn detach(cx: Cx<'_>) -> Result<(), Failure> {
    let kept = program::path(cx.state, &cx.session.digest);
    Command::new(if kept.is_file() { &kept } else { &cx.session.program })
        .args(["watchdog", cx.state.root().as_str(), "--kind", WatchdogKind::Detached.word()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map(drop)
        .map_err(|error| super::state::explain("the watchdog cannot be started", &cx.session.program, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_end_with_their_change() {
        let id = |name: &str| TxnId::new(name).unwrap();
        let mut strikes = Strikes::default();
        strikes.of(&id("a")).failed = STRIKES - 1;
        assert_eq!(strikes.of(&id("a")).failed, STRIKES - 1);
        assert_eq!((strikes.of(&id("b")).failed, strikes.loops), (0, 0));
    }
}
