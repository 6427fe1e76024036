use proptest::prelude::*;

use super::*;

fn foreign(text: &str) -> Foreign {
    Foreign::new(text)
}

#[test]
fn terminals_get_no_escapes_and_no_overwriting() {
    let masker = Masker::new();
    let text = foreign("one\rtwo\u{1b}[31mred\u{1b}[0m\u{7}\u{85}\u{202e}\r\n\u{1b}]0;title\u{7}\n\n");
    assert_eq!(lines(&masker, &text), ["one", "twored", "]0;title"]);
    assert_eq!(one_line(&masker, &foreign("a\nb")), "a ⏎ b");
}

#[test]
fn a_secret_cut_by_control_characters_is_still_masked() {
    let masker = Masker::new();
    masker.add("tops3cret-value");
    for text in ["tops3cret-value", "tops3\u{1}cret-value", "tops3\u{1b}[1mcret-val\u{200b}ue"] {
        assert_eq!(one_line(&masker, &foreign(text)), "***", "{text:?}");
    }
}

#[test]
fn commands_of_the_runner_are_made_harmless() {
    assert_eq!(actions_line("x ##[set-output name=a]b"), "x ##\\[set-output name=a]b");
    assert_eq!(actions_line("\u{3000} ::error::x"), "\\::error::x");
    assert_eq!(actions_line("plain :: text"), "plain :: text");
}

#[test]
fn markdown_is_only_text() {
    let masker = Masker::new();
    let shown = markdown(&masker, &foreign("<img src=x> | [a](javascript:b) @team `c` #1 https://evil.example\n# h"));
    for mark in ["<img", " | ", "[a]", "@team", "`", " #1", "https://", "\n"] {
        assert!(!shown.contains(mark), "{mark:?} in {shown}");
    }
    assert_eq!(markdown_code(&masker, &foreign("a|b`c")), "<code>a&#124;b&#96;c</code>");
}

#[test]
fn fences_are_longer_than_what_they_hold() {
    let block = markdown_block(&Masker::new(), &foreign("a\n````\n</details>"));
    assert_eq!(block, "`````text\na\n````\n</details>\n`````\n");
}

#[test]
fn long_lines_are_cut_at_a_character() {
    assert_eq!(cut("äöü", 2), "äö…");
    assert_eq!(cut("äöü", 3), "äöü");
}

proptest! {
    #[test]
    fn no_line_break_and_no_control_survives(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let masker = Masker::new();
        for line in lines(&masker, &Foreign::from_bytes(&bytes)) {
            prop_assert!(!line.chars().any(|c| c.is_control() && c != '\t'));
        }
    }

    #[test]
    fn a_block_is_closed_by_its_own_fence_only(text in "[`\n a]{0,80}") {
        let block = markdown_block(&Masker::new(), &Foreign::new(text));
        let mut lines = block.lines();
        let fence = lines.next().unwrap().trim_end_matches("text").to_owned();
        let inside: Vec<&str> = lines.collect();
        let (last, inside) = inside.split_last().unwrap();
        prop_assert_eq!(*last, &fence);
        // A closing fence is a line of at least as many backticks and nothing else.
        prop_assert!(!inside.iter().any(|line| line.contains(&fence)));
    }
}
