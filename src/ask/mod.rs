//! Questions that change nothing, the same code at both ends. May use core only.
//!
//! One file a kind of check. What cannot be read is [`Verdict::Error`], never [`Verdict::Pass`].

use std::path::Path;
use std::time::Duration;

use rollback_deploy_core::model::{AbsPath, Check, CheckResult, Foreign, Question, Verdict};

pub mod clock;
pub mod command;
mod command_check;
pub mod environment;
pub mod errors;
mod hands;
mod http;
mod nginx;
mod port;
mod process;
pub mod processes;
pub mod regular;
mod room;
mod service;
mod since;
pub mod unit;

pub use hands::{Hands, NoHands};
pub(crate) use http::names_version;
pub use processes::ProcessInfo;
pub use since::Since;
pub(crate) use since::log_file;

use clock::{Deadline, millis_since, monotonic};

/// Between two tries: at first short, because most services are ready soon.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where a check is asked.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The app's root.
    pub root: &'a AbsPath,
    /// The folder of the release asked about.
    pub live: &'a Path,
    /// Its version: what `{version}` stands for.
    pub version: &'a str,
    /// When it became live, where that is known.
    pub since: Option<&'a Since>,
    /// What an ordinary user cannot read by himself.
    pub hands: &'a dyn Hands,
}

/// One answer to one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) verdict: Verdict,
    pub(crate) saw: String,
}

impl Seen {
    pub(crate) fn pass(saw: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, saw: saw.into() }
    }
    pub(crate) fn fail(saw: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, saw: saw.into() }
    }
    pub(crate) fn error(saw: impl Into<String>) -> Self {
        Self { verdict: Verdict::Error, saw: saw.into() }
    }
    /// Pass when it holds, otherwise Fail.
    pub(crate) fn when(holds: bool, saw: impl Into<String>) -> Self {
        if holds { Self::pass(saw) } else { Self::fail(saw) }
    }
}

/// Asks a check on this host, again and again until it passes, its `within` is over, or `cancelled` says so.
#[must_use]
pub fn ask(check: &Check, place: &Place<'_>, cancelled: &dyn Fn() -> bool) -> CheckResult {
    let start = monotonic();
    let deadline = Deadline::after(check.within);
    let mut pause = FIRST_PAUSE;
    let mut tries = 0_u32;
    loop {
        tries += 1;
        let seen = once(&check.question, place, cancelled);
        if seen.verdict == Verdict::Pass || !can_change(&check.question) {
            return result(&check.question, &seen, tries, start);
        }
        let last = deadline.passed();
        if last || !clock::wait(pause.min(deadline.left()), cancelled) {
            let mut seen = seen;
            if !last {
                seen = Seen { verdict: Verdict::Error, saw: format!("cancelled before it passed; last: {}", seen.saw) };
            }
            return result(&check.question, &seen, tries, start);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Asks a check on this host once, whatever its `within` says; each question has a time limit of its own.
#[must_use]
pub fn ask_once(check: &Check, place: &Place<'_>, cancelled: &dyn Fn() -> bool) -> CheckResult {
    let start = monotonic();
    result(&check.question, &once(&check.question, place, cancelled), 1, start)
}

/// Asks a check from where the controller runs: http and port; nothing else can be seen from outside.
pub async fn ask_outside(check: &Check, version: &str) -> CheckResult {
    let start = monotonic();
    let deadline = Deadline::after(check.within);
    let mut pause = FIRST_PAUSE;
    let mut tries = 0_u32;
    loop {
        tries += 1;
        let seen = match &check.question {
            Question::Http(question) => http::ask(question, version, http::Way::Outside).await,
            Question::Port { address, number } => port::ask(address, *number).await,
            other => Seen::error(format!("a check of kind {} can only be asked on the host", other.word())),
        };
        if seen.verdict == Verdict::Pass || deadline.passed() {
            return result(&check.question, &seen, tries, start);
        }
        tokio::time::sleep(pause.min(deadline.left())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Lines that were logged stay logged: asking again cannot turn a no into a yes.
fn can_change(question: &Question) -> bool {
    !matches!(question, Question::Errors { .. } | Question::Environment { .. })
}

fn once(question: &Question, place: &Place<'_>, cancelled: &dyn Fn() -> bool) -> Seen {
    match question {
        Question::Service { unit } => service::ask(unit),
        Question::Process { name, at_least } => process::ask(name, *at_least),
        Question::Port { address, number } => waited_for(port::ask(address, *number), cancelled),
        Question::Http(question) => waited_for(http::ask(question, place.version, http::Way::Host), cancelled),
        Question::Command { run, timeout } => command_check::ask(run, *timeout, place, cancelled),
        Question::Disk { path, free } => room::disk(path.as_ref().unwrap_or(place.root), *free),
        Question::Inodes { path, free } => room::inodes(path.as_ref().unwrap_or(place.root), *free),
        Question::Memory { free } => room::memory(*free),
        Question::Errors { log, patterns, at_most } => errors::ask(log, patterns, *at_most, place),
        Question::Environment { file, names } => environment::ask(file, names, place),
        Question::Nginx => nginx::ask(place.hands),
    }
}

/// Runs an asynchronous question on this thread.
fn waited_for(question: impl Future<Output = Seen>, cancelled: &dyn Fn() -> bool) -> Seen {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Seen::error(format!("no runtime could be started: {error}")),
    };
    let seen = runtime.block_on(async {
        let mut question = std::pin::pin!(question);
        loop {
            match tokio::time::timeout(Duration::from_millis(50), &mut question).await {
                Ok(seen) => break seen,
                Err(_) if cancelled() => break Seen::error("cancelled"),
                Err(_) => {}
            }
        }
    });
    // A name lookup that hangs lives in a thread that cannot be ended: it is not waited for.
    runtime.shutdown_background();
    seen
}

fn result(question: &Question, seen: &Seen, tries: u32, start: Duration) -> CheckResult {
    let again = if seen.verdict != Verdict::Pass && tries > 1 { format!(" ({tries} tries)") } else { String::new() };
    CheckResult {
        word: question.word().to_owned(),
        subject: question.subject(),
        verdict: seen.verdict,
        saw: Foreign::new(format!("{}{again}", seen.saw)),
        method: None,
        took_ms: millis_since(start),
    }
}

/// The first characters of a text, on one line.
pub(crate) fn beginning(text: &str, most: usize) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most { line } else { line.chars().take(most).chain(['…']).collect() }
}

/// The last characters of a text, on one line.
pub(crate) fn ending(text: &str, most: usize) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = line.chars().count();
    if count <= most { line } else { std::iter::once('…').chain(line.chars().skip(count - most)).collect() }
}

#[cfg(test)]
mod tests;
