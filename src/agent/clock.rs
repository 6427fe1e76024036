//! Uptime and the boot token: what decides. The wall clock is only for people.

use std::fs;

use rollback_deploy_core::model::{BootToken, Failure, Uptime};

/// Seconds since the machine started.
///
/// # Errors
/// `/proc/uptime` cannot be read: without it nothing can be promised.
pub fn uptime() -> Result<Uptime, Failure> {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split(['.', ' ']).next().and_then(|word| word.parse().ok());
    seconds.map(Uptime).ok_or_else(|| {
        Failure::refused("the host's uptime cannot be read, so no deadline can be kept")
            .on_host("/proc/uptime")
            .hint("Mount /proc, or allow this user to read /proc/uptime.")
    })
}

/// Which boot this is; parts that cannot be read are unknown.
#[must_use]
pub fn boot() -> BootToken {
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned());
    BootToken { boot_id: boot_id.filter(|id| !id.is_empty()), init_start: started(1) }
}

/// When a process started, in clock ticks since boot.
#[must_use]
pub fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name may hold spaces and brackets: what counts follows its last `)`.
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

/// The wall clock, for people.
#[must_use]
pub fn wall() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
