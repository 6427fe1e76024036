//! What questions found: status, releases.

use rollback_deploy_core::model::facts::Open;
use rollback_deploy_core::model::{Proven, ReleaseRow, ReleaseState, Status};
use rollback_deploy_core::wire::{Answer, Query, Report};

use super::{Mark, Saying, Tone, answer, asking, count, release, undone};

/// What a target answered to a question.
pub(super) fn answered(query: &Query, answered: &Answer) -> Saying {
    match answered {
        // Each check was a fact of its own before.
        Answer::Done(done) => match done.as_ref() {
            Report::Checked(results) if results.is_empty() => {
                Saying::new(Tone::Warning, "health: there is no check to ask")
            }
            done => answer::report(done),
        },
        other => answer::plain_answer(other).after(&format!("{}: ", asking(query))),
    }
}

/// What runs, what is open, what was.
pub(super) fn status(status: &Status) -> Saying {
    let live = status
        .confirmed
        .as_ref()
        .map_or_else(|| "nothing is live".to_owned(), |now| format!("live: {}, by {}", proven(now), now.by));
    let mut saying = Saying::new(if status.confirmed.is_some() { Tone::Good } else { Tone::Plain }, live);
    if let Some(back) = &status.way_back {
        saying = saying.note(Mark::Row, format!("way back: {}", proven(back)));
    }
    if let Some(why) = &status.way_back_unknown {
        saying = saying.note(Mark::Row, format!("the way back is not known: {}", why.what));
        saying.tone = Tone::Warning;
    }
    if let Some(open) = &status.open {
        saying = saying.note(Mark::Row, self::open(open));
        if open.held && !open.aborting {
            saying = saying
                .note(Mark::Next, format!("To keep {}: `rollback-deploy confirm`.", open.release))
                .note(Mark::Next, "To go back now: `rollback-deploy abort`.");
        }
    }
    if let Some(target) = &status.drift {
        let linked = format!("drift: the live link was moved by hand: {}", target.expose());
        saying = saying.note(Mark::Row, linked);
        saying.tone = Tone::Warning;
    }
    if let Some(ending) = &status.last_undo {
        saying = saying.note(Mark::Row, format!("last undo: {}", undone(ending).head.expose()));
    }
    if let Some(why) = &status.failed {
        saying = saying.note(Mark::Row, format!("a human is needed: {why}"));
        saying.tone = Tone::Bad;
    }
    saying
}

fn open(open: &Open) -> String {
    let state = match (open.aborting, open.held, open.switched) {
        (true, _, _) => "is being undone",
        (_, true, _) => "is held for a person",
        (_, _, true) => "is switched, not confirmed",
        _ => "is open, not switched",
    };
    format!(
        "a {} of {} {state}, by {} since {}; it would go back to {}; settles within {}",
        open.operation,
        open.release,
        open.by,
        open.at,
        release(open.previous.as_ref()),
        open.settles_in
    )
}

/// A proven release in one line.
pub(super) fn proven(proven: &Proven) -> String {
    let commit = proven.commit.as_ref().map_or_else(String::new, |commit| format!(" ({:.12})", commit.as_str()));
    let folder = if proven.release == proven.version { String::new() } else { format!(", folder {}", proven.release) };
    format!("{}{commit}{folder}, since {}", proven.version, proven.at)
}

/// The releases, one a row.
pub(super) fn releases(rows: &[ReleaseRow]) -> Saying {
    Saying::new(Tone::Plain, count(rows.len(), "release", "releases")).rows(rows.iter().map(|row| {
        let state = match (&row.state, row.live, row.proven) {
            (_, true, true) => "live".to_owned(),
            (_, true, false) => "live, not proven".to_owned(),
            (ReleaseState::Bad { why, .. }, ..) => format!("bad: {why}"),
            (ReleaseState::Interrupted { why }, ..) => format!("interrupted: {why}"),
            (_, _, true) => "proven".to_owned(),
            (state, ..) => state.word().to_owned(),
        };
        let commit = row.commit.as_ref().map_or_else(String::new, |commit| format!(" {:.12}", commit.as_str()));
        let gone = if row.present { "" } else { " (its folder is gone)" };
        format!("{}{commit} {} {state}{gone}, by {}", row.id, row.at, row.by)
    }))
}
