//! One change of one target: its intent, and how it may end.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::{Digest, ReleaseId, TxnId};
use super::record::{Record, RecordError};
use super::settings::SchemaVerdict;
use super::time::{BootToken, Uptime};

/// The record of a change. The same bytes are `pending`, then `confirmed` (and `history/TXN`) or `aborting` and `aborted`:
/// only the name changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Txn {
    /// Its name.
    pub id: TxnId,
    /// Its number on this host: changes are ordered by it, never by a clock.
    pub seq: u64,
    /// Deploy or rollback.
    pub operation: Operation,
    /// What shall run.
    pub release: ReleaseId,
    /// What ran before; absent for a first deploy.
    pub previous: Option<ReleaseId>,
    /// What happens when nobody confirms in time.
    pub on_expiry: OnExpiry,
    /// What the migration does, decided before its first statement.
    pub schema: SchemaVerdict,
    /// The boot in which it began.
    pub boot: BootToken,
    /// When the window ends, unless a lease extends it.
    pub deadline: Uptime,
    /// What no lease extends.
    pub hard_limit: Uptime,
    /// Whether the environment file kept with the release comes back with it.
    pub with_env: bool,
    /// Whether a watchdog that does not survive a restart of the host is good enough for it.
    pub weak_watchdog: bool,
    /// Nothing can be asked of its release: confirming it proves nothing.
    pub unchecked: bool,
    /// The program that the watchdog runs for it.
    pub agent: Digest,
    /// Who asked: a run's URL, or user and machine.
    pub by: String,
    /// When, on this host's wall clock: a hint for people.
    pub at: String,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A new release.
    Deploy,
    /// Back to an older one.
    Rollback,
}

/// What the watchdog does when nobody confirms in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnExpiry {
    /// Back to what ran before.
    Undo,
    /// Keep the target when its checks pass, else take the other one when that passes, else stay and say so.
    Keep,
}

/// How an undo ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The change that was undone.
    pub txn: TxnId,
    /// Its release.
    pub release: ReleaseId,
    /// What runs now; absent when nothing does, as before.
    pub now: Option<ReleaseId>,
    /// Whether what runs now is healthy; otherwise a human is needed.
    pub healthy: bool,
    /// Why it was undone.
    pub why: String,
    /// Whether the release was marked bad.
    pub marked_bad: bool,
    /// Seconds from the decision to go back until the old release passed its checks.
    pub recovered_seconds: u64,
    /// The evidence saved, below the state folder.
    pub evidence: Option<String>,
}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ }) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }
        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word { $($word => Ok(Self::$variant),)+ _ => Err(format!("{word:?} is not one of the known words")) }
            }
        }
    };
}
words!(Operation { Deploy => "deploy", Rollback => "rollback" });
words!(OnExpiry { Undo => "undo", Keep => "keep" });

impl Txn {
    /// The record to write.
    #[must_use]
    pub fn to_record(&self) -> Record {
        Record::new()
            .with("txn", &self.id)
            .with("seq", self.seq)
            .with("operation", self.operation)
            .with("release", &self.release)
            .with_some("previous", self.previous.as_ref())
            .with("on-expiry", self.on_expiry)
            .with("schema", self.schema.word())
            .with("boot", self.boot.to_word())
            .with("deadline", self.deadline.0)
            .with("hard-limit", self.hard_limit.0)
            .with_some("with-env", self.with_env.then_some("yes"))
            .with_some("weak-watchdog", self.weak_watchdog.then_some("yes"))
            .with_some("unchecked", self.unchecked.then_some("yes"))
            .with("agent", &self.agent)
            .with("by", &self.by)
            .with("at", &self.at)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// A value is missing or not valid.
    pub fn from_record(record: &Record) -> Result<Self, RecordError> {
        let schema: String = record.parse("schema")?;
        Ok(Self {
            id: record.parse("txn")?,
            seq: record.parse("seq")?,
            operation: record.parse("operation")?,
            release: record.parse("release")?,
            previous: record.parse_some("previous")?,
            on_expiry: record.parse("on-expiry")?,
            schema: SchemaVerdict::from_word(&schema)
                .ok_or_else(|| RecordError::value("schema", format!("{schema:?} is not one of the known words")))?,
            boot: BootToken::from_word(record.get("boot").unwrap_or_default()),
            deadline: Uptime(record.parse("deadline")?),
            hard_limit: Uptime(record.parse("hard-limit")?),
            with_env: record.get("with-env") == Some("yes"),
            weak_watchdog: record.get("weak-watchdog") == Some("yes"),
            unchecked: record.get("unchecked") == Some("yes"),
            agent: record.parse("agent")?,
            by: record.get("by").unwrap_or_default().to_owned(),
            at: record.get("at").unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_txn_round_trip() {
        let txn = Txn {
            id: TxnId::new("t1").unwrap(),
            seq: 3,
            operation: Operation::Rollback,
            release: ReleaseId::new("v1").unwrap(),
            previous: None,
            on_expiry: OnExpiry::Keep,
            schema: SchemaVerdict::ExpandOnly,
            boot: BootToken { boot_id: Some("b".into()), init_start: None },
            deadline: Uptime(7),
            hard_limit: Uptime(9),
            with_env: true,
            weak_watchdog: true,
            unchecked: true,
            agent: Digest::of(b"x"),
            by: "https://github.com/o/r/actions/runs/1".into(),
            at: "2026-11-23T00:00:00Z".into(),
        };
        let text = txn.to_record().to_text();
        assert_eq!(Txn::from_record(&Record::from_text(&text).unwrap()).unwrap(), txn);
    }
}
