//! The words of the project as types that cannot hold a wrong state. May use nothing above it.

pub mod check;
pub mod facts;
pub mod failure;
pub mod foreign;
pub mod manifest;
pub mod name;
pub mod outcome;
pub mod path;
pub mod record;
pub mod release;
pub mod service;
pub mod settings;
pub mod time;
pub mod txn;
pub mod verdict;

pub use check::{Amount, Check, CheckFrom, LogSource, Question};
pub use facts::{Facts, Open, Proven, ReleaseRow, Status};
pub use failure::{Allow, Failure, Kind, Place};
pub use foreign::Foreign;
pub use manifest::{Entry, EntryKind, Manifest};
pub use name::{AppName, Commit, Digest, EnvName, EnvironmentName, Label, ReleaseId, TxnId, UnitName};
pub use outcome::Outcome;
pub use path::{AbsPath, RelPath};
pub use record::Record;
pub use release::{Heads, ReleaseInfo, ReleaseState, Source, Story};
pub use service::{Restart, Service};
pub use settings::{Migrate, SchemaVerdict, Settings, SharedPath, WatchdogKind};
pub use time::{BootToken, SameBoot, Seconds, Uptime};
pub use txn::{Ending, OnExpiry, Operation, Txn};
pub use verdict::{CheckResult, Proof, Verdict};
