//! Events → nodes, one after the other and without recursion. May use the YAML engine's events.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_yaml::granit_parser::{Event, ScalarStyle, StructureStyle};

use super::super::mistake::{At, MOST, Mistake, quoted};
use super::{Id, Kind, Node, Pair, Tree};

/// The deepest nesting taken: far above what any setting needs, far below what hurts.
const DEEPEST: usize = 32;
/// The most nodes taken.
const MOST_NODES: usize = 20_000;

/// A container that is being filled.
enum Frame {
    List(Id),
    Map { id: Id, seen: HashMap<String, At>, slot: Slot },
}

/// What a map waits for.
enum Slot {
    Key,
    Value {
        key: String,
        at: At,
    },
    /// The value of a key that was reported: read and left.
    Drop,
}

/// What was built so far.
#[derive(Default)]
pub(super) struct Builder {
    nodes: Vec<Node>,
    frames: Vec<Frame>,
    root: Option<Id>,
    /// How many containers deep we are inside something that is left out.
    skipping: usize,
    documents: usize,
    mistakes: Vec<Mistake>,
    /// Nothing after this can be trusted.
    fatal: bool,
}

impl Builder {
    /// Takes one event; false when reading ends here.
    pub(super) fn take(&mut self, event: Event<'_>, at: At) -> bool {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.stop(at, "a second document begins here", "One file, one document: take out the line `---`.");
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let mistake = Mistake::new(at, "references (`*name`) are not taken")
                    .hint("Write the value out where it is used; quote text that begins with `*`.");
                self.reported(mistake, at);
            }
            Event::Scalar(_, _, _, Some(_)) => self.reported(tagged(at), at),
            Event::SequenceStart(_, _, Some(_)) | Event::MappingStart(_, _, Some(_)) => {
                self.reported(tagged(at), at);
                // The content is read and left.
                self.skipping += 1;
            }
            Event::Scalar(text, style, ..) => self.scalar(&text, style, at),
            Event::SequenceStart(style, ..) => {
                let flow = matches!(style, StructureStyle::Flow);
                self.open(Kind::List { items: Vec::new(), flow }, at);
            }
            Event::MappingStart(..) => self.open(Kind::Map(Vec::new()), at),
            Event::SequenceEnd | Event::MappingEnd => {
                if self.skipping > 0 {
                    self.skipping -= 1;
                } else {
                    self.frames.pop();
                }
            }
            _ => {}
        }
        if self.nodes.len() > MOST_NODES {
            self.stop(at, "the file has too many values", "A deploy file has a few hundred values at most.");
        }
        if self.mistakes.len() > MOST {
            self.fatal = true;
        }
        !self.fatal
    }

    /// Reports what nothing can follow.
    pub(super) fn end(&mut self, mistake: Mistake) -> bool {
        self.mistakes.push(mistake);
        self.fatal = true;
        false
    }

    fn stop(&mut self, at: At, what: &str, hint: &str) {
        self.end(Mistake::new(at, what).hint(hint));
    }

    /// Reports, and leaves a broken node where the value would be.
    fn reported(&mut self, mistake: Mistake, at: At) {
        if self.skipping > 0 {
            return;
        }
        self.mistakes.push(mistake);
        self.put(Kind::Broken, at);
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: At) {
        if self.skipping > 0 {
            return;
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return self.reported(Mistake::new(at, "this text has a control character in it"), at);
        }
        let plain = matches!(style, ScalarStyle::Plain);
        let key = match self.frames.last_mut() {
            Some(Frame::Map { seen, slot: slot @ Slot::Key, .. }) => Some((seen, slot)),
            _ => None,
        };
        let Some((seen, slot)) = key else {
            let nothing = plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
            let kind = if nothing { Kind::Empty } else { Kind::Scalar { text: text.to_owned(), plain } };
            self.put(kind, at);
            return;
        };
        match seen.entry(text.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(at);
                *slot = Slot::Value { key: text.to_owned(), at };
            }
            Entry::Occupied(first) => {
                let line = first.get().0;
                *slot = Slot::Drop;
                let what = format!("{} is written twice; the first is on line {line}", quoted(text));
                self.mistakes.push(Mistake::new(at, what).hint("Keep one of the two."));
            }
        }
    }

    fn open(&mut self, kind: Kind, at: At) {
        if self.skipping > 0 {
            self.skipping += 1;
            return;
        }
        if self.frames.len() >= DEEPEST {
            return self.stop(at, "this is nested too deep", "No setting is nested that deep: check the indentation.");
        }
        let map = matches!(kind, Kind::Map(_));
        match self.put(kind, at) {
            Some(id) if map => self.frames.push(Frame::Map { id, seen: HashMap::new(), slot: Slot::Key }),
            Some(id) => self.frames.push(Frame::List(id)),
            None => self.skipping += 1,
        }
    }

    /// Adds a node where the innermost container waits for one; nothing when it has no place.
    fn put(&mut self, kind: Kind, at: At) -> Option<Id> {
        let id = self.nodes.len();
        let (parent, key) = match self.frames.last_mut() {
            None => {
                self.root = Some(id);
                (None, None)
            }
            Some(Frame::List(list)) => (Some(*list), None),
            Some(Frame::Map { id: map, slot, .. }) => match std::mem::replace(slot, Slot::Key) {
                Slot::Value { key, at } => (Some(*map), Some((key, at))),
                Slot::Drop => return None,
                Slot::Key => {
                    // A map or a list as a key; its value goes with it.
                    *slot = Slot::Drop;
                    if !matches!(kind, Kind::Broken) {
                        self.mistakes.push(
                            Mistake::new(at, "a key must be text").hint("Text that begins with { or [ needs quotes."),
                        );
                    }
                    return None;
                }
            },
        };
        let (name, named_at) = match &key {
            Some((key, at)) => (key.clone(), *at),
            None => (parent.and_then(|id| self.nodes.get(id)).map_or_else(String::new, |node| node.name.clone()), at),
        };
        self.nodes.push(Node { at, named_at, name, kind });
        match (parent.and_then(|parent| self.nodes.get_mut(parent)).map(|node| &mut node.kind), key) {
            (Some(Kind::List { items, .. }), _) => items.push(id),
            (Some(Kind::Map(pairs)), Some((key, _))) => pairs.push(Pair { key, value: id }),
            _ => {}
        }
        Some(id)
    }

    pub(super) fn finish(mut self) -> (Option<Tree>, Vec<Mistake>) {
        if self.fatal {
            return (None, self.mistakes);
        }
        let root = self.root.unwrap_or_else(|| {
            self.nodes.push(Node { at: (1, 1), named_at: (1, 1), name: String::new(), kind: Kind::Empty });
            self.nodes.len() - 1
        });
        (Some(Tree { nodes: self.nodes, root }), self.mistakes)
    }
}

fn tagged(at: At) -> Mistake {
    Mistake::new(at, "tags (`!name`) are not taken").hint("Take it out; quote text that begins with `!`.")
}
