//! Secrets that must not be seen, in every spelling in which they commonly turn up.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};

/// What is shown in the place of a secret; the same as GitHub's runner shows.
pub const SHOWN: &str = "***";

/// The shortest text that is masked: `22`, `web` or `prod` would eat the log and drop outputs.
pub const SHORTEST: usize = 8;

/// The registered secrets. Clones share them, so that one that is learned late is masked everywhere from then on.
#[derive(Clone, Default)]
pub struct Masker {
    /// Longest first: a part of a secret must not hide the whole from the search.
    spellings: Arc<RwLock<Vec<SecretString>>>,
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masker")
    }
}

impl Masker {
    /// A masker that knows no secret yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a secret: the whole, each line of it, and what they become in base64, JSON and URLs. Texts shorter
    /// than [`SHORTEST`] are left out.
    pub fn add(&self, secret: &str) {
        let mut texts = vec![secret.trim().to_owned()];
        texts.extend(secret.lines().map(|line| line.trim().to_owned()));
        texts.retain(|text| text.len() >= SHORTEST);
        let mut all: Vec<String> = texts.iter().flat_map(|text| spellings(text)).collect();
        all.extend(texts);
        let mut known = self.spellings.write().unwrap_or_else(PoisonError::into_inner);
        for text in all {
            if text.len() >= SHORTEST && !known.iter().any(|other| other.expose_secret() == text) {
                known.push(text.into());
            }
        }
        known.sort_by_key(|text| std::cmp::Reverse(text.expose_secret().len()));
    }

    /// The text with every registered secret replaced.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let known = self.spellings.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = text.to_owned();
        for secret in known.iter() {
            if text.contains(secret.expose_secret()) {
                text = text.replace(secret.expose_secret(), SHOWN);
            }
        }
        text
    }
}

/// The encoded spellings of a text, wherever in a longer encoded text it begins.
fn spellings(text: &str) -> Vec<String> {
    let mut all: Vec<String> = (0..3).flat_map(|shift| base64_at(text.as_bytes(), shift)).collect();
    if let Ok(json) = serde_json::to_string(text) {
        all.push(json.trim_matches('"').to_owned());
    }
    all.push(url::form_urlencoded::byte_serialize(text.as_bytes()).collect());
    all.push(percent(text));
    all.retain(|spelling| spelling != text);
    all
}

/// The characters of base64 that depend on this text only, when `shift` bytes of something else stand before it.
fn base64_at(text: &[u8], shift: usize) -> [String; 2] {
    let mut padded = vec![0_u8; shift];
    padded.extend_from_slice(text);
    // Each character carries 6 bits: those that also carry bits of a neighbour are left out at both ends.
    let first = (shift * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
        .map(|encoded| encoded.get(first..last).unwrap_or_default().to_owned())
}

/// As in the path of a URL: everything but the unreserved characters as `%XX`.
fn percent(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_of_a_key_are_masked_one_by_one() {
        let masker = Masker::new();
        masker.add("-----BEGIN KEY-----\n  b3BlbnNzaC1rZXktdjEAAAAA  \nshort\n-----END KEY-----\n");
        assert_eq!(masker.mask("x b3BlbnNzaC1rZXktdjEAAAAA short"), "x *** short");
        assert_eq!(masker.mask("-----BEGIN KEY-----"), "***");
    }

    #[test]
    fn short_texts_stay_readable() {
        let masker = Masker::new();
        masker.add("22");
        masker.add("prod");
        assert_eq!(masker.mask("2026-11-22 prod"), "2026-11-22 prod");
    }

    #[test]
    fn a_masker_never_shows_what_it_knows() {
        let masker = Masker::new();
        masker.add("correct horse battery");
        assert_eq!(format!("{masker:?}"), "Masker");
        assert_eq!(masker.mask("a=correct%20horse%20battery b=correct+horse+battery"), "a=*** b=***");
    }

    proptest! {
        #[test]
        fn a_secret_is_found_wherever_it_stands_in_base64(
            secret in "[ -~]{12,40}", before in prop::collection::vec(any::<u8>(), 0..9), after in prop::collection::vec(any::<u8>(), 0..9)
        ) {
            prop_assume!(secret.trim().len() >= 12);
            let masker = Masker::new();
            masker.add(&secret);
            let whole = [&before[..], secret.trim().as_bytes(), &after[..]].concat();
            prop_assert!(masker.mask(&STANDARD.encode(&whole)).contains(SHOWN));
        }
    }
}
