//! Names: parsed once, safe ever after. None can be read as an option, a path or shell text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: {rule}")]
pub struct NameError {
    /// What kind of name was asked for.
    pub what: &'static str,
    /// The text as given, cut to 140 characters.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl NameError {
    pub(crate) fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        Self { what, text: text.chars().take(140).collect(), rule }
    }
}

/// Letters, digits, `.`, `_`, `+`, `-`; 1 to 128 of them; starts with a letter or a digit.
fn is_plain(text: &str, extra: &[char]) -> bool {
    (1..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c) || extra.contains(&c))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// The text breaks the rule of this name.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { Err(NameError::new($what, &text, $rule)) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// The name of one release on one host: a folder under `releases/`, never used twice.
    ReleaseId, "release", "1 to 128 of letters, digits and ._+-, starting with a letter or digit",
    |text| is_plain(text, &[])
);
name!(
    /// One change of one target.
    TxnId, "transaction", "1 to 128 of letters, digits and ._+-, starting with a letter or digit",
    |text| is_plain(text, &[])
);
name!(
    /// The app that a root belongs to.
    AppName, "app", "1 to 128 of letters, digits and ._+-, starting with a letter or digit",
    |text| is_plain(text, &[])
);
name!(
    /// An environment such as production or staging.
    EnvironmentName, "environment", "1 to 128 of letters, digits and ._+-, starting with a letter or digit",
    |text| is_plain(text, &[])
);
name!(
    /// What a host is called in logs, outputs and artifacts; never its address.
    Label, "host label", "1 to 128 of letters, digits and ._+-, starting with a letter or digit",
    |text| is_plain(text, &[])
);
name!(
    /// A systemd unit with its suffix (`web.service`; without one, `.service` is meant).
    UnitName, "unit", "letters, digits and :_.@+-, starting with a letter or digit",
    |text| is_plain(text, &[':', '@'])
);
name!(
    /// The name of an environment variable.
    EnvName, "environment variable", "letters, digits and _, not starting with a digit",
    |text| !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
);
name!(
    /// A SHA-256 digest in lower-case hex.
    Digest, "digest", "64 lower-case hex digits",
    |text| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);
name!(
    /// A commit in lower-case hex (SHA-1 or SHA-256).
    Commit, "commit", "40 or 64 lower-case hex digits",
    |text| matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self::from_raw(&sha2::Sha256::digest(bytes))
    }

    /// From the 32 raw bytes of a finished SHA-256.
    #[must_use]
    pub fn from_raw(raw: &[u8]) -> Self {
        use fmt::Write as _;
        let mut hex = String::with_capacity(64);
        for byte in raw {
            let _infallible = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }
}

impl UnitName {
    /// The full name: a bare name means a service.
    #[must_use]
    pub fn full(&self) -> String {
        const SUFFIXES: [&str; 6] = [".service", ".socket", ".timer", ".path", ".target", ".scope"];
        if SUFFIXES.iter().any(|suffix| self.0.ends_with(suffix)) {
            self.0.clone()
        } else {
            format!("{}.service", self.0)
        }
    }
}

impl ReleaseId {
    /// The id to try after `n` earlier folders took the name: `v1.2.0`, `v1.2.0_2`, `v1.2.0_3` ….
    #[must_use]
    pub fn nth(&self, n: u32) -> Self {
        if n <= 1 { self.clone() } else { Self(format!("{}_{n}", self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_are_no_names() {
        for text in [
            "",
            "-o",
            ".hidden",
            "..",
            "a/b",
            "a b",
            "v1.2.3; touch FILE",
            "$(touch F)",
            "`x`",
            "v1'",
            "*",
            "~root",
            "a\nb",
            "a\\b",
            "!x",
            "ｖ1",
        ] {
            assert!(ReleaseId::new(text).is_err(), "{text:?}");
            assert!(UnitName::new(text).is_err(), "{text:?}");
        }
        assert!(ReleaseId::new("x".repeat(129)).is_err());
    }

    #[test]
    fn a_bare_unit_is_a_service() {
        assert_eq!(UnitName::new("web").unwrap().full(), "web.service");
        assert_eq!(UnitName::new("web.socket").unwrap().full(), "web.socket");
        assert_eq!(UnitName::new("app-1.2").unwrap().full(), "app-1.2.service");
    }

    #[test]
    fn ids_count_up() {
        let id = ReleaseId::new("v1.2.0").unwrap();
        assert_eq!(id.nth(1).as_str(), "v1.2.0");
        assert_eq!(id.nth(2).as_str(), "v1.2.0_2");
    }
}
