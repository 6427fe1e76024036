//! Tree → types. May use the tree and the vocabulary; knows no setting by itself.
//!
//! Stock serde ends at the first mistake. Here a mistake is recorded, its node left out, and the tree decoded again,
//! until a pass has none: so every mistake is told at once. Each pass leaves out one more node, so it ends.

use std::cell::RefCell;
use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::mistake::{MOST, Mistake, quoted};
use super::tree::{Id, Kind, Tree};
use super::trouble::{Trouble, What};
use super::vocabulary;

mod access;
mod choice;
mod cursor;

use cursor::Cursor;
pub(super) use cursor::PLACED;

/// What came of decoding.
pub(super) struct Decoded<T> {
    /// What could be read; mistakes left out. Absent when too much is missing.
    pub(super) value: Option<T>,
    pub(super) mistakes: Vec<Mistake>,
    /// The nodes that were left out.
    pub(super) left_out: HashSet<Id>,
}

/// Decodes the tree.
pub(super) fn decode<T: DeserializeOwned>(tree: &Tree) -> Decoded<T> {
    let cx = Context { tree, state: RefCell::default() };
    let value = loop {
        match T::deserialize(Cursor::new(&cx, tree.root)) {
            Ok(value) => break Some(value),
            Err(trouble) => {
                let node = trouble.node.unwrap_or(tree.root);
                cx.record(node, trouble);
                let fresh = cx.state.borrow_mut().left_out.insert(node);
                if !fresh || node == tree.root || cx.state.borrow().mistakes.len() > MOST {
                    break None;
                }
            }
        }
    };
    let State { mistakes, left_out, .. } = cx.state.into_inner();
    Decoded { value, mistakes, left_out }
}

/// What all cursors share.
struct Context<'t> {
    tree: &'t Tree,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    mistakes: Vec<Mistake>,
    left_out: HashSet<Id>,
    /// Maps whose missing keys were reported.
    opened: HashSet<Id>,
}

impl Context<'_> {
    fn kind(&self, id: Id) -> &Kind {
        self.tree.nodes.get(id).map_or(&Kind::Broken, |node| &node.kind)
    }

    fn left_out(&self, id: Id) -> bool {
        matches!(self.kind(id), Kind::Broken) || self.state.borrow().left_out.contains(&id)
    }

    /// Reports all keys that must be there and are not, once for each map. A key whose value was left out was there.
    fn report_missing(&self, id: Id, word: &str, of: &str, present: impl Fn(&str) -> bool) {
        if !self.state.borrow_mut().opened.insert(id) {
            return;
        }
        let Some(node) = self.tree.nodes.get(id) else { return };
        let inside = if word.is_empty() { String::new() } else { format!(" in {}", quoted(word)) };
        for field in vocabulary::required(of) {
            if !present(field) {
                let mistake = Mistake::new(node.named_at, format!("`{field}` is missing{inside}"));
                self.state.borrow_mut().mistakes.push(mistake);
            }
        }
    }

    /// Puts the trouble into words for people.
    fn record(&self, id: Id, trouble: Trouble) {
        let Some(node) = self.tree.nodes.get(id) else { return };
        let Trouble { key, what, hints, .. } = trouble;
        let (what, more) = match what {
            // A wrong key says itself what it is.
            What::Value(what) if key => (what, None),
            What::Value(what) if node.name.is_empty() => (format!("the file {what}"), None),
            What::Value(what) => (format!("{}: {what}", quoted(&node.name)), None),
            What::Whole(what) => (what, None),
            What::UnknownKey { key, known } => (format!("{} is not a setting here", quoted(&key)), list(&key, known)),
            What::UnknownWord { word, known } if node.name.is_empty() || key => {
                (format!("{} is not known", quoted(&word)), list(&word, known))
            }
            What::UnknownWord { word, known } => {
                (format!("{}: {} is not known", quoted(&node.name), quoted(&word)), list(&word, known))
            }
            What::Known => return,
            // It was reported when its map was opened.
            What::Missing(_) if self.state.borrow().opened.contains(&id) => return,
            What::Missing(field) => (format!("`{field}` is missing"), None),
        };
        let at = if key { node.named_at } else { node.at };
        let mistake = Mistake::new(at, what).hints(hints).hints(more.into_iter().collect());
        self.state.borrow_mut().mistakes.push(mistake);
    }
}

/// What to write instead of a wrong word.
fn list(word: &str, known: &[&str]) -> Option<String> {
    match vocabulary::nearest(word, known.iter().copied()) {
        Some(near) => Some(format!("Did you mean `{near}`?")),
        None if known.is_empty() => None,
        None => Some(format!("Known here: {}.", known.join(", "))),
    }
}
