//! One mistake in a deploy file, before it is known which file. May use the model only.

use crate::model::{Failure, Place};

/// Line and column, both counted from 1.
pub(super) type At = (u32, u32);

/// How many mistakes are told at once: a file with more has one cause, not a hundred.
pub(super) const MOST: usize = 100;

/// What is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) at: Option<At>,
    pub(super) what: String,
    pub(super) hints: Vec<String>,
    pub(super) because: Option<String>,
}

impl Mistake {
    pub(super) fn new(at: At, what: impl Into<String>) -> Self {
        Self { at: Some(at), what: what.into(), hints: Vec::new(), because: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(super) fn hints(mut self, hints: Vec<String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// What people get.
    pub(super) fn into_failure(self, path: &str) -> Failure {
        let mut failure = Failure::input(self.what).at(Place::File { path: path.to_owned(), at: self.at });
        failure.hints = self.hints;
        match self.because {
            Some(because) => failure.because(because),
            None => failure,
        }
    }
}

/// All of them as failures, in the order of the file, each once.
pub(super) fn failures(mut mistakes: Vec<Mistake>, path: &str) -> Vec<Failure> {
    mistakes.sort_by(|a, b| (a.at, &a.what).cmp(&(b.at, &b.what)));
    mistakes.dedup();
    let more = mistakes.len().saturating_sub(MOST);
    mistakes.truncate(MOST);
    let mut failures: Vec<Failure> = mistakes.into_iter().map(|mistake| mistake.into_failure(path)).collect();
    if more > 0 {
        let place = Place::File { path: path.to_owned(), at: None };
        failures.push(Failure::input("there are more mistakes than are shown here").at(place));
    }
    failures
}

/// A text of the file inside one of our sentences: short, on one line, nothing that moves a cursor.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}
