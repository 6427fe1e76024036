//! The clock that limits and switch moments are measured with: the kernel's monotonic one, as systemd's time stamps.

use std::time::Duration;

use rollback_deploy_core::model::Seconds;

/// Time since boot on the monotonic clock: comparable with systemd's `…TimestampMonotonic`.
#[must_use]
pub fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// A moment in the future.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Duration);

impl Deadline {
    /// So many seconds from now.
    #[must_use]
    pub fn after(limit: Seconds) -> Self {
        Self::after_duration(Duration::from_secs(limit.0))
    }

    /// So long from now.
    #[must_use]
    pub fn after_duration(limit: Duration) -> Self {
        Self(monotonic().saturating_add(limit))
    }

    /// Whether it has come.
    #[must_use]
    pub fn passed(self) -> bool {
        self.left().is_zero()
    }

    /// How long until then.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_sub(monotonic())
    }
}

/// Waits, in small steps so that a cancel is heard. Says whether the whole time went by.
pub fn wait(time: Duration, cancelled: &dyn Fn() -> bool) -> bool {
    let end = Deadline::after_duration(time);
    while !end.passed() {
        if cancelled() {
            return false;
        }
        std::thread::sleep(end.left().min(Duration::from_millis(50)));
    }
    !cancelled()
}

/// Whole milliseconds since a moment.
#[must_use]
pub fn millis_since(start: Duration) -> u64 {
    u64::try_from(monotonic().saturating_sub(start).as_millis()).unwrap_or(u64::MAX)
}
