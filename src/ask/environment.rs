//! Does the environment file name all of these? Values are never shown.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;

use rollback_deploy_core::model::{EnvName, RelPath};

use super::{Place, Seen, regular};

/// A longer file is no environment file.
const LONGEST: u64 = 1 << 20;

/// The names that the file does not give a value.
///
/// # Errors
/// It cannot be read.
pub fn missing(file: &Path, names: &[EnvName]) -> io::Result<Vec<EnvName>> {
    let mut text = Vec::new();
    regular::open_linked(file)?.take(LONGEST).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let given: Vec<&str> = text.lines().filter_map(name_with_value).collect();
    Ok(names.iter().filter(|name| !given.contains(&name.as_str())).cloned().collect())
}

/// What differs between two environment files, by names only: values may be secrets.
#[must_use]
pub fn difference(from: &str, to: &str) -> String {
    let (from, to) = (values(from), values(to));
    let names = |what: &str, fits: &dyn Fn(&str) -> bool| {
        let all: BTreeSet<&str> = from.keys().chain(to.keys()).copied().filter(|name| fits(name)).collect();
        (!all.is_empty()).then(|| format!("{what}: {}", all.into_iter().collect::<Vec<_>>().join(", ")))
    };
    let kinds = [
        names("changed", &|name| from.contains_key(name) && to.contains_key(name) && from[name] != to[name]),
        names("back", &|name| !from.contains_key(name)),
        names("gone", &|name| !to.contains_key(name)),
    ];
    let words: Vec<String> = kinds.into_iter().flatten().collect();
    if words.is_empty() { "nothing differs".to_owned() } else { words.join("; ") }
}

/// Names with their values, for comparing two files. A line inside a value of several lines, such as of a key, is never taken for a name.
#[must_use]
pub fn values(text: &str) -> BTreeMap<&str, String> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    // The name whose value goes on, and the quote that ends it; a line that ends with \ goes on as well.
    let mut open: Option<(&str, Option<char>)> = None;
    for line in text.lines() {
        if let Some((name, quote)) = open {
            if let Some(value) = found.get_mut(name) {
                value.extend(["\n", line]);
            }
            let goes_on = quote.map_or_else(|| line.ends_with('\\'), |quote| !line.contains(quote));
            open = open.filter(|_| goes_on);
        } else if let (Some(name), Some((_, value))) = (name_with_value(line), line.split_once('=')) {
            let value = value.trim();
            let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
            open = match quote {
                Some(quote) if !value[1..].contains(quote) => Some((name, Some(quote))),
                None if value.ends_with('\\') => Some((name, None)),
                _ => None,
            };
            found.insert(name, value.to_owned());
        }
    }
    found.retain(|name, _| EnvName::new(*name).is_ok());
    found
}

/// The name of a `NAME=value` line whose value is not empty.
fn name_with_value(line: &str) -> Option<&str> {
    pair(line).map(|(name, _)| name)
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let value = value.trim();
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value);
    (!line.starts_with('#') && !inner.is_empty()).then_some((name.trim(), inner))
}

pub(super) fn ask(file: &RelPath, names: &[EnvName], place: &Place<'_>) -> Seen {
    let here = place.live.join(file.as_path());
    let shared = place.root.as_path().join("shared").join(file.as_path());
    let path = if here.exists() { here } else { shared };
    match missing(&path, names) {
        Ok(missing) if missing.is_empty() => Seen::pass(format!("all {} have a value", names.len())),
        Ok(missing) => {
            let missing: Vec<_> = missing.iter().map(EnvName::as_str).collect();
            Seen::fail(format!("without a value: {}", missing.join(", ")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Seen::fail(format!("{file} does not exist")),
        Err(error) => Seen::error(format!("{file} cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_by_names() {
        let (today, then) = ("A=1\nB=secret\nC=3\n", "A=1\nB=older\nexport D='x'\n");
        assert_eq!(difference(today, then), "changed: B; back: D; gone: C");
        assert_eq!(difference(today, today), "nothing differs");
        assert_eq!(difference("", "::error::x=1\nK=\"a\n b=c\nMIIQ==\n\"\nL=x\\\nm=1\nN='y'\n"), "back: K, L, N");
        assert_eq!(difference("K='a\nb'", "K='a\nc'"), "changed: K");
    }

    #[test]
    fn lines_as_people_write_them() {
        for (line, name) in [
            ("A=1", Some("A")),
            ("  export B='x y' ", Some("B")),
            ("C=", None),
            ("D=\"\"", None),
            ("#E=1", None),
            ("F", None),
            ("G = 1", Some("G")),
            ("H='", Some("H")),
        ] {
            assert_eq!(name_with_value(line), name, "{line:?}");
        }
    }
}
