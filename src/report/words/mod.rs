//! The sentences: what each fact, answer, report and failure is called for people. Nothing here is escaped yet, so
//! every sentence is a [`Foreign`] until a medium renders it.

mod answer;
mod failure;
mod found;

use rollback_deploy_core::model::{
    Amount, CheckResult, Ending, Failure, Foreign, Outcome, ReleaseId, Seconds, Verdict,
};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Act, Answer, Query};

pub use answer::{answer, plain_answer, report};
pub use failure::{failure, next_steps, place};

/// What is said of something: one sentence, and what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Saying {
    /// How it is meant.
    pub tone: Tone,
    /// The sentence.
    pub head: Foreign,
    /// What belongs to it, each a line of its own.
    pub notes: Vec<Note>,
}

/// How a sentence is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It goes on.
    Plain,
    /// It went well.
    Good,
    /// A person should know.
    Warning,
    /// It went wrong.
    Bad,
}

/// A line that belongs to a sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What kind of line.
    pub mark: Mark,
    /// The line.
    pub text: Foreign,
}

/// What kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Where it is wrong.
    Where,
    /// What others said.
    Because,
    /// What to do next.
    Next,
    /// A row of what was found.
    Row,
}

impl Mark {
    /// What stands before the line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Where => "where: ",
            Self::Because => "because: ",
            Self::Next => "next: ",
            Self::Row => "",
        }
    }
}

impl Saying {
    /// A sentence alone.
    #[must_use]
    pub fn new(tone: Tone, head: impl Into<String>) -> Self {
        Self { tone, head: Foreign::new(head.into()), notes: Vec::new() }
    }

    /// With one more line.
    #[must_use]
    pub fn note(mut self, mark: Mark, text: impl Into<Foreign>) -> Self {
        self.notes.push(Note { mark, text: text.into() });
        self
    }

    /// With rows of what was found.
    #[must_use]
    pub fn rows<T: Into<Foreign>>(self, rows: impl IntoIterator<Item = T>) -> Self {
        rows.into_iter().fold(self, |saying, row| saying.note(Mark::Row, row))
    }

    /// With words before its sentence.
    #[must_use]
    pub fn after(mut self, before: &str) -> Self {
        self.head = Foreign::new(format!("{before}{}", self.head.expose()));
        self
    }
}

/// What is said of a fact; nothing of those that only keep a change alive.
#[must_use]
pub fn fact(fact: &Fact) -> Option<Saying> {
    let saying = match fact {
        Fact::Began { verb, version } => Saying::new(Tone::Plain, began(verb, version.as_deref())),
        Fact::Started(act) => match act.as_ref() {
            Act::Renew { .. } => return None,
            act => Saying::new(Tone::Plain, doing(act)),
        },
        Fact::Answered(act, answered) => return answer(act, answered),
        Fact::Confirming => Saying::new(Tone::Plain, "confirm, on a new connection"),
        Fact::Confirmed(answered) | Fact::SetUp(answered) => plain_answer(answered),
        Fact::Found(query, answered) => found::answered(query, answered),
        Fact::Lost(why) => {
            let lost = failure(why).after("no answer, asking again: ");
            Saying { tone: Tone::Warning, ..lost }
        }
        Fact::Checked(result) => check(result),
        Fact::Step(step) => Saying::new(Tone::Plain, format!("· {step}")),
        Fact::Said(text) => Saying { tone: Tone::Plain, head: text.clone(), notes: Vec::new() },
        Fact::Planned(lines) => Saying::new(Tone::Plain, "plan").rows(lines.clone()),
        Fact::Warned(text) => Saying::new(Tone::Warning, format!("warning: {text}")),
        Fact::Failed(why) => failure(why),
        Fact::Ended(outcome) => ended(*outcome),
        // A newer kind of fact that nobody gave words yet is shown as it is, never lost.
        other => Saying::new(Tone::Plain, format!("{other:?}")),
    };
    Some(saying)
}

/// What went wrong, told as such or as an answer that ends a change. (Busy is no failure: it may be waited for.)
#[must_use]
pub fn went_wrong(fact: &Fact) -> Option<&Failure> {
    match fact {
        Fact::Failed(failure) => Some(failure),
        Fact::Answered(_, answer) | Fact::Confirmed(answer) | Fact::SetUp(answer) => match answer.as_ref() {
            Answer::Refused(failure) | Answer::Failed(failure) => Some(failure),
            _ => None,
        },
        _ => None,
    }
}

fn began(verb: &str, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{verb} {version}"),
        None => verb.to_owned(),
    }
}

/// What an act does, as `plan` lists it and the log says it when it begins.
#[must_use]
pub fn doing(act: &Act) -> String {
    match act {
        Act::Inspect(_) => "look at the host".to_owned(),
        Act::Recover { .. } => "settle what an earlier run left".to_owned(),
        Act::Prepare(staging) => {
            let entries = staging.manifest.entries().len();
            format!("stage {}: {}", staging.info.version, count(entries, "entry", "entries"))
        }
        Act::Begin(intent) => format!(
            "open the {} of {}, for at most {} without a sign of life",
            intent.operation, intent.release, intent.window
        ),
        Act::Arm(_) => "wait for the watchdog's proof".to_owned(),
        Act::Migrate(_) => "migrate".to_owned(),
        Act::Activate(_) => "switch, restart, prove".to_owned(),
        Act::Verify(_) => "ask the checks".to_owned(),
        Act::Renew { window, .. } => format!("extend the window by {window}"),
        Act::Abort { why, .. } => format!("go back: {why}"),
        Act::Hold { window, .. } => format!("hold for a person, for at most {window}"),
        Act::Prune { keep } => {
            format!("prune, {} stay", count(usize::try_from(*keep).unwrap_or(0), "release", "releases"))
        }
    }
}

/// What a question asks for.
#[must_use]
pub fn asking(query: &Query) -> &'static str {
    match query {
        Query::Status => "status",
        Query::List => "releases",
        Query::History { .. } => "changes, newest first",
        Query::Settings => "recorded settings",
        Query::Health => "health",
        Query::Logs(_) => "logs",
        Query::Backup { .. } => "deployment backup",
    }
}

/// What a check answered.
#[must_use]
pub fn check(result: &CheckResult) -> Saying {
    let tone = match result.verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Inconclusive => Tone::Warning,
        Verdict::Error | Verdict::Fail => Tone::Bad,
    };
    let method = result.method.as_ref().map_or_else(String::new, |method| format!(", by {method}"));
    let saw = result.saw.expose();
    let saw = if saw.trim().is_empty() { String::new() } else { format!(": saw {saw}") };
    let took = millis(result.took_ms);
    Saying::new(tone, format!("{} {} {}{method} ({took}){saw}", result.verdict.word(), result.word, result.subject))
}

/// How a change was undone.
#[must_use]
pub fn undone(ending: &Ending) -> Saying {
    let recovered = Seconds(ending.recovered_seconds);
    let saying = match (&ending.now, ending.healthy) {
        (Some(now), true) => Saying::new(
            Tone::Warning,
            format!("{} was undone, {now} runs and is healthy after {recovered}", ending.release),
        ),
        (None, true) => {
            Saying::new(Tone::Warning, format!("{} was undone: nothing is live, as before", ending.release))
        }
        (Some(now), false) => Saying::new(
            Tone::Bad,
            format!("{} was undone, but {now} is not healthy: a human is needed", ending.release),
        ),
        (None, false) => {
            Saying::new(Tone::Bad, format!("{} could not be undone cleanly: a human is needed", ending.release))
        }
    };
    let saying = saying.note(Mark::Because, ending.why.as_str());
    let saying = match &ending.evidence {
        Some(path) => saying.note(Mark::Row, format!("evidence on the host: {path}")),
        None => saying,
    };
    if ending.marked_bad {
        saying.note(
            Mark::Row,
            format!("{} is marked bad here: deploying it again needs allow: known-bad", ending.release),
        )
    } else {
        saying
    }
}

/// How a run ended.
#[must_use]
pub fn ended(outcome: Outcome) -> Saying {
    let tone = match outcome {
        Outcome::Done | Outcome::AlreadyLive => Tone::Good,
        Outcome::Inconclusive | Outcome::Cancelled { .. } | Outcome::Refused => Tone::Warning,
        _ => Tone::Bad,
    };
    Saying::new(tone, format!("{}: {} (exit code {})", outcome.word(), outcome.meaning(), outcome.exit_code()))
}

/// `1 host`, `2 hosts`.
#[must_use]
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Milliseconds for people.
#[must_use]
pub fn millis(ms: u64) -> String {
    match ms {
        ms if ms < 1_000 => format!("{ms} ms"),
        ms if ms < 100_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        ms => Seconds(ms / 1_000).to_string(),
    }
}

/// A release, or that there is none.
#[must_use]
pub fn release(release: Option<&ReleaseId>) -> String {
    release.map_or_else(|| "nothing".to_owned(), ToString::to_string)
}

/// How much is free: for words about room.
#[must_use]
pub fn amount(amount: Amount) -> String {
    match amount {
        Amount::Percent(percent) => format!("{percent}%"),
        Amount::Count(count) => indicatif::HumanBytes(count).to_string(),
    }
}

#[cfg(test)]
mod tests;
