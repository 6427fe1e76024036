//! Answers of a target in words.

use indicatif::HumanBytes;
use rollback_deploy_core::model::Verdict;
use rollback_deploy_core::wire::act::{Holder, Staged};
use rollback_deploy_core::wire::{Act, Answer, Report};

use super::found::{proven, releases, status};
use super::{Mark, Saying, Tone, count, failure, release, undone};

/// What a target answered to an act; nothing for one that only keeps a change alive.
#[must_use]
pub fn answer(act: &Act, answered: &Answer) -> Option<Saying> {
    if let (Act::Renew { .. }, Answer::Done(_)) = (act, answered) {
        return None;
    }
    Some(match answered {
        Answer::Done(done) => report(done),
        other => plain_answer(other),
    })
}

/// What a target answered to a confirm, to set-up or to a question.
#[must_use]
pub fn plain_answer(answered: &Answer) -> Saying {
    match answered {
        Answer::Done(done) => report(done),
        Answer::Undone(ending) => undone(ending),
        Answer::Busy(holder) => busy(holder),
        Answer::Held { settles_in } => {
            Saying::new(Tone::Warning, format!("held for a person's decision, for at most {settles_in}"))
        }
        Answer::Refused(why) | Answer::Failed(why) => failure(why),
    }
}

fn busy(holder: &Holder) -> Saying {
    let Holder { operation, release, by, at, settles_in, .. } = holder;
    Saying::new(Tone::Warning, format!("busy: a {operation} of {release} is open, by {by} since {at}"))
        .note(Mark::Next, format!("It settles itself within {settles_in}; or wait for it with the input wait."))
        .note(Mark::Next, "A rollback does not wait: it undoes an open deploy first.")
}

/// What was done or found.
#[must_use]
pub fn report(report: &Report) -> Saying {
    match report {
        Report::Facts(facts) => {
            let saying = status(&facts.status);
            let obstacles = facts.obstacles.iter().map(|why| format!("in the way: {}", why.what));
            let warnings = facts.warnings.iter().map(|text| format!("warning: {text}"));
            saying.rows(obstacles).rows(warnings)
        }
        Report::Recovered { ending, rubbish, strangers } => {
            let saying = match ending {
                Some(ending) => undone(ending).after("an earlier change was settled: "),
                None => Saying::new(Tone::Plain, "nothing was left to settle"),
            };
            let strangers = strangers.iter().map(|name| format!("releases/{name} has no record of ours: left alone"));
            saying.rows(rubbish.iter().map(|id| format!("half-made {id} removed"))).rows(strangers)
        }
        Report::Staged(staged) => Saying::new(Tone::Good, self::staged(staged)),
        Report::Begun { previous, settles_in, preempted, environment } => {
            let back = release(previous.as_ref());
            let saying =
                Saying::new(Tone::Plain, format!("open; it goes back to {back} unless confirmed in {settles_in}"));
            let saying = if environment.is_empty() {
                saying
            } else {
                let names = environment.join(", ");
                saying
                    .note(Mark::Row, format!("other values in the environment file than the release ran with: {names}"))
            };
            match preempted {
                Some(ending) => {
                    saying.note(Mark::Row, format!("an open deploy of {} was undone first", ending.release))
                }
                None => saying,
            }
        }
        Report::Armed { watchdog } => Saying::new(Tone::Good, format!("watchdog ready: {}", watchdog.promise())),
        Report::Migrated { schema, ran: true } => {
            Saying::new(Tone::Good, format!("migrated; for the old release it is: {}", schema.word()))
        }
        Report::Migrated { ran: false, .. } => Saying::new(Tone::Plain, "no migration"),
        Report::Activated { proofs, .. } => {
            let saying = Saying::new(Tone::Good, "switched, and what runs is the new release");
            saying.rows(proofs.iter().map(|proof| super::check(proof).head))
        }
        Report::Checked(results) => {
            let passed = results.iter().filter(|result| result.verdict == Verdict::Pass).count();
            let tone = if passed == results.len() { Tone::Good } else { Tone::Bad };
            Saying::new(tone, format!("{passed} of {} passed", count(results.len(), "check", "checks")))
        }
        Report::Renewed { settles_in } => Saying::new(Tone::Plain, format!("window extended, {settles_in} left")),
        Report::Confirmed(now) => Saying::new(Tone::Good, format!("confirmed: {}", proven(now))),
        Report::Holding { settles_in } => {
            Saying::new(Tone::Warning, format!("held for a person, for at most {settles_in}"))
        }
        Report::NothingOpen => Saying::new(Tone::Plain, "nothing is open"),
        Report::Pruned { removed, kept } => {
            let gone = count(removed.len(), "old release", "old releases");
            let saying = Saying::new(Tone::Plain, format!("{gone} removed"));
            saying
                .rows(removed.iter().map(|id| format!("removed {id}")))
                .rows(kept.iter().map(|why| format!("kept {why}")))
        }
        Report::Status(now) => status(now),
        Report::Releases(rows) => releases(rows),
        Report::Settings(settings) => {
            let app = settings
                .as_ref()
                .map_or("nothing".to_owned(), |settings| format!("{} ({})", settings.app, settings.environment));
            Saying::new(Tone::Plain, format!("the settings recorded with {app}"))
        }
        Report::History(lines) => Saying::new(Tone::Plain, count(lines.len(), "change", "changes")).rows(lines.clone()),
        Report::LogsEnded => Saying::new(Tone::Plain, "end of the logs"),
        Report::Backup { files, missing, .. } => {
            let saying =
                Saying::new(Tone::Plain, format!("deployment backup: {}", count(files.len(), "file", "files")));
            saying.rows(missing.iter().map(|what| format!("not readable: {what}")))
        }
        Report::Setup(steps) => {
            let open = steps.iter().filter(|step| !step.done).count();
            let tone = if open == 0 { Tone::Good } else { Tone::Warning };
            let head = if open == 0 { "set up".to_owned() } else { count(open, "step is open", "steps are open") };
            Saying::new(tone, head).rows(steps.iter().map(|step| {
                let word = match (step.done, step.changed) {
                    (true, true) => "done now",
                    (true, false) => "was done",
                    (false, _) => "to do",
                };
                format!("{word}: {}", step.what)
            }))
        }
    }
}

fn staged(staged: &Staged) -> String {
    let Staged { release, reused, files_sent, bytes_sent, files_cloned } = staged;
    if *reused {
        return format!("{release} is here already, complete and verified");
    }
    format!(
        "{release} staged: {files_sent} files sent ({}), {files_cloned} taken from a release here",
        HumanBytes(*bytes_sent)
    )
}
