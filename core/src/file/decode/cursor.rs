//! One node as a serde deserializer.

use serde::de::{Deserializer, Visitor};

use super::super::mistake::quoted;
use super::super::tree::{Id, Kind};
use super::super::trouble::{Trouble, What};
use super::super::vocabulary;
use super::Context;
use super::access::{Fields, Items, Keys, PlacedParts};
use super::choice::Choice;

/// The newtype whose list must not be written in brackets: `[echo a, b]` would silently be two commands.
const COMMANDS: &str = "Commands";
/// The tuple that carries a value together with its node.
pub(in crate::file) const PLACED: &str = "Placed";

/// One node; `bare` when it is the word of a choice and its settings are all left at their defaults.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'c, 't> {
    pub(super) cx: &'c Context<'t>,
    pub(super) id: Id,
    pub(super) bare: bool,
}

impl<'c, 't> Cursor<'c, 't> {
    pub(super) fn new(cx: &'c Context<'t>, id: Id) -> Self {
        Self { cx, id, bare: false }
    }

    pub(super) fn kind(&self) -> &'c Kind {
        if self.bare { &Kind::Empty } else { self.cx.kind(self.id) }
    }

    /// What it is called: its key, or the bare word that it is.
    fn word(&self) -> &'c str {
        match (self.bare, self.cx.kind(self.id)) {
            (true, Kind::Scalar { text, .. }) => text,
            _ => self.cx.tree.nodes.get(self.id).map_or("", |node| node.name.as_str()),
        }
    }

    /// The text of a scalar.
    fn text(&self, wanted: &str) -> Result<&'c str, Trouble> {
        match self.kind() {
            Kind::Scalar { text, .. } => Ok(text),
            _ => Err(self.wants(wanted)),
        }
    }

    fn wants(&self, wanted: &str) -> Trouble {
        let found = match self.kind() {
            Kind::Empty => "nothing".to_owned(),
            Kind::Scalar { text, .. } => quoted(text),
            Kind::List { .. } => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::Broken => "this".to_owned(),
        };
        let trouble = Trouble::value(format!("wants {wanted}, not {found}"));
        match (wanted, self.kind()) {
            ("text", Kind::Map(_)) => trouble.hint("A colon and a space make a map: put the whole text in quotes."),
            ("a list", Kind::Scalar { text, .. }) if text.len() < 40 && !text.contains('\n') => {
                trouble.hint(format!("One item in a line, each after `- `: `- {}`.", text.trim()))
            }
            ("a map", _) => {
                trouble.hint("In each line a name, a colon and its value; hosts: `web-1: deploy@192.0.2.10`.")
            }
            ("a list", _) => trouble.hint("One item in a line, each after `- `."),
            _ => trouble,
        }
        .in_node(self.id)
    }

    fn whole_number<T: std::str::FromStr>(&self, wanted: &str) -> Result<T, Trouble> {
        let text = self.text(wanted)?;
        // `010` is eight to one reader and ten to another.
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
        text.parse().ok().filter(|_| plain).ok_or_else(|| self.wants(wanted))
    }

    /// A word that no list has: of later work, or mistyped.
    pub(super) fn unknown_word(&self, of: &str, trouble: Trouble) -> Trouble {
        let later = match &trouble.what {
            What::UnknownWord { word, .. } => not_built(of, word),
            _ => None,
        };
        later.unwrap_or(trouble).in_node(self.id)
    }
}

/// The one clear error for a word of later work.
pub(super) fn not_built(of: &str, word: &str) -> Option<Trouble> {
    let hint = vocabulary::not_built(of, word)?;
    let word = quoted(&vocabulary::in_its_place(of, word));
    Some(Trouble::whole(format!("{word} is not built yet: leave it out")).hint(hint))
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty, $wanted:literal;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
            visitor.$visit(self.whole_number::<$type>($wanted)?)
        }
    )+};
}

impl<'de> Deserializer<'de> for Cursor<'_, '_> {
    type Error = Trouble;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.kind() {
            Kind::Scalar { text, .. } => visitor.visit_str(text),
            Kind::List { .. } => self.deserialize_seq(visitor),
            Kind::Map(_) => self.deserialize_map(visitor),
            Kind::Empty | Kind::Broken => visitor.visit_unit(),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.kind() {
            Kind::Scalar { text, plain: true } if text == "true" => visitor.visit_bool(true),
            Kind::Scalar { text, plain: true } if text == "false" => visitor.visit_bool(false),
            _ => Err(self.wants("true or false")),
        }
    }

    whole_numbers! {
        deserialize_u8 visit_u8 u8, "a whole number up to 255";
        deserialize_u16 visit_u16 u16, "a whole number up to 65535";
        deserialize_u32 visit_u32 u32, "a whole number";
        deserialize_u64 visit_u64 u64, "a whole number";
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_str(self.text("text")?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.kind() {
            Kind::Empty => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Trouble> {
        if name == COMMANDS && matches!(self.kind(), Kind::List { flow: true, .. }) {
            let what = "commands in brackets are refused: every comma, also one inside a command, begins a new command";
            let trouble = Trouble::value(what).hint("Write each command in a line of its own, after `- `.");
            return Err(trouble.in_node(self.id));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.kind() {
            Kind::List { items, .. } => visitor.visit_seq(Items { cx: self.cx, items: items.iter() }),
            Kind::Empty => visitor.visit_seq(Items { cx: self.cx, items: [].iter() }),
            _ => Err(self.wants("a list")),
        }
        .map_err(|trouble| trouble.in_node(self.id))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        if name == PLACED {
            return visitor.visit_seq(PlacedParts::new(self)).map_err(|trouble| trouble.in_node(self.id));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.kind() {
            Kind::Map(pairs) => visitor.visit_map(Keys::of_map(self.cx, pairs)),
            Kind::Empty => visitor.visit_map(Keys::of_map(self.cx, &[])),
            _ => Err(self.wants("a map")),
        }
        .map_err(|trouble| trouble.in_node(self.id))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        let pairs = match (self.kind(), vocabulary::short_form(name)) {
            (Kind::Map(pairs), _) => pairs.as_slice(),
            (Kind::Empty, _) => &[],
            (_, Some(field)) => return visitor.visit_map(Fields::short(self, field)),
            (Kind::Scalar { text, .. }, None) => {
                let wrong = || {
                    let known = format!("Settings, each in a line of its own: {}.", fields.join(", "));
                    self.wants("a map of settings").hint(known)
                };
                return Err(not_built(name, text).unwrap_or_else(wrong).in_node(self.id));
            }
            _ => return Err(self.wants("a map of settings").in_node(self.id)),
        };
        let elsewhere = pairs.iter().any(|pair| vocabulary::is_another_thing(name, &pair.key));
        let empty = |pair: &super::super::tree::Pair| matches!(self.cx.kind(pair.value), Kind::Empty);
        self.cx.report_missing(self.id, self.word(), name, |field| {
            elsewhere || pairs.iter().any(|pair| pair.key == field && !empty(pair))
        });
        visitor.visit_map(Keys::of_struct(self.cx, pairs, name, fields)).map_err(|trouble| trouble.in_node(self.id))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        match self.kind() {
            Kind::Scalar { text, .. } => {
                let settings = Self { bare: true, ..self };
                visitor.visit_enum(Choice { word: text, settings, at: self, of: name })
            }
            Kind::Map(pairs) => match pairs.as_slice() {
                [pair] => {
                    let settings = Self { id: pair.value, ..self };
                    if self.cx.left_out(pair.value) {
                        // Its mistake is known: the whole choice goes with it.
                        return Err(Trouble::known().in_node(self.id));
                    }
                    visitor.visit_enum(Choice { word: &pair.key, settings, at: settings, of: name })
                }
                _ => Err(Trouble::value(format!("wants one of its words, not {} together", pairs.len()))
                    .hint("Each one is an item of its own: begin it with `- `, and indent its settings further.")),
            },
            _ => Err(self.wants("one word").hint(format!("One of: {}.", variants.join(", ")))),
        }
        .map_err(|trouble| trouble.in_node(self.id))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.kind() {
            Kind::Empty => visitor.visit_unit(),
            _ => Err(self.wants("nothing")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i8 i16 i32 i64 i128 u128 f32 f64 char bytes byte_buf unit_struct tuple identifier }
}
