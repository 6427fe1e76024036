//! YAML text → a tree of nodes with their places. May use the YAML engine's events and nothing of our types.
//!
//! Built from the engine's event stream, not through serde: only the events still tell how a scalar was spelled
//! (`1.10`, `no`, `0644` stay what they are), whether a list was written in brackets, and where each key stands.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_yaml::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle};

use super::mistake::{At, MOST, Mistake, quoted};

/// The longest text taken, in bytes.
const LONGEST: usize = 256 * 1024;
/// The deepest nesting taken: far above what any setting needs, far below what hurts.
const DEEPEST: usize = 32;
/// The most nodes taken.
const MOST_NODES: usize = 20_000;

/// A node, by its place in [`Tree::nodes`].
pub(super) type Id = usize;

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    /// Where its value begins.
    pub(super) at: At,
    /// Where its key stands; for an item of a list, the item itself.
    pub(super) named_at: At,
    /// The key that it stands under; items of a list go by the list's key.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`: the same as a missing key.
    Empty,
    /// Text, exactly as spelled.
    Scalar { text: String, plain: bool },
    /// A list; `flow` when it was written in brackets.
    List { items: Vec<Id>, flow: bool },
    /// Keys and values.
    Map(Vec<Pair>),
    /// A mistake that was already reported.
    Broken,
}

/// One key with its value.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: Id,
}

/// The whole file.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

/// Reads the text. The tree is absent when nothing could be read; mistakes may come with a tree too.
pub(super) fn parse(text: &str) -> (Option<Tree>, Vec<Mistake>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > LONGEST {
        let what = format!("the file has {} bytes; at most {LONGEST} are read", text.len());
        return (None, vec![Mistake { at: None, what, hints: Vec::new(), because: None }]);
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    // An alias is refused in our own words, whether or not its anchor exists.
    options.emit_unresolved_aliases = true;
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let going_on = match event {
            Ok((event, span)) => builder.take(event, at(&span)),
            Err(error) => {
                builder.mistakes.push(not_yaml(&error));
                builder.fatal = true;
                false
            }
        };
        if !going_on {
            break;
        }
    }
    builder.finish()
}

fn at(span: &Span) -> At {
    (number(span.start.line()), number(span.start.col() + 1))
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn not_yaml(error: &ScanError) -> Mistake {
    let marker = error.marker();
    let mut mistake = Mistake::new((number(marker.line()), number(marker.col() + 1)), "this is not YAML")
        .hint("Indent with spaces, never with tabs; keys of one map stand in the same column.")
        .hint("Text with `: ` or ` #` inside, or starting with one of {}[]&*!|>%@` needs quotes.");
    mistake.because = Some(error.info());
    mistake
}

/// A container that is being filled.
enum Frame {
    List(Id),
    Map { id: Id, seen: HashMap<String, At>, slot: Slot },
}

/// What a map waits for.
enum Slot {
    Key,
    Value { key: String, at: At },
    /// The value of a key that was reported: read and left.
    Drop,
}

#[derive(Default)]
struct Builder {
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
    fn take(&mut self, event: Event<'_>, at: At) -> bool {
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

    fn stop(&mut self, at: At, what: &str, hint: &str) {
        self.mistakes.push(Mistake::new(at, what).hint(hint));
        self.fatal = true;
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

    fn finish(mut self) -> (Option<Tree>, Vec<Mistake>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn show(tree: &Tree, id: Id) -> String {
        match &tree.nodes[id].kind {
            Kind::Empty => "nothing".into(),
            Kind::Broken => "broken".into(),
            Kind::Scalar { text, plain } => format!("{text}{}", if *plain { "" } else { "\"" }),
            Kind::List { items, flow } => {
                let items: Vec<_> = items.iter().map(|item| show(tree, *item)).collect();
                format!("{}[{}]", if *flow { "flow" } else { "" }, items.join(" "))
            }
            Kind::Map(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(|p| format!("{}={}", p.key, show(tree, p.value))).collect();
                format!("{{{}}}", pairs.join(" "))
            }
        }
    }

    fn read(text: &str) -> (String, Vec<String>) {
        let (tree, mistakes) = parse(text);
        let tree = tree.map_or_else(|| "none".to_owned(), |tree| show(&tree, tree.root));
        let mistakes = mistakes.into_iter().map(|m| format!("{:?} {}", m.at.unwrap_or_default(), m.what)).collect();
        (tree, mistakes)
    }

    #[test]
    fn scalars_keep_their_spelling() {
        let (tree, mistakes) = read("a: 1.10\nb: no\nc: 0644\nd: '5'\ne:\nf: ~\ng: ''\nh: [x, 1e3]\n");
        assert_eq!(tree, "{a=1.10 b=no c=0644 d=5\" e=nothing f=nothing g=\" h=flow[x 1e3]}");
        assert_eq!(mistakes, Vec::<String>::new());
    }

    #[test]
    fn places_count_from_one() {
        let (tree, _) = parse("a:\n  b: x\n");
        let tree = tree.unwrap();
        let leaf = tree.nodes.iter().find(|node| node.name == "b").unwrap();
        assert_eq!((leaf.named_at, leaf.at), ((2, 3), (2, 6)));
    }

    #[test]
    fn what_is_not_taken_is_reported_and_the_rest_read() {
        let (tree, mistakes) = read("a: &x 1\nb: *x\nc: !!str y\nd: !t [1, {e: 2}]\na: {z: 1}\n[k]: v\nf: 1\n\"\\0\": 2\n");
        assert_eq!(tree, "{a=1 b=broken c=broken d=broken f=1}");
        assert_eq!(
            mistakes,
            [
                "(2, 4) references (`*name`) are not taken",
                "(3, 10) tags (`!name`) are not taken",
                "(4, 7) tags (`!name`) are not taken",
                "(5, 1) `a` is written twice; the first is on line 1",
                "(6, 1) a key must be text",
                "(8, 1) this text has a control character in it",
            ]
        );
    }

    #[test]
    fn limits_hold() {
        assert_eq!(read(&"[".repeat(40)).0, "none");
        assert_eq!(read(&"- ".repeat(40)).0, "none");
        assert_eq!(read(&format!("a: {}", "x".repeat(LONGEST))).0, "none");
        assert_eq!(read(&format!("a: [{}]", "x,".repeat(MOST_NODES))).1.len(), 1);
        assert_eq!(read("a: 1\n---\nb: 2\n").1, ["(2, 1) a second document begins here"]);
        assert_eq!(read("a: b: c\n").1, ["(1, 5) this is not YAML"]);
        assert_eq!(read("").0, "nothing");
        assert_eq!(read("# only a comment\n").0, "nothing");
    }
}
