//! Are there few enough error lines since the switch?

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use rollback_deploy_core::model::LogSource;

use super::since::log_file;
use super::{Place, Seen, beginning};

/// The most that is read of a log: the end of it counts.
const MOST_BYTES: u64 = 16 << 20;
/// The most lines asked of the journal.
const MOST_LINES: u32 = 20_000;
/// What is looked at when nobody knows when the switch was.
const WITHOUT_SWITCH_BYTES: u64 = 256 * 1024;
const WITHOUT_SWITCH_LINES: u32 = 1000;

pub(super) fn ask(log: &LogSource, patterns: &[String], at_most: u32, place: &Place<'_>) -> Seen {
    let text = match log {
        LogSource::Unit(unit) => {
            let lines = if place.since.is_some() { MOST_LINES } else { WITHOUT_SWITCH_LINES };
            match place.hands.journal(unit, place.since, lines) {
                Ok(text) => text,
                Err(failure) => {
                    return Seen::error(format!("the journal of {} cannot be read: {}", unit.full(), failure.what));
                }
            }
        }
        LogSource::File(file) => {
            let path = log_file(file, place.root, place.live);
            let from = place.since.map(|since| since.file_sizes.get(file).copied().unwrap_or(0));
            match added(&path, from) {
                Ok(text) => text,
                // An app that has not logged yet has no errors; a folder that cannot be searched says nothing.
                Err(error) if error.kind() == io::ErrorKind::NotFound && folder_is_there(&path) => {
                    return Seen::pass("the file does not exist yet");
                }
                Err(error) => return Seen::error(format!("{file} cannot be read: {error}")),
            }
        }
    };
    count(&text, patterns, at_most, if place.since.is_some() { "since the switch" } else { "in its last lines" })
}

fn count(text: &str, patterns: &[String], at_most: u32, span: &str) -> Seen {
    let all = text.lines().count();
    let is_error = |line: &&str| patterns.iter().any(|pattern| line.contains(pattern.as_str()));
    let errors: Vec<&str> = text.lines().filter(is_error).collect();
    let mut saw = format!("{} error lines of {all} {span}", errors.len());
    if let Some(last) = errors.last() {
        saw = format!("{saw}, the last: {}", beginning(last, 200));
    }
    Seen::when(errors.len() <= at_most as usize, saw)
}

fn folder_is_there(path: &Path) -> bool {
    path.parent().is_some_and(|folder| std::fs::read_dir(folder).is_ok())
}

/// What was added to a file after it had `from` bytes. A shorter file was rotated: then all of it is new.
///
/// # Errors
/// It cannot be read.
pub fn added(path: &Path, from: Option<u64>) -> io::Result<String> {
    let mut file = super::regular::open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let size = meta.len();
    let start = match from {
        Some(from) if from <= size => from.max(size.saturating_sub(MOST_BYTES)),
        Some(_) => size.saturating_sub(MOST_BYTES),
        None => size.saturating_sub(WITHOUT_SWITCH_BYTES),
    };
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_what_was_added_counts_also_after_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(b"ERROR old\n").unwrap();
        let size = file.metadata().unwrap().len();
        assert_eq!(added(&path, Some(size)).unwrap(), "");
        file.write_all(b"ERROR new\nfine\n").unwrap();
        assert_eq!(added(&path, Some(size)).unwrap(), "ERROR new\nfine\n");

        std::fs::File::create(&path).unwrap().write_all(b"E\n").unwrap();
        assert_eq!(added(&path, Some(size)).unwrap(), "E\n");
        assert!(added(folder.path(), Some(0)).is_err());
    }

    #[test]
    fn the_last_error_line_is_shown() {
        let patterns = ["ERROR".to_owned(), "panic".to_owned()];
        let text = "ERROR a\nok\npanic: b\n";
        assert_eq!(count(text, &patterns, 2, "x").verdict, rollback_deploy_core::model::Verdict::Pass);
        assert_eq!(count(text, &patterns, 1, "x"), Seen::fail("2 error lines of 3 x, the last: panic: b"));
    }
}
