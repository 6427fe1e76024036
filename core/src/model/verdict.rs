//! Answers of checks, and the proof that lets a change be confirmed.

use serde::{Deserialize, Serialize};

use super::foreign::Foreign;
use super::name::TxnId;

/// The answer to a check, or to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes.
    Pass,
    /// Not enough was seen to say.
    Inconclusive,
    /// The question could not be asked: unreadable is never Pass.
    Error,
    /// No.
    Fail,
}

impl Verdict {
    /// The word people read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
            Self::Fail => "fail",
        }
    }
}

/// What one check answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The word of the deploy file: `http`, `port` …; `proof` for the proof of activation.
    pub word: String,
    /// What was asked about.
    pub subject: String,
    /// The answer.
    pub verdict: Verdict,
    /// What was seen, in words: always filled when the answer is not Pass.
    pub saw: Foreign,
    /// How it was found out, when there is more than one way (`processes`, `version endpoint`, `started after the switch`).
    pub method: Option<String>,
    /// How long it took until the answer stood, in milliseconds.
    pub took_ms: u64,
}

/// What lets a change be confirmed. Only the judge makes one, or a person's recorded decision.
///
/// It can be read from the wire, where the agent compares its txn with the open one; building one in Rust goes
/// through [`Proof::by_verdict`], [`Proof::by_person`] or [`Proof::unchecked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    txn: TxnId,
    by: By,
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    Verdict { checks: u32 },
    Person { name: String },
    Unchecked,
}

impl Proof {
    /// All checks passed, and there was at least one answer.
    #[must_use]
    pub fn by_verdict(txn: &TxnId, results: &[CheckResult]) -> Option<Self> {
        let passed = !results.is_empty() && results.iter().all(|result| result.verdict == Verdict::Pass);
        let checks = u32::try_from(results.len()).unwrap_or(u32::MAX);
        passed.then(|| Self { txn: txn.clone(), by: By::Verdict { checks } })
    }

    /// A person decided; who, goes into the record.
    #[must_use]
    pub fn by_person(txn: &TxnId, name: &str) -> Self {
        Self { txn: txn.clone(), by: By::Person { name: name.to_owned() } }
    }

    /// Nothing could be asked, and that was allowed: it is kept by a recorded decision, and does not count as proven.
    #[must_use]
    pub fn unchecked(txn: &TxnId) -> Self {
        Self { txn: txn.clone(), by: By::Unchecked }
    }

    /// The change that it is about.
    #[must_use]
    pub fn txn(&self) -> &TxnId {
        &self.txn
    }

    /// Whether nothing was asked.
    #[must_use]
    pub fn is_unchecked(&self) -> bool {
        self.by == By::Unchecked
    }

    /// Who decided, in words for the log.
    #[must_use]
    pub fn by(&self) -> String {
        match &self.by {
            By::Verdict { checks } => format!("{checks} checks passed"),
            By::Person { name } => format!("decided by {name}"),
            By::Unchecked => "unchecked: nothing was asked".to_owned(),
        }
    }
}
