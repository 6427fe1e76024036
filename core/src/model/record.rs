//! Records: lines `key=value`, a version first, `end=1` last. Read without any helper program, never sourced, never
//! rewritten. Newer programs read all older records; a newer record is refused with words.

use std::fmt;

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// The most that a record may hold, in bytes: a larger file is not ours.
pub const LARGEST: usize = 1 << 20;

/// Lines of a record, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    lines: Vec<(String, String)>,
}

/// Why a text is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The end line is missing: its writer died.
    #[error("the record is torn: its end line is missing")]
    Torn,
    /// A line is not `key=value`.
    #[error("line {line} is not key=value")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// A newer program wrote it.
    #[error("the record has version {found}, this program reads up to {VERSION}: use the newer program")]
    Newer {
        /// Its version.
        found: u32,
    },
    /// A value is missing or not valid.
    #[error("{key}: {why}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong.
        why: String,
    },
}

impl RecordError {
    /// A value that is not valid.
    #[must_use]
    pub fn value(key: &str, why: impl fmt::Display) -> Self {
        Self::Value { key: key.to_owned(), why: why.to_string() }
    }
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line. Line breaks in the value become spaces: a record is always one line a value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        let value = value.to_string().replace(['\n', '\r', '\0'], " ");
        self.lines.push((key.to_owned(), value));
        self
    }

    /// Adds a line when there is a value.
    #[must_use]
    pub fn with_some(self, key: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The first value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// A value that must be there and parse.
    ///
    /// # Errors
    /// It is missing or does not parse.
    pub fn parse<T: std::str::FromStr>(&self, key: &str) -> Result<T, RecordError>
    where
        T::Err: fmt::Display,
    {
        let value = self.get(key).ok_or_else(|| RecordError::value(key, "it is missing"))?;
        value.parse().map_err(|why: T::Err| RecordError::value(key, why))
    }

    /// A value that may be missing or empty but must parse otherwise.
    ///
    /// # Errors
    /// It does not parse.
    pub fn parse_some<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, RecordError>
    where
        T::Err: fmt::Display,
    {
        match self.get(key) {
            None | Some("") => Ok(None),
            Some(value) => value.parse().map(Some).map_err(|why: T::Err| RecordError::value(key, why)),
        }
    }

    /// The text to write.
    #[must_use]
    pub fn to_text(&self) -> String {
        use fmt::Write as _;
        let mut text = format!("v={VERSION}\n");
        for (key, value) in &self.lines {
            let _infallible = writeln!(text, "{key}={value}");
        }
        text.push_str("end=1\n");
        text
    }

    /// Reads a text.
    ///
    /// # Errors
    /// It is torn, newer than this program, or not a record.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        let Some(body) = text.strip_suffix("\nend=1\n") else {
            return Err(RecordError::Torn);
        };
        let mut lines = Vec::new();
        for (index, line) in body.lines().enumerate() {
            let Some((key, value)) = line.split_once('=') else {
                return Err(RecordError::Line { line: index + 1 });
            };
            lines.push((key.to_owned(), value.to_owned()));
        }
        let record = Self { lines };
        let found: u32 = record.parse("v")?;
        if found > VERSION {
            return Err(RecordError::Newer { found });
        }
        Ok(Self { lines: record.lines.into_iter().filter(|(key, _)| key != "v").collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let record = Record::new().with("txn", "a").with("note", "two\nlines=1");
        assert_eq!(record.to_text(), "v=1\ntxn=a\nnote=two lines=1\nend=1\n");
        assert_eq!(Record::from_text(&record.to_text()).unwrap(), record);
    }

    #[test]
    fn torn_newer_and_foreign_texts_are_refused() {
        let whole = Record::new().with("txn", "a").to_text();
        for cut in 0..whole.len() {
            assert_eq!(Record::from_text(&whole[..cut]), Err(RecordError::Torn), "{cut}");
        }
        assert_eq!(Record::from_text("v=2\nend=1\n"), Err(RecordError::Newer { found: 2 }));
        assert!(Record::from_text("hello\nend=1\n").is_err());
        assert!(Record::from_text("txn=a\nend=1\n").is_err());
    }
}
