//! The files through which a step speaks: outputs, state, summary.

use std::collections::BTreeMap;

/// The largest summary of a step.
pub(super) const LARGEST_SUMMARY: usize = 1024 * 1024;

/// Reads `name=value` lines and `name<<DELIMITER` blocks as the runner does.
///
/// # Errors
/// Anything else: the runner fails the step then, whatever its exit code.
pub(crate) fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        let (name, value) = match (equals, heredoc) {
            (Some(at), heredoc) if heredoc.is_none_or(|other| at < other) => (&line[..at], line[at + 1..].to_owned()),
            (_, Some(at)) => {
                let (name, delimiter) = (&line[..at], &line[at + 2..]);
                if delimiter.is_empty() {
                    return Err(format!("no delimiter in {line:?}"));
                }
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        None => return Err(format!("the delimiter {delimiter:?} does not come again")),
                        Some(line) if line == delimiter => break,
                        Some(line) => value.push(line),
                    }
                }
                (name, value.join("\n"))
            }
            _ => return Err(format!("neither a value nor a block: {line:?}")),
        };
        if name.is_empty() {
            return Err(format!("no name in {line:?}"));
        }
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}
