//! Room on the root's file system: refused early, with the figures.

use rollback_deploy_core::model::facts::Room;
use rollback_deploy_core::model::{Failure, Manifest};

use super::state::State;

/// Less than this is as good as nothing, in bytes.
const SHORT_BYTES: u64 = 2 << 20;
/// The same, in inodes.
const SHORT_INODES: u64 = 64;

/// What is free.
#[must_use]
pub fn free(state: &State) -> Room {
    let Ok(stat) = rustix::fs::fstatvfs(state.root_fd()) else { return Room::default() };
    // Some file systems (btrfs) do not count inodes and say 0 of 0.
    Room { bytes: stat.f_bavail.saturating_mul(stat.f_frsize), inodes: (stat.f_files > 0).then_some(stat.f_favail) }
}

/// Whether not even the records of a change may fit.
#[must_use]
pub fn is_short(state: &State) -> bool {
    let room = free(state);
    room.bytes < SHORT_BYTES || room.inodes.is_some_and(|inodes| inodes < SHORT_INODES)
}

/// Refuses a release for which there is no room.
///
/// # Errors
/// There is not enough, with what is needed and what is free.
pub fn check_for(state: &State, manifest: &Manifest) -> Result<(), Failure> {
    free(state).fits(manifest, state.root())
}
