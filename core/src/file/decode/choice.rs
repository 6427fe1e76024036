//! One word of a list of words, for serde.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, VariantAccess, Visitor};

use super::super::tree::Kind;
use super::super::trouble::Trouble;
use super::cursor::Cursor;

/// One word of a list of words, perhaps with settings.
pub(super) struct Choice<'c, 't> {
    pub(super) word: &'c str,
    pub(super) settings: Cursor<'c, 't>,
    /// Where the word stands.
    pub(super) at: Cursor<'c, 't>,
    pub(super) of: &'static str,
}

impl<'de, 'c, 't> serde::de::EnumAccess<'de> for Choice<'c, 't> {
    type Error = Trouble;
    type Variant = Settings<'c, 't>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), Trouble> {
        let word: StrDeserializer<'_, Trouble> = self.word.into_deserializer();
        let key = !self.settings.bare;
        match seed.deserialize(word) {
            Ok(variant) => Ok((variant, Settings(self.settings))),
            Err(trouble) if key => Err(Trouble { key, ..self.at.unknown_word(self.of, trouble) }),
            Err(trouble) => Err(self.at.unknown_word(self.of, trouble)),
        }
    }
}

/// The settings of a chosen word.
pub(super) struct Settings<'c, 't>(Cursor<'c, 't>);

impl<'de> VariantAccess<'de> for Settings<'_, '_> {
    type Error = Trouble;

    fn unit_variant(self) -> Result<(), Trouble> {
        match self.0.kind() {
            Kind::Empty => Ok(()),
            _ => Err(Trouble::value("this word has no settings").in_node(self.0.id)),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Trouble> {
        seed.deserialize(self.0).map_err(|trouble| trouble.in_node(self.0.id))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Trouble> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Trouble> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
