use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

/// A writer whose bytes can be read afterwards.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What the runner takes out of the output of a step: a command with its properties and data, or a plain line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Command(String, String),
    Line(String),
}

const REGISTERED: [&str; 15] = [
    "set-env",
    "set-output",
    "save-state",
    "add-path",
    "add-mask",
    "add-matcher",
    "remove-matcher",
    "warning",
    "error",
    "notice",
    "debug",
    "group",
    "endgroup",
    "echo",
    "stop-commands",
];

/// The runner's own reading, as its documentation and source describe it: lines end at `\n`, `\r\n` and a lone `\r`;
/// a newer command starts a line after white space, an older one stands anywhere; while stopped, only the token counts.
pub(crate) fn as_the_runner(output: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut token: Option<String> = None;
    let lines = output.replace("\r\n", "\n").replace('\r', "\n");
    for line in lines.lines() {
        let known = |name: &str, token: &Option<String>| {
            REGISTERED.iter().any(|known| known.eq_ignore_ascii_case(name)) || token.as_deref() == Some(name)
        };
        let command = newer(line, |name| known(name, &token)).or_else(|| older(line, |name| known(name, &token)));
        match (command, &token) {
            (Some((name, _)), Some(stop)) if name == *stop => token = None,
            (Some((name, data)), None) if name == "stop-commands" => token = Some(data),
            (Some((name, data)), None) => seen.push(Seen::Command(name, data)),
            _ => seen.push(Seen::Line(line.to_owned())),
        }
    }
    seen
}

fn newer(line: &str, known: impl Fn(&str) -> bool) -> Option<(String, String)> {
    let rest = line.trim_start().strip_prefix("::")?;
    let (head, data) = rest.split_once("::")?;
    let name = head.split(' ').next().unwrap_or_default();
    known(name).then(|| (name.to_lowercase(), data.to_owned()))
}

fn older(line: &str, known: impl Fn(&str) -> bool) -> Option<(String, String)> {
    let (_, rest) = line.split_once("##[")?;
    let (head, data) = rest.split_once(']')?;
    let name = head.split(' ').next().unwrap_or_default();
    known(name).then(|| (name.to_lowercase(), data.to_owned()))
}

fn written(write: impl FnOnce(&mut Commands)) -> String {
    let out = Shared::default();
    let mut commands = Commands::new(Box::new(out.clone()), Masker::new());
    write(&mut commands);
    drop(commands);
    out.text()
}

fn label() -> Label {
    Label::new("web-1").unwrap()
}

#[test]
fn the_parser_of_these_tests_knows_the_known_attacks() {
    let attacks = [
        "\u{3000}::error::x",
        "10%\r::error::x",
        "web | ##[error]x",
        "::SET-OUTPUT name=a::b",
        "a ##[set-output name=a]b",
    ];
    for attack in attacks {
        assert!(as_the_runner(attack).iter().any(|seen| matches!(seen, Seen::Command(..))), "{attack:?}");
    }
}

#[test]
fn commands_are_escaped_and_groups_do_not_nest() {
    let text = written(|commands| {
        commands.group(&"web: 1%".into());
        commands.group(&"two".into());
        commands.annotate(
            Level::Error,
            &Annotation {
                title: "a, b: c".into(),
                message: "one\ntwo %".into(),
                file: Some("x.yml".to_owned()),
                at: Some((3, 4)),
            },
        );
    });
    assert_eq!(
        text,
        "::group::web: 1%25\n::endgroup::\n::group::two\n\
         ::error file=x.yml,line=3,col=4,title=a%2C b%3A c::one%0Atwo %25\n::endgroup::\n"
    );
}

#[test]
fn a_stretch_of_others_ends_before_our_own_commands() {
    let text = written(|commands| {
        commands.said(Some(&label()), &"::error::x\r##[error]y".into());
        commands.said(Some(&label()), &"more".into());
        commands.group(&"next".into());
    });
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("::stop-commands::"));
    let token = lines[0].trim_start_matches("::stop-commands::");
    assert_eq!(token.len(), 32);
    assert_eq!(lines[1..4], ["web-1 | \\::error::x", "web-1 | ##\\[error]y", "web-1 | more"]);
    assert_eq!(lines[4], format!("::{token}::"));
    assert_eq!(lines[5..], ["::group::next", "::endgroup::"]);
}

#[test]
fn the_eleventh_annotation_is_a_line_and_the_same_words_count_once() {
    let text = written(|commands| {
        for number in 0..12 {
            let message = Foreign::new(format!("no {number}"));
            for _twice in 0..2 {
                commands.annotate(Level::Warning, &Annotation { message: message.clone(), ..Annotation::default() });
            }
        }
    });
    assert_eq!(text.matches("::warning::").count(), 10);
    assert!(text.contains("\nwarning: no 11\n"));
    assert_eq!(text.lines().count(), 12);
}

#[test]
fn long_messages_are_cut_where_the_runner_would() {
    let text = written(|commands| {
        let message = Foreign::new("ä\n".repeat(5000));
        commands.annotate(Level::Error, &Annotation { message, ..Annotation::default() });
    });
    let Seen::Command(_, data) = &as_the_runner(&text)[0] else { panic!("{text}") };
    assert_eq!(data.replace("%0A", "\n").chars().count(), LONGEST_MESSAGE);
}

#[test]
fn masks_hold_a_whole_key_in_one_command_and_short_ones_are_left_out() {
    let text = written(|commands| {
        commands.add_mask("line one is long\nline two is long\n");
        commands.add_mask("short");
        commands.line(None, &"then: line two is long".into());
    });
    assert_eq!(text, "::add-mask::line one is long%0Aline two is long\nthen: ***\n");
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"::".to_vec()),
        Just(b"##[".to_vec()),
        Just(b"##".to_vec()),
        Just(b"[".to_vec()),
        Just(b"]".to_vec()),
        Just(b"error".to_vec()),
        Just(b"set-output name=x".to_vec()),
        Just(b"add-mask".to_vec()),
        Just(b"stop-commands".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just("\u{3000}".as_bytes().to_vec()),
        Just("\u{85}".as_bytes().to_vec()),
        Just("\u{2028}".as_bytes().to_vec()),
        Just(b"\x01".to_vec()),
        Just(b"\x1b[".to_vec()),
        Just("\u{feff}".as_bytes().to_vec()),
        Just(b"%0A".to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn nothing_from_a_host_is_ever_a_command(bytes in hostile(), with_label in any::<bool>()) {
        let foreign = Foreign::from_bytes(&bytes);
        let at = with_label.then(label);
        // In a stretch, outside of one (escaping alone must do), and inside our own commands.
        let mut expected = Vec::new();
        let text = written(|commands| {
            commands.line(at.as_ref(), &foreign);
            commands.said(at.as_ref(), &foreign);
            commands.group(&foreign);
            commands.annotate(Level::Error, &Annotation {
                title: foreign.clone(), message: foreign.clone(), file: Some(foreign.expose().to_owned()), at: None,
            });
            commands.debug(&foreign);
        });
        expected.extend(["group", "error", "debug", "endgroup"]);
        let names: Vec<String> = as_the_runner(&text).into_iter().filter_map(|seen| match seen {
            Seen::Command(name, _) => Some(name),
            Seen::Line(_) => None,
        }).collect();
        prop_assert_eq!(names, expected, "{}", text);
        // Escaping alone: the same lines without the stretch.
        let bare = text.lines().filter(|line| !line.starts_with("::")).collect::<Vec<_>>().join("\n");
        prop_assert!(as_the_runner(&bare).iter().all(|seen| matches!(seen, Seen::Line(_))), "{}", bare);
    }
}
