//! Time as the protocol counts it: seconds of uptime inside one boot. Wall clock is a hint for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s >= 3600 && s.is_multiple_of(3600) => write!(f, "{} h", s / 3600),
            s if s >= 120 && s.is_multiple_of(60) => write!(f, "{} min", s / 60),
            s => write!(f, "{s} s"),
        }
    }
}

/// Seconds since the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Uptime(pub u64);

impl Uptime {
    /// This moment and some seconds more.
    #[must_use]
    pub fn plus(self, seconds: Seconds) -> Self {
        Self(self.0.saturating_add(seconds.0))
    }

    /// How long from `self` until `later`; nothing when that has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Seconds {
        Seconds(later.0.saturating_sub(self.0))
    }
}

/// Which boot this is, in parts. A part that cannot be read is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BootToken {
    /// `/proc/sys/kernel/random/boot_id`; it stays the same when a container restarts.
    pub boot_id: Option<String>,
    /// When PID 1 started, in clock ticks since boot; hidden by `hidepid`.
    pub init_start: Option<u64>,
}

/// Whether two tokens name the same boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameBoot {
    /// Every part that both have is the same, and there is one.
    Yes,
    /// A part that both have differs.
    No,
    /// No part can be compared.
    Unknown,
}

impl BootToken {
    /// Compares part by part.
    #[must_use]
    pub fn same(&self, other: &Self) -> SameBoot {
        let boot_id = self.boot_id.as_ref().zip(other.boot_id.as_ref()).map(|(a, b)| a == b);
        let init = self.init_start.zip(other.init_start).map(|(a, b)| a == b);
        match (boot_id, init) {
            (Some(false), _) | (_, Some(false)) => SameBoot::No,
            (None, None) => SameBoot::Unknown,
            _ => SameBoot::Yes,
        }
    }

    /// One word for a record: `boot_id:init_start`, `-` for a part that is unknown.
    #[must_use]
    pub fn to_word(&self) -> String {
        let id = self.boot_id.as_deref().unwrap_or("-");
        let init = self.init_start.map_or_else(|| "-".to_owned(), |ticks| ticks.to_string());
        format!("{id}:{init}")
    }

    /// Reads the word of a record; what does not parse is unknown.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let (id, init) = word.split_once(':').unwrap_or((word, "-"));
        Self { boot_id: (!id.is_empty() && id != "-").then(|| id.to_owned()), init_start: init.parse().ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: Option<&str>, init: Option<u64>) -> BootToken {
        BootToken { boot_id: id.map(str::to_owned), init_start: init }
    }

    #[test]
    fn unknown_parts_never_differ() {
        let full = token(Some("a"), Some(5));
        assert_eq!(full.same(&full), SameBoot::Yes);
        assert_eq!(full.same(&token(Some("a"), None)), SameBoot::Yes);
        assert_eq!(full.same(&token(Some("a"), Some(6))), SameBoot::No);
        assert_eq!(full.same(&token(Some("b"), None)), SameBoot::No);
        assert_eq!(full.same(&token(None, None)), SameBoot::Unknown);
        assert_eq!(token(None, Some(1)).same(&token(Some("a"), None)), SameBoot::Unknown);
    }

    #[test]
    fn words_round_trip() {
        for t in [token(Some("a-b"), Some(5)), token(None, None), token(Some("x"), None)] {
            assert_eq!(BootToken::from_word(&t.to_word()), t);
        }
    }
}
