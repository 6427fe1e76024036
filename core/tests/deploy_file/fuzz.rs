//! Any text at all: reading a deploy file never panics, always ends, and says where each mistake is.

use proptest::prelude::*;
use rollback_deploy_core::file::{Address, load, parse_hosts};
use rollback_deploy_core::model::{Kind, Place};

const FULL: &str = include_str!("../../../examples/deploy-files/full.yml");

/// Loads the text and looks at what is told.
fn probe(text: &str) {
    let Err(failures) = load(text, "deploy.yml") else { return };
    assert!((1..=101).contains(&failures.len()));
    let lines = u32::try_from(text.split(['\n', '\r']).count()).unwrap();
    for failure in failures {
        assert_eq!(failure.kind, Kind::Input, "{failure:?}");
        assert!(!failure.what.is_empty() && !failure.what.contains(char::is_control), "{failure:?}");
        match failure.place {
            Some(Place::File { at: Some((line, column)), .. }) => {
                assert!((1..=lines + 1).contains(&line) && column >= 1, "{line}:{column} of {lines} lines");
            }
            Some(Place::File { at: None, .. }) => {}
            place => panic!("{place:?}"),
        }
    }
}

/// Pieces that mean something, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "version: 1\n",
        "app: a\n",
        "environments:\n",
        "  p:\n",
        "    root: /a\n",
        "    hosts:",
        " { ",
        " }",
        "[",
        "]",
        ",",
        "    health:\n",
        "      - http",
        ":",
        " ",
        "\n",
        "- ",
        "  ",
        "\t",
        "&a ",
        "*a",
        "!t ",
        "|",
        ">",
        "\"",
        "'",
        "#",
        "---\n",
        "...\n",
        "? ",
        "~",
        "null",
        "    services: [a]\n",
        "    build:\n",
        "%YAML 1.2\n",
        "<<: ",
        "\\",
        "\u{0}",
        "\u{feff}",
        "あ",
        "    shared: [.env]\n",
        "    migrate:",
        "disk",
        "nginx",
        "rollout: 1\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        probe(&text);
    }

    #[test]
    fn any_pieces(text in pieces()) {
        probe(&text);
    }

    #[test]
    fn pieces_inside_a_good_file(text in pieces(), at in 0..FULL.len()) {
        let at = (0..=at).rev().find(|at| FULL.is_char_boundary(*at)).unwrap_or(0);
        probe(&format!("{}{text}{}", &FULL[..at], &FULL[at..]));
    }

    #[test]
    fn a_good_file_without_some_lines(keep in prop::collection::vec(prop::bool::weighted(0.9), FULL.lines().count())) {
        let lines = FULL.lines().zip(keep).filter(|(_, keep)| *keep).map(|(line, _)| line);
        probe(&lines.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_good_file_with_swapped_words(from in 0..80_usize, to in 0..80_usize) {
        let words: Vec<&str> = FULL.split([' ', ':', '\n', ',']).filter(|word| word.len() > 2).collect();
        probe(&FULL.replace(words[from % words.len()], words[to % words.len()]));
    }

    #[test]
    fn addresses_are_what_they_say(text in "[a-z0-9@:._\\[\\]-]{0,24}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert!(!address.host.starts_with('-'));
            prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }
    }

    #[test]
    fn any_list_of_hosts(text in any::<String>()) {
        if let Ok(hosts) = parse_hosts(&text) {
            for host in hosts {
                let safe = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
                prop_assert!(host.address.host.chars().all(safe) && !host.address.host.starts_with('-'));
            }
        }
    }
}

#[test]
fn long_and_deep_texts_end() {
    for piece in [
        "[",
        "{",
        "- ",
        "? ",
        "a: ",
        "{a: ",
        "[a, ",
        "&a ",
        "*a ",
        "!t ",
        "| ",
        "\"",
        "'",
        "#",
        " ",
        "\t",
        "\n",
        "\r\n",
        "---\n",
        "a:\n",
        "- a\n",
        "a: a\n",
        "%A\n",
        "<<: *a\n",
        "- http: {}\n",
        "- [\n",
        "あ",
    ] {
        let head = "version: 1\napp: a\nenvironments: { p: { root: /a } }\n";
        probe(&piece.repeat(250 * 1024 / piece.len()));
        probe(&format!("{head}{}", piece.repeat(2000)));
    }
}

#[test]
fn as_many_mistakes_as_fit_end_soon() {
    let head = "version: 1\napp: a\nenvironments:\n  p:\n    root: /a\n";
    for (key, item) in [("health", "      - http: {}\n"), ("services", "      - a;b\n"), ("shared", "      - a/\n")] {
        probe(&format!("{head}    {key}:\n{}", item.repeat(6000)));
    }
    let environments = (0..6000).fold(String::new(), |text, n| text + &format!("  e{n}:\n    keep: x\n"));
    probe(&format!("version: 1\napp: a\nenvironments:\n{environments}"));
    let hosts = (0..6000).fold(String::new(), |text, n| text + &format!("      h{n}: a@192.0.2.1\n"));
    probe(&format!("{head}    hosts:\n{hosts}"));
}
