//! Text that somebody else wrote: a host, an app, GitHub.

use serde::{Deserialize, Serialize};

/// Text from outside. It has no `Display` and no `Deref`: each medium renders it in one place, after masking.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Foreign(String);

impl Foreign {
    /// The most that is kept of one text, in bytes.
    pub const LONGEST: usize = 64 * 1024;

    /// Takes a text in, cut to [`Self::LONGEST`] at a character boundary.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.len() > Self::LONGEST {
            let cut = (0..=Self::LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(cut);
        }
        Self(text)
    }

    /// Takes bytes in; what is not UTF-8 is replaced.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let cut = bytes.len().min(Self::LONGEST);
        Self::new(String::from_utf8_lossy(&bytes[..cut]).into_owned())
    }

    /// The raw text: only for renderers, and for comparing with what was expected.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Foreign {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}
