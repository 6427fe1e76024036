//! Small readers of other people's texts, and what makes a name safe to write down.

/// Letters, digits and `._/-`: the same in YAML, in a comment and in every shell.
pub(super) fn is_plain(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
}

/// A name of letters, digits and `._-` out of any text; absent when nothing is left.
pub(super) fn plain_name(text: &str) -> Option<String> {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = text.chars().take(64).map(kept).collect();
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    (!name.is_empty()).then(|| name.to_owned())
}

/// A plain name as a YAML value that every reader takes for text: `1.0` and `no` get quotes.
pub(super) fn scalar(text: &str) -> String {
    let word = text.to_ascii_lowercase();
    let other = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&word.as_str());
    let letters = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '.');
    let number = text.starts_with('.') && text[1..].starts_with(|c: char| c.is_ascii_digit());
    if other || number || !letters { format!("\"{text}\"") } else { text.to_owned() }
}

/// The value of a key in one section of an INI or TOML text: what is left of a line after `=`, without quotes.
/// `section` is the text between the brackets.
pub(super) fn values<'t>(text: &'t str, section: &'t str, key: &'t str) -> impl Iterator<Item = &'t str> {
    let mut inside = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            inside = name.trim_end_matches(']').trim() == section;
            return None;
        }
        let (found, value) = line.split_once('=')?;
        (inside && found.trim() == key).then(|| value.trim().trim_matches('"'))
    })
}

/// Whether a word stands in the text as a word of its own: `rails` in `gem "rails"`, not in `rails_helper`.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// Whether a dependency is named in a text of lines, comments left aside.
pub(super) fn depends(text: &str, on: &str) -> bool {
    let on = on.to_ascii_lowercase();
    text.lines().any(|line| has_word(&line.split('#').next().unwrap_or_default().to_ascii_lowercase(), &on))
}

/// The port that a command line, a setting or an address names.
pub(super) fn port(text: &str) -> Option<u16> {
    let mut words = text.split(|c: char| c.is_whitespace() || "\"',=".contains(c)).filter(|word| !word.is_empty());
    let number =
        |text: &str| (text.len() >= 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten();
    let after_colon = |word: &str| {
        let (address, digits) = word.rsplit_once(':')?;
        let local = ["", "0.0.0.0", "127.0.0.1", "localhost", "[::]", "[::1]", "*", "tcp://0.0.0.0", "tcp://127.0.0.1"];
        local.contains(&address).then(|| number(digits)).flatten()
    };
    let mut named = false;
    words.find_map(|word| {
        let found = after_colon(word).or_else(|| if named { number(word) } else { None });
        named = matches!(word, "PORT" | "--port" | "-p" | "--bind" | "-b" | "ListenStream");
        found.filter(|port| *port != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found_where_they_are_named() {
        for (text, found) in [
            ("gunicorn -b 127.0.0.1:8000 diary.wsgi", Some(8000)),
            ("gunicorn --bind=:8001 diary.wsgi", Some(8001)),
            ("uvicorn main:app --host 127.0.0.1 --port 8002", Some(8002)),
            ("PORT=3000", Some(3000)),
            ("\"PORT=3001\" \"A=b\"", Some(3001)),
            ("ListenStream=127.0.0.1:9000", Some(9000)),
            ("ListenStream=9001", Some(9001)),
            ("ListenStream=/run/diary.sock", None),
            ("gunicorn diary.wsgi:application --workers 40", None),
            ("--port $PORT", None),
            ("PORT=99999", None),
            ("", None),
        ] {
            assert_eq!(port(text), found, "{text}");
        }
    }

    #[test]
    fn values_stay_text() {
        for (text, written) in [
            ("diary", "diary"),
            ("1.0", "\"1.0\""),
            ("No", "\"No\""),
            (".env", ".env"),
            (".5", "\".5\""),
            ("/srv/x", "/srv/x"),
        ] {
            assert_eq!(scalar(text), written);
        }
    }

    #[test]
    fn words_stand_alone() {
        assert!(depends("Django>=5\n", "django") && depends("gem \"rails\", \"~> 8\"", "rails"));
        assert!(!depends("django-filter\n# django", "django") && !depends("rails_x", "rails"));
        assert_eq!(plain_name(" -my app;rm -rf/ "), Some("my-app-rm--rf".to_owned()));
        assert_eq!(plain_name("日本"), None);
    }

    #[test]
    fn values_of_a_section() {
        let text = "[package]\nname = \"a\"\n[dependencies]\nname = \"b\"\n";
        assert_eq!(values(text, "package", "name").collect::<Vec<_>>(), ["a"]);
        assert_eq!(values(text, "bin", "name").count(), 0);
    }
}
