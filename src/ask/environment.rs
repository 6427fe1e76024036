//! Does the environment file name all of these? Values are never shown.

use std::collections::BTreeMap;
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

/// The names that a file gives a value, in its order: what may be shown of it.
///
/// # Errors
/// It cannot be read.
pub fn names(file: &Path) -> io::Result<Vec<String>> {
    let mut text = Vec::new();
    regular::open_linked(file)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(name_with_value).map(str::to_owned).collect())
}

/// Names with their values, for comparing two files; of a name that is given twice the last one counts.
#[must_use]
pub fn values(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(pair).collect()
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
