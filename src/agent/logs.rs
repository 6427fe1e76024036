//! Lines of logs: the journals of services through the root face, and files. Uses privileged and ask.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollback_deploy_core::model::{Failure, LogSource, Question, Service, Settings, UnitName};
use rollback_deploy_core::wire::act::Logs;

use super::privileged::Privileged;
use crate::ask::clock;
use crate::root::Cursor;

/// How often a source that is followed is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How much of a file's end is searched for its last lines.
const TAIL_BYTES: u64 = 4 << 20;
/// How much is read at once while following.
const STEP_BYTES: u64 = 1 << 20;
/// The most lines of a journal between two looks.
const STEP_LINES: u32 = 5000;

/// Tells the last lines of each source, and with `follow` those that come, until cancelled. Each line comes with the
/// name of its source.
///
/// # Errors
/// A source cannot be read. The others are told first.
pub fn logs(
    wanted: &Logs,
    settings: &Settings,
    live: &Path,
    privileged: &Privileged,
    tell: &mut dyn FnMut(&str, &str),
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let mut failure = None;
    let mut open: Vec<Open> = Vec::new();
    for source in sources(wanted, settings) {
        let mut one = Open::new(&source, settings, live);
        match one.first(wanted.lines, privileged, tell) {
            Ok(()) => open.push(one),
            Err(why) => failure = failure.or(Some(why)),
        }
    }
    while wanted.follow && !open.is_empty() && clock::wait(TICK, cancelled) {
        for one in &mut open {
            one.more(privileged, tell)?;
        }
    }
    failure.map_or(Ok(()), Err)
}

fn sources(wanted: &Logs, settings: &Settings) -> Vec<LogSource> {
    if !wanted.sources.is_empty() {
        return wanted.sources.clone();
    }
    let units = settings.services.iter().filter_map(|service| match service {
        Service::Systemd { unit, .. } => Some(LogSource::Unit(unit.clone())),
        Service::Commands { .. } => None,
    });
    let mut all: Vec<LogSource> = units.collect();
    // What is searched for error lines is where the app writes.
    all.extend(settings.checks.iter().filter_map(|check| match &check.question {
        Question::Errors { log, .. } => Some(log.clone()),
        _ => None,
    }));
    all.push(LogSource::File(format!("{}/deploy.log", settings.root)));
    let mut seen = Vec::new();
    all.retain(|source| {
        let new = !seen.contains(source);
        seen.push(source.clone());
        new
    });
    all
}

enum Open {
    Unit { unit: UnitName, name: String, cursor: Option<Cursor> },
    File { path: PathBuf, name: String, at: u64, inode: u64, rest: Vec<u8> },
}

impl Open {
    fn new(source: &LogSource, settings: &Settings, live: &Path) -> Self {
        match source {
            LogSource::Unit(unit) => Self::Unit { unit: unit.clone(), name: unit.full(), cursor: None },
            LogSource::File(file) => Self::File {
                path: crate::ask::log_file(file, &settings.root, live),
                name: Path::new(file)
                    .file_name()
                    .map_or_else(|| file.clone(), |name| name.to_string_lossy().into_owned()),
                at: 0,
                inode: 0,
                rest: Vec::new(),
            },
        }
    }

    fn first(&mut self, lines: u32, privileged: &Privileged, tell: &mut dyn FnMut(&str, &str)) -> Result<(), Failure> {
        match self {
            Self::Unit { unit, name, cursor } => journal(unit, name, cursor, lines, privileged, tell),
            Self::File { path, name, at, inode, .. } => {
                let read = || -> io::Result<(String, u64, u64)> {
                    let mut file = open_file(path)?;
                    let meta = file.metadata()?;
                    file.seek(SeekFrom::Start(meta.len().saturating_sub(TAIL_BYTES)))?;
                    let mut bytes = Vec::new();
                    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
                    Ok((String::from_utf8_lossy(&bytes).into_owned(), meta.len(), meta.ino()))
                };
                let (text, size, number) = read().map_err(|error| unread(path, &error))?;
                let all: Vec<&str> = text.lines().collect();
                let skip = all.len().saturating_sub(lines as usize);
                all[skip..].iter().for_each(|line| tell(name, line));
                (*at, *inode) = (size, number);
                Ok(())
            }
        }
    }

    fn more(&mut self, privileged: &Privileged, tell: &mut dyn FnMut(&str, &str)) -> Result<(), Failure> {
        match self {
            Self::Unit { unit, name, cursor } => journal(unit, name, cursor, STEP_LINES, privileged, tell),
            Self::File { path, name, at, inode, rest } => {
                let mut read = || -> io::Result<()> {
                    let mut file = open_file(path)?;
                    let meta = file.metadata()?;
                    if meta.ino() != *inode || meta.len() < *at {
                        (*at, *inode) = (0, meta.ino());
                        rest.clear();
                    }
                    file.seek(SeekFrom::Start(*at))?;
                    *at += file.take(STEP_BYTES).read_to_end(rest)? as u64;
                    Ok(())
                };
                match read() {
                    // Between being moved away and made again a log is missing for a moment.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                    result => result.map_err(|error| unread(path, &error))?,
                }
                let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let lines: Vec<u8> = rest.drain(..whole).collect();
                String::from_utf8_lossy(&lines).lines().for_each(|line| tell(name, line));
                Ok(())
            }
        }
    }
}

fn journal(
    unit: &UnitName,
    name: &str,
    cursor: &mut Option<Cursor>,
    lines: u32,
    privileged: &Privileged,
    tell: &mut dyn FnMut(&str, &str),
) -> Result<(), Failure> {
    let (text, next) = privileged.log(unit, lines, None, cursor.clone())?;
    *cursor = next;
    text.lines().for_each(|line| tell(name, line));
    Ok(())
}

fn open_file(path: &Path) -> io::Result<File> {
    let file = crate::ask::regular::open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::failed("the log cannot be read").on_host(path.display()).because(error.to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests write and move the files that they read")]
    use std::cell::RefCell;
    use std::io::Write;

    use super::*;
    use crate::agent::services::tests::settings;

    #[test]
    fn last_lines_then_what_comes_also_through_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let settings = settings("/srv/none");
        let wanted = Logs {
            sources: vec![LogSource::File(path.display().to_string()), LogSource::File("/no/such/log".into())],
            lines: 2,
            follow: true,
        };
        let told = RefCell::new(Vec::new());
        let mut step = 0;
        let mut tell = |source: &str, line: &str| {
            assert_eq!(source, "app.log");
            told.borrow_mut().push(line.to_owned());
            // Each line that was told is answered by the next thing that happens to the file.
            step += 1;
            let add =
                |text: &str| File::options().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
            match step {
                2 => add("four\nhal"),
                3 => {
                    add("f\n");
                }
                4 => {
                    std::fs::rename(&path, folder.path().join("app.log.1")).unwrap();
                    std::fs::write(&path, "new\n").unwrap();
                }
                _ => {}
            }
        };
        let done = || told.borrow().last().is_some_and(|line| line == "new");
        let privileged = Privileged::new(&settings);
        let result = logs(&wanted, &settings, folder.path(), &privileged, &mut tell, &done);
        assert!(result.is_err(), "the missing log is told at the end");
        assert_eq!(*told.borrow(), ["two", "three", "four", "half", "new"]);
    }
}
