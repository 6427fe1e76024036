//! The plan: what shall happen to which targets. Everything that is chosen is chosen here or in [`super::next()`].

use crate::model::{Allow, Label, OnExpiry, Operation, ReleaseId, SchemaVerdict, Seconds, TxnId};
use crate::wire::{Act, Intent, Staging};

/// What shall happen to which targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Deploy or rollback.
    pub operation: Operation,
    /// The targets, in the one fixed order in which they are begun.
    pub targets: Vec<TargetPlan>,
    /// Overrides in force.
    pub allow: Vec<Allow>,
    /// How long to wait for somebody else's change.
    pub wait: Seconds,
    /// How long an undecided change is held for a person; absent: it is undone.
    pub hold: Option<Seconds>,
    /// Who asks.
    pub by: String,
}

/// What shall happen to one target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetPlan {
    /// The target.
    pub label: Label,
    /// The name of the change there; when it has to be begun again, with `.2`, `.3` … behind it.
    pub txn: TxnId,
    /// What shall run there.
    pub wanted: Wanted,
    /// Until nobody's sign of life is taken as death.
    pub window: Seconds,
    /// The longest the change may stay open.
    pub hard_limit: Seconds,
    /// How many proven releases stay.
    pub keep: u32,
    /// The version that shall run there: what `{version}` stands for in checks asked from where the controller runs.
    pub version: ReleaseId,
    /// Whether checks are asked from where the controller runs, too.
    pub checked_outside: bool,
}

/// What shall run on a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// A release that is staged first.
    Staged(Box<Staging>),
    /// A release that is there.
    There {
        /// Which.
        release: ReleaseId,
        /// Bring its own environment file back with it.
        with_env: bool,
    },
    /// It is live and proven already: nothing is restarted.
    AlreadyLive(ReleaseId),
}

impl TargetPlan {
    /// The act that puts the release in place, when it has to be.
    #[must_use]
    pub fn prepare(&self) -> Option<Act> {
        match &self.wanted {
            Wanted::Staged(staging) => Some(Act::Prepare(staging.clone())),
            Wanted::There { .. } | Wanted::AlreadyLive(_) => None,
        }
    }

    /// What the migration of the release does.
    #[must_use]
    pub fn schema(&self) -> SchemaVerdict {
        match &self.wanted {
            Wanted::Staged(staging) => {
                staging.settings.migrate.as_ref().map_or(SchemaVerdict::None, |migrate| migrate.verdict)
            }
            Wanted::There { .. } | Wanted::AlreadyLive(_) => SchemaVerdict::None,
        }
    }

    /// Whether the change is confirmed although nothing can be asked. A deploy needs a word for that; a rollback goes
    /// to what a person named or what was proven before.
    #[must_use]
    pub fn is_unchecked(&self, plan: &Plan) -> bool {
        match &self.wanted {
            Wanted::Staged(staging) => {
                staging.settings.is_unchecked() && !self.checked_outside && plan.allow.contains(&Allow::Unchecked)
            }
            Wanted::There { .. } => plan.operation == Operation::Rollback,
            Wanted::AlreadyLive(_) => false,
        }
    }

    /// The act that opens the change, under this name.
    #[must_use]
    pub fn begin(&self, plan: &Plan, txn: &TxnId, release: &ReleaseId) -> Act {
        let on_expiry = match plan.operation {
            Operation::Deploy => OnExpiry::Undo,
            Operation::Rollback => OnExpiry::Keep,
        };
        // What is asked from outside is an answer: then nothing is confirmed unchecked.
        let used = |allow: &Allow| *allow != Allow::Unchecked || !self.checked_outside;
        Act::Begin(Box::new(Intent {
            txn: txn.clone(),
            operation: plan.operation,
            release: release.clone(),
            on_expiry,
            schema: self.schema(),
            window: self.window,
            hard_limit: self.hard_limit,
            with_env: matches!(self.wanted, Wanted::There { with_env: true, .. }),
            by: plan.by.clone(),
            allow: plan.allow.iter().copied().filter(used).collect(),
        }))
    }
}
