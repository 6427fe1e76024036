//! What stops one pass of the decoder. May use the tree and the vocabulary.

use std::fmt;

use super::mistake::quoted;
use super::tree::Id;

/// What stops one pass: one mistake, and the node to leave out in the next pass.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The node to leave out; set by the innermost container that sees the trouble pass.
    pub(super) node: Option<Id>,
    /// Whether the key is wrong, not the value.
    pub(super) key: bool,
    pub(super) what: What,
    pub(super) hints: Vec<String>,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum What {
    /// In words; the name of the setting goes in front.
    Value(String),
    /// In words that stand alone.
    Whole(String),
    /// A key that the type does not have.
    UnknownKey { key: String, known: &'static [&'static str] },
    /// A word that the list of words does not have.
    UnknownWord { word: String, known: &'static [&'static str] },
    /// A key that must be there is not: reported before, when the map was opened.
    Missing(&'static str),
    /// Something that follows from a mistake reported before.
    Known,
}

impl Trouble {
    pub(super) fn value(what: impl Into<String>) -> Self {
        Self::of(What::Value(what.into()))
    }

    pub(super) fn whole(what: impl Into<String>) -> Self {
        Self::of(What::Whole(what.into()))
    }

    /// Something that follows from a mistake reported before.
    pub(super) fn known() -> Self {
        Self::of(What::Known)
    }

    fn of(what: What) -> Self {
        Self { node: None, key: false, what, hints: Vec::new() }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says where, unless something further inside has said so already.
    pub(super) fn in_node(mut self, node: Id) -> Self {
        self.node.get_or_insert(node);
        self
    }

    /// The same, when it is the key that is wrong.
    pub(super) fn in_key(mut self, node: Id) -> Self {
        self.key |= self.node.is_none();
        self.in_node(node)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Value(what) | What::Whole(what) => f.write_str(what),
            What::UnknownKey { key: word, .. } | What::UnknownWord { word, .. } => {
                write!(f, "{} is unknown", quoted(word))
            }
            What::Missing(field) => write!(f, "`{field}` is missing"),
            What::Known => f.write_str("reported before"),
        }
    }
}

impl std::error::Error for Trouble {}

impl serde::de::Error for Trouble {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::value(what.to_string())
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, wanted: &dyn serde::de::Expected) -> Self {
        Self::value(format!("wants {wanted}, not {found}"))
    }

    fn invalid_value(found: serde::de::Unexpected<'_>, wanted: &dyn serde::de::Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::of(What::UnknownWord { word: word.to_owned(), known })
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::of(What::UnknownKey { key: key.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(What::Missing(field))
    }
}
