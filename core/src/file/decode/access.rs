//! The inside of lists and maps, for serde. What was left out in an earlier pass is not there.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::super::tree::{Id, Kind, Pair};
use super::super::trouble::{Trouble, What};
use super::super::vocabulary;
use super::Context;
use super::cursor::{Cursor, not_built};

/// The items of a list. An item without a value is no item.
pub(super) struct Items<'c, 't> {
    pub(super) cx: &'c Context<'t>,
    pub(super) items: std::slice::Iter<'c, Id>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Trouble;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Trouble> {
        let there = |id: &&Id| !self.cx.left_out(**id) && !matches!(self.cx.kind(**id), Kind::Empty);
        match self.items.find(there) {
            None => Ok(None),
            Some(id) => seed.deserialize(Cursor::new(self.cx, *id)).map(Some).map_err(|trouble| trouble.in_node(*id)),
        }
    }
}

/// The keys of a map.
pub(super) struct Keys<'c, 't> {
    cx: &'c Context<'t>,
    pairs: std::slice::Iter<'c, Pair>,
    /// The type and its fields; absent for a map with free keys.
    of: Option<(&'static str, &'static [&'static str])>,
    value: Option<Id>,
}

impl<'c, 't> Keys<'c, 't> {
    pub(super) fn of_map(cx: &'c Context<'t>, pairs: &'c [Pair]) -> Self {
        Self { cx, pairs: pairs.iter(), of: None, value: None }
    }

    pub(super) fn of_struct(
        cx: &'c Context<'t>,
        pairs: &'c [Pair],
        name: &'static str,
        fields: &'static [&'static str],
    ) -> Self {
        Self { cx, pairs: pairs.iter(), of: Some((name, fields)), value: None }
    }

    /// Empty equals missing, for keys that the type has; a wrong key is wrong also without a value.
    fn is_there(&self, pair: &Pair) -> bool {
        let known = self.of.is_some_and(|(_, fields)| fields.contains(&pair.key.as_str()));
        let missing = known && matches!(self.cx.kind(pair.value), Kind::Empty);
        !missing && !self.cx.left_out(pair.value)
    }

    fn wrong_key(&self, trouble: Trouble) -> Trouble {
        let (What::UnknownKey { key, .. }, Some((name, _))) = (&trouble.what, self.of) else { return trouble };
        if let Some(later) = not_built(name, key) {
            return later;
        }
        if name == "File" && vocabulary::belongs_to_environment(key) {
            let hint = format!(
                "Move `{key}` below the environment it is for: `environments: {{ production: {{ {key}: … }} }}`."
            );
            return Trouble::whole(format!("`{key}` belongs to an environment")).hint(hint);
        }
        trouble
    }
}

impl<'de> MapAccess<'de> for Keys<'_, '_> {
    type Error = Trouble;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Trouble> {
        let pair = loop {
            match self.pairs.next() {
                None => return Ok(None),
                Some(pair) if self.is_there(pair) => break pair,
                Some(_) => {}
            }
        };
        self.value = Some(pair.value);
        let key: StrDeserializer<'_, Trouble> = pair.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|trouble| self.wrong_key(trouble).in_key(pair.value))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Trouble> {
        let id = self.value.take().ok_or_else(|| Trouble::value("a value was asked for before its key"))?;
        seed.deserialize(Cursor::new(self.cx, id)).map_err(|trouble| trouble.in_node(id))
    }
}

/// The one field that a short form stands for.
pub(super) struct Fields<'c, 't> {
    cursor: Cursor<'c, 't>,
    field: Option<&'static str>,
}

impl<'c, 't> Fields<'c, 't> {
    pub(super) fn short(cursor: Cursor<'c, 't>, field: &'static str) -> Self {
        Self { cursor, field: Some(field) }
    }
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = Trouble;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Trouble> {
        let Some(field) = self.field.take() else { return Ok(None) };
        let key: StrDeserializer<'_, Trouble> = field.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Trouble> {
        seed.deserialize(self.cursor).map_err(|trouble| trouble.in_node(self.cursor.id))
    }
}

/// A node's number, then its value.
pub(super) struct PlacedParts<'c, 't> {
    cursor: Cursor<'c, 't>,
    part: u8,
}

impl<'c, 't> PlacedParts<'c, 't> {
    pub(super) fn new(cursor: Cursor<'c, 't>) -> Self {
        Self { cursor, part: 0 }
    }
}

impl<'de> SeqAccess<'de> for PlacedParts<'_, '_> {
    type Error = Trouble;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Trouble> {
        self.part += 1;
        match self.part {
            1 => seed.deserialize((self.cursor.id as u64).into_deserializer()).map(Some),
            2 => seed.deserialize(self.cursor).map(Some),
            _ => Ok(None),
        }
    }
}
