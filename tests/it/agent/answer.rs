//! What an answer has to be, or the test ends with what it was.

use rollback_deploy_core::model::{Allow, Ending, Failure, Verdict};
use rollback_deploy_core::wire::{Answer, Report, Staged};

#[track_caller]
pub(crate) fn done(answer: Answer) -> Report {
    match answer {
        Answer::Done(report) => *report,
        other => panic!("not done: {other:#?}"),
    }
}

#[track_caller]
pub(crate) fn staged(answer: Answer) -> Staged {
    match done(answer) {
        Report::Staged(staged) => staged,
        other => panic!("not staged: {other:#?}"),
    }
}

#[track_caller]
pub(crate) fn undone(answer: Answer) -> Ending {
    match answer {
        Answer::Undone(ending) => ending,
        other => panic!("not undone: {other:#?}"),
    }
}

/// What was refused, and the word that lifts it.
#[track_caller]
pub(crate) fn refused(answer: Answer) -> (String, Option<Allow>) {
    match answer {
        Answer::Refused(failure) => (failure.what.clone(), failure.lifted_by()),
        other => panic!("not refused: {other:#?}"),
    }
}

#[track_caller]
pub(crate) fn failed(answer: Answer) -> Failure {
    match answer {
        Answer::Failed(failure) => failure,
        other => panic!("not failed: {other:#?}"),
    }
}

/// Every check passed.
pub(crate) fn all_pass(report: &Report) -> bool {
    matches!(report, Report::Checked(results) if !results.is_empty() && results.iter().all(|r| r.verdict == Verdict::Pass))
}
