//! What a host says of itself before anything is changed, and at any other time.

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::foreign::Foreign;
use super::manifest::Manifest;
use super::name::{Commit, Digest, ReleaseId, TxnId};
use super::path::AbsPath;
use super::release::ReleaseState;
use super::settings::{SchemaVerdict, WatchdogKind};
use super::time::Seconds;
use super::txn::{Ending, Operation};

/// What inspect reads: everything that plan needs, and nothing is changed by asking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What runs, what is open, what was.
    pub status: Status,
    /// All releases, newest first.
    pub releases: Vec<ReleaseRow>,
    /// Free room on the root's file system.
    pub room: Room,
    /// The strongest watchdog that is there, or that set-up can make.
    pub watchdog: Option<WatchdogKind>,
    /// Whether the host is set up: root face, policy, units.
    pub setup: SetupState,
    /// Folders among the releases without a record of ours: never touched, and no release is put there.
    pub strangers: Vec<String>,
    /// What would stop a change, each with its way out; empty when a change can begin.
    pub obstacles: Vec<Failure>,
    /// What a person should know but what stops nothing.
    pub warnings: Vec<String>,
    /// The digest of the program at the other end.
    pub agent: Digest,
}

/// Free room, in bytes and inodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Room {
    /// Bytes free for an ordinary user.
    pub bytes: u64,
    /// Inodes free; `None` where the file system does not count them.
    pub inodes: Option<u64>,
}

/// Kept free for records, evidence and everybody else, in bytes.
const RESERVE_BYTES: u64 = 32 << 20;
/// Kept free for records, in inodes.
const RESERVE_INODES: u64 = 256;

impl Room {
    /// Refuses a release for which there is no room.
    ///
    /// # Errors
    /// There is not enough, with what is needed and what is free.
    pub fn fits(&self, manifest: &Manifest, root: &AbsPath) -> Result<(), Failure> {
        let bytes = manifest.bytes().saturating_add(manifest.bytes() / 10).saturating_add(RESERVE_BYTES);
        if self.bytes < bytes {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            let (needed, free) = (mib(bytes), mib(self.bytes));
            return Err(Failure::refused(format!(
                "the disk is too full: {needed} MiB are needed, {free} MiB are free"
            ))
            .on_host(root)
            .hint("Free some room (`df -h`), lower `keep:`, or run `rollback-deploy prune`."));
        }
        let inodes = manifest.inodes() + RESERVE_INODES;
        match self.inodes {
            Some(free) if free < inodes => {
                Err(Failure::refused(format!("too few inodes: {inodes} are needed, {free} are free"))
                    .on_host(root)
                    .hint("Remove small files (`df -i`), lower `keep:`, or run `rollback-deploy prune`."))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the host is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetupState {
    /// Set up for this app.
    Done,
    /// Not yet, or for other units or another program; this user may do it.
    Possible,
    /// Not yet; this user may not.
    NeedsRoot,
    /// Nothing on this host needs it.
    NotNeeded,
}

/// What runs now, and what may be happening to it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// What this host must run.
    pub confirmed: Option<Proven>,
    /// What a rollback would go to.
    pub way_back: Option<Proven>,
    /// Why that is not known, when a record of an earlier change cannot be read.
    pub way_back_unknown: Option<Failure>,
    /// Where the live link points, when it is a release of ours.
    pub link: Option<ReleaseId>,
    /// What the live link is, in words, when that is not what it should be.
    pub drift: Option<Foreign>,
    /// The change that is open.
    pub open: Option<Open>,
    /// How the last undo ended, when nothing was confirmed since.
    pub last_undo: Option<Ending>,
    /// A human is needed.
    pub failed: Option<String>,
}

/// A release that was confirmed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// Its folder's name.
    pub release: ReleaseId,
    /// The version it was asked for as.
    pub version: ReleaseId,
    /// The commit, when known.
    pub commit: Option<Commit>,
    /// Of its files.
    pub content: Digest,
    /// Of how it runs.
    pub settings: Digest,
    /// The change that confirmed it.
    pub txn: TxnId,
    /// When, on the host's wall clock.
    pub at: String,
    /// By whom.
    pub by: String,
    /// Whether it was deployed with a migration that its predecessor cannot live with.
    pub schema: SchemaVerdict,
    /// Where its migration left the database, when it says so.
    pub head: Option<Foreign>,
}

/// A change that is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// Its name.
    pub txn: TxnId,
    /// Deploy or rollback.
    pub operation: Operation,
    /// What it brings.
    pub release: ReleaseId,
    /// What it would go back to.
    pub previous: Option<ReleaseId>,
    /// Who holds it.
    pub by: String,
    /// Since when, on the host's wall clock.
    pub at: String,
    /// Whether the link was switched already.
    pub switched: bool,
    /// Whether an undo is under way.
    pub aborting: bool,
    /// Held for a person's decision.
    pub held: bool,
    /// Until its deadline; 0 when that has passed.
    pub settles_in: Seconds,
}

/// One release, for `list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseRow {
    /// Its folder's name.
    pub id: ReleaseId,
    /// The version it was asked for as.
    pub version: ReleaseId,
    /// The commit, when known.
    pub commit: Option<Commit>,
    /// Of its files.
    pub content: Digest,
    /// Of how it runs.
    pub settings: Digest,
    /// What is recorded.
    pub state: ReleaseState,
    /// Named by `confirmed`.
    pub live: bool,
    /// Named by `confirmed` or `history/`, and not bad.
    pub proven: bool,
    /// When it was staged, on the host's wall clock.
    pub at: String,
    /// By whom.
    pub by: String,
    /// Whether its folder is still there.
    pub present: bool,
}

impl ReleaseRow {
    /// Whether it failed here by itself.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        matches!(self.state, ReleaseState::Bad { .. })
    }
}
