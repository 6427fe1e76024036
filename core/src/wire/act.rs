//! Acts are data: plan prints them, the engine performs them, the wire carries them. Each may be repeated and then
//! tells the truth.

use serde::{Deserialize, Serialize};

use crate::model::{
    Allow, CheckResult, Ending, Facts, Failure, Label, LogSource, Manifest, OnExpiry, Operation, Proof, Proven,
    ReleaseId, ReleaseInfo, ReleaseRow, SchemaVerdict, Seconds, Settings, Status, TxnId, WatchdogKind,
};

/// What can be asked of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Do something.
    Act(Act),
    /// Make a release permanent: only with a proof, only on a connection made after activation.
    Confirm(Proof),
    /// Ask something; nothing changes.
    Ask(Query),
    /// Set the host up, or look whether it is.
    Setup(Box<SetupRequest>),
}

/// One thing asked of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Read everything that a plan needs.
    Inspect(Box<Settings>),
    /// Settle what an earlier run left.
    Recover {
        /// Overrides: `drift`.
        allow: Vec<Allow>,
    },
    /// Put a release's files in place, build and verify it.
    Prepare(Box<Staging>),
    /// Open a change: the intent, the way back and everything that confirm and abort need.
    Begin(Box<Intent>),
    /// Wait until the watchdog has proven that it could act.
    Arm(TxnId),
    /// Run the migration of the change, detached, and wait for it.
    Migrate(TxnId),
    /// Switch, restart, prove.
    Activate(TxnId),
    /// Ask the checks on the host.
    Verify(TxnId),
    /// Extend the window, up to the hard limit.
    Renew {
        /// The change.
        txn: TxnId,
        /// From now.
        window: Seconds,
    },
    /// Go back.
    Abort {
        /// The change; without one, whatever is open.
        txn: Option<TxnId>,
        /// Why, in words for the record.
        why: String,
        /// The release itself failed here (activation, proof or a check), not the world around it.
        fault: Fault,
    },
    /// Hold an undecided change for a person.
    Hold {
        /// The change.
        txn: TxnId,
        /// How long, from now.
        window: Seconds,
    },
    /// Remove releases that nothing needs.
    Prune {
        /// How many proven releases stay.
        keep: u32,
    },
}

/// Whose fault an abort is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The release failed by itself.
    Release,
    /// Cancelled, restarted, unreachable, a neighbour: the release is free to be tried again.
    World,
}

/// What to put in place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Staging {
    /// What the release is.
    pub info: ReleaseInfo,
    /// How it runs.
    pub settings: Settings,
    /// Its files.
    pub manifest: Manifest,
    /// Who asks.
    pub by: String,
    /// Overrides in force.
    pub allow: Vec<Allow>,
}

/// What a change wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Its name, minted by the controller.
    pub txn: TxnId,
    /// Deploy or rollback.
    pub operation: Operation,
    /// What shall run.
    pub release: ReleaseId,
    /// What happens when nobody confirms.
    pub on_expiry: OnExpiry,
    /// What the migration does.
    pub schema: SchemaVerdict,
    /// Until nobody's sign of life is taken as death.
    pub window: Seconds,
    /// The longest it may stay open.
    pub hard_limit: Seconds,
    /// Bring the release's own environment file back with it.
    pub with_env: bool,
    /// Who asks.
    pub by: String,
    /// Overrides in force.
    pub allow: Vec<Allow>,
}

/// A question that changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// What runs now, what is open.
    Status,
    /// All releases.
    List,
    /// All changes, newest first.
    History {
        /// How many at most.
        limit: u32,
    },
    /// The settings that the live release recorded.
    Settings,
    /// Ask the live release's checks.
    Health,
    /// Lines of logs; with `follow` until cancelled.
    Logs(Logs),
    /// What goes into the deployment backup of a release.
    Backup {
        /// Of which one.
        release: ReleaseId,
    },
}

/// Which log lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// Where; empty: the journals of the live release's services and its deploy log.
    pub sources: Vec<LogSource>,
    /// How many old lines of each.
    pub lines: u32,
    /// Go on as they come.
    pub follow: bool,
}

/// What set-up shall do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetupRequest {
    /// How far to go.
    pub mode: SetupMode,
    /// The app.
    pub settings: Settings,
    /// The watchdog wanted; without one, the strongest possible.
    pub watchdog: Option<WatchdogKind>,
}

/// How far set-up goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetupMode {
    /// Say what would be done.
    Plan,
    /// Say whether it is done.
    Check,
    /// Do it.
    Apply,
    /// Take everything of ours off the host, but not the app's releases.
    Remove,
}

/// The truth about an act, however often it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Done, now or before.
    Done(Box<Report>),
    /// The change was undone.
    Undone(Ending),
    /// Somebody else's change is open.
    Busy(Holder),
    /// The change waits for a person.
    Held {
        /// Until its expiry.
        settles_in: Seconds,
    },
    /// Refused: nothing was changed by this act.
    Refused(Failure),
    /// Tried and failed: a change that is open is still open.
    Failed(Failure),
}

/// Who holds the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The change.
    pub txn: TxnId,
    /// Deploy or rollback.
    pub operation: Operation,
    /// What it brings.
    pub release: ReleaseId,
    /// Who.
    pub by: String,
    /// Since when, on the host's wall clock.
    pub at: String,
    /// Until its deadline at the latest.
    pub settles_in: Seconds,
}

/// What was done or found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// Of inspect.
    Facts(Facts),
    /// Of recover: what was settled, if anything had to be.
    Recovered {
        /// The undo that was finished.
        ending: Option<Ending>,
        /// Folders that are ours and half-made, now gone.
        rubbish: Vec<ReleaseId>,
        /// Folders among the releases without a record of ours: never touched.
        strangers: Vec<String>,
    },
    /// Of prepare.
    Staged(Staged),
    /// Of begin.
    Begun {
        /// What it would go back to.
        previous: Option<ReleaseId>,
        /// Until the deadline.
        settles_in: Seconds,
        /// An open deploy that this rollback undid first.
        preempted: Option<Ending>,
        /// Names whose values in the environment file of today are others than those the release ran with.
        environment: Vec<String>,
    },
    /// Of arm.
    Armed {
        /// By which watchdog.
        watchdog: WatchdogKind,
    },
    /// Of migrate.
    Migrated {
        /// What it did to the old release.
        schema: SchemaVerdict,
        /// Whether a migration ran at all.
        ran: bool,
    },
    /// Of activate: what runs now, and how that was found out.
    Activated {
        /// The proof of each service, with its method.
        proofs: Vec<CheckResult>,
        /// Seconds until the deadline.
        settles_in: Seconds,
    },
    /// Of verify and health.
    Checked(Vec<CheckResult>),
    /// Of renew.
    Renewed {
        /// Until the deadline.
        settles_in: Seconds,
    },
    /// Of confirm.
    Confirmed(Proven),
    /// Of hold.
    Holding {
        /// Until its expiry.
        settles_in: Seconds,
    },
    /// Of abort when nothing was open.
    NothingOpen,
    /// Of prune.
    Pruned {
        /// Gone.
        removed: Vec<ReleaseId>,
        /// Kept although old, each with its reason.
        kept: Vec<String>,
    },
    /// Of status.
    Status(Status),
    /// Of list.
    Releases(Vec<ReleaseRow>),
    /// Of settings; nothing when nothing was ever confirmed.
    Settings(Option<Box<Settings>>),
    /// Of history: lines of `deploy.log`, newest first.
    History(Vec<String>),
    /// Of logs: the end.
    LogsEnded,
    /// Of backup: file names with their contents.
    Backup {
        /// The version that ran before.
        previous: Option<ReleaseId>,
        /// Name in the archive → content.
        files: Vec<(String, String)>,
        /// What could not be read, in words.
        missing: Vec<String>,
    },
    /// Of set-up: each step, and whether it is (or was already) done.
    Setup(Vec<SetupStep>),
}

/// One step of set-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupStep {
    /// What, in words.
    pub what: String,
    /// Whether it is as it should be now.
    pub done: bool,
    /// Whether this run changed it.
    pub changed: bool,
}

/// What prepare did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// The release's id on this host.
    pub release: ReleaseId,
    /// The same content and settings were staged before and are used again.
    pub reused: bool,
    /// Files that travelled.
    pub files_sent: u64,
    /// Their bytes, before compression.
    pub bytes_sent: u64,
    /// Files cloned from a release that is there.
    pub files_cloned: u64,
}

impl Act {
    /// What it is called in logs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Inspect(_) => "inspect",
            Self::Recover { .. } => "recover",
            Self::Prepare(_) => "stage",
            Self::Begin(_) => "begin",
            Self::Arm(_) => "arm",
            Self::Migrate(_) => "migrate",
            Self::Activate(_) => "activate",
            Self::Verify(_) => "verify",
            Self::Renew { .. } => "renew",
            Self::Abort { .. } => "abort",
            Self::Hold { .. } => "hold",
            Self::Prune { .. } => "prune",
        }
    }
}

/// Which target: only for messages about several.
pub type TargetId = Label;
