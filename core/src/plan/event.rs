//! One stream of facts, never sentences. Reporters, summary and records are folds of it.

use serde::{Deserialize, Serialize};

use crate::model::{CheckResult, Failure, Foreign, Label, Outcome};
use crate::wire::{Act, Answer, Query};

/// Something that happened: numbered per writer, stamped with that side's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counted from 1 without gaps.
    pub seq: u64,
    /// The controller's wall clock, RFC 3339.
    pub at: String,
    /// Milliseconds since the run began.
    pub elapsed_ms: u64,
    /// The target it is about, if it is about one.
    pub target: Option<Label>,
    /// What happened.
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fact {
    /// The run began: what, of which version.
    Began {
        /// The verb.
        verb: String,
        /// The version asked for, resolved.
        version: Option<String>,
    },
    /// An act was sent to the target.
    Started(Box<Act>),
    /// The target answered.
    Answered(Box<Act>, Box<Answer>),
    /// A confirm was sent to the target, on a new connection.
    Confirming,
    /// The target answered a confirm.
    Confirmed(Box<Answer>),
    /// The target answered a question of a person.
    Found(Box<Query>, Box<Answer>),
    /// The target answered set-up.
    SetUp(Box<Answer>),
    /// No answer; the act will be repeated.
    Lost(Failure),
    /// A check answered.
    Checked(CheckResult),
    /// A step of a long act, on the host.
    Step(String),
    /// A line that a command on the host printed.
    Said(Foreign),
    /// A person should know.
    Warned(String),
    /// Something went wrong.
    Failed(Failure),
    /// The run ended.
    Ended(Outcome),
}
