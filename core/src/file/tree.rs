//! YAML text → a tree of nodes with their places. May use the YAML engine's events and nothing of our types.
//!
//! Built from the engine's event stream, not through serde: only the events still tell how a scalar was spelled
//! (`1.10`, `no`, `0644` stay what they are), whether a list was written in brackets, and where each key stands.

use serde_yaml::granit_parser::{Options, Parser, ScanError, Span};

use super::mistake::{At, Mistake};

mod build;

use build::Builder;

/// The longest text taken, in bytes.
const LONGEST: usize = 256 * 1024;

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
            Err(error) => builder.end(not_yaml(&error)),
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
        let (tree, mistakes) =
            read("a: &x 1\nb: *x\nc: !!str y\nd: !t [1, {e: 2}]\na: {z: 1}\n[k]: v\nf: 1\n\"\\0\": 2\n");
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
        assert_eq!(read(&format!("a: [{}]", "x,".repeat(20_000))).1.len(), 1);
        assert_eq!(read("a: 1\n---\nb: 2\n").1, ["(2, 1) a second document begins here"]);
        assert_eq!(read("a: b: c\n").1, ["(1, 5) this is not YAML"]);
        assert_eq!(read("").0, "nothing");
        assert_eq!(read("# only a comment\n").0, "nothing");
    }
}
