//! Our own workflow commands, and the text of others between them, where none of it can be a command.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write;

use rollback_deploy_core::model::{Foreign, Label};

use super::escape;
use super::mask::Masker;

/// The runner keeps the first ten annotations of a kind; what follows is only a line of the log.
const MOST_OF_A_KIND: usize = 10;

/// The runner cuts the message of an annotation here.
const LONGEST_MESSAGE: usize = 4_096;

/// How loud an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Something went wrong.
    Error,
    /// A person should know.
    Warning,
    /// A person may want to know.
    Notice,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// An annotation: shown at the top of the run, and at a file if it names one.
#[derive(Debug, Clone, Default)]
pub struct Annotation {
    /// Its heading.
    pub title: Foreign,
    /// Its text; may have several lines.
    pub message: Foreign,
    /// A file of the repository.
    pub file: Option<String>,
    /// Line and column in it, from 1.
    pub at: Option<(u32, u32)>,
}

/// Writes to the log of a step. Lines of others stand in a stretch in which the runner obeys nothing but one random
/// token; before a command of ours that stretch ends.
pub struct Commands {
    out: Box<dyn Write + Send>,
    masker: Masker,
    stopped: Option<String>,
    in_group: bool,
    annotated: HashSet<(Level, String)>,
}

impl Commands {
    /// Writes to `out`: the standard output of the step.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, masker: Masker) -> Self {
        Self { out, masker, stopped: None, in_group: false, annotated: HashSet::new() }
    }

    /// Begins a group, which folds away; an open one ends (groups do not nest).
    pub fn group(&mut self, title: &Foreign) {
        self.end_group();
        let title = escape::one_line(&self.masker, title);
        self.command("group", "", &title);
        self.in_group = true;
    }

    /// Ends the open group, if there is one.
    pub fn end_group(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.command("endgroup", "", "");
        }
    }

    /// A line of ours. It may hold words of others, so it is escaped like theirs.
    pub fn line(&mut self, label: Option<&Label>, text: &Foreign) {
        for line in escape::lines(&self.masker, text) {
            self.write_line(&prefixed(label, &line));
        }
    }

    /// Lines that others wrote, where no command of the runner is obeyed.
    pub fn said(&mut self, label: Option<&Label>, text: &Foreign) {
        let lines = escape::lines(&self.masker, text);
        if lines.is_empty() {
            return;
        }
        self.stop();
        for line in lines {
            self.write_line(&prefixed(label, &line));
        }
    }

    /// An annotation: once for the same words, at most ten of a kind; beyond that it is a line.
    pub fn annotate(&mut self, level: Level, annotation: &Annotation) {
        let title = escape::one_line(&self.masker, &annotation.title);
        let message = escape::lines(&self.masker, &annotation.message).join("\n");
        if !self.annotated.insert((level, format!("{title}\n{message}"))) {
            return;
        }
        if self.annotated.iter().filter(|(other, _)| *other == level).count() > MOST_OF_A_KIND {
            let text = if title.is_empty() { message } else { format!("{title}: {message}") };
            self.line(None, &Foreign::new(format!("{}: {text}", level.word())));
            return;
        }
        let mut properties = Vec::new();
        if let Some(file) = &annotation.file {
            let file = escape::one_line(&self.masker, &Foreign::new(file.as_str()));
            properties.push(format!("file={}", property(&file)));
            if let Some((line, column)) = annotation.at {
                properties.push(format!("line={line},col={column}"));
            }
        }
        if !title.is_empty() {
            properties.push(format!("title={}", property(&title)));
        }
        let message = escape::cut(&message, LONGEST_MESSAGE - 1);
        self.command(level.word(), &properties.join(","), &message);
    }

    /// Asks the runner to mask a secret in everything that follows. Short ones are left out: they would eat the log.
    pub fn add_mask(&mut self, secret: &str) {
        if secret.trim().len() >= super::mask::SHORTEST {
            self.masker.add(secret);
            self.resume();
            // Raw: the runner must see the secret itself, and the escaping of data keeps its lines in one command.
            self.write_line(&format!("::add-mask::{}", data(secret.trim())));
        }
    }

    /// A line that is shown only where a person asked for debug logs.
    pub fn debug(&mut self, text: &Foreign) {
        let text = escape::one_line(&self.masker, text);
        self.command("debug", "", &text);
    }

    /// Lets the runner obey commands again.
    pub fn resume(&mut self) {
        if let Some(token) = self.stopped.take() {
            self.write_line(&format!("::{token}::"));
        }
    }

    fn stop(&mut self) {
        if self.stopped.is_none() {
            // Without randomness there is no token that a host could not guess; escaping alone must do then.
            if let Some(token) = token() {
                self.write_line(&format!("::stop-commands::{token}"));
                self.stopped = Some(token);
            }
        }
    }

    fn command(&mut self, name: &str, properties: &str, text: &str) {
        self.resume();
        let space = if properties.is_empty() { "" } else { " " };
        // The older kind of command is looked for in the whole line where the newer one is not known.
        let text = data(&text.replace("##[", "##\\["));
        self.write_line(&format!("::{name}{space}{properties}::{text}"));
    }

    fn write_line(&mut self, line: &str) {
        // One write a line: another process of the step may write as well. A log that nobody reads stops no work.
        let _nobody_reads = self.out.write_all(format!("{line}\n").as_bytes());
        let _nobody_reads = self.out.flush();
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.end_group();
        self.resume();
    }
}

fn prefixed(label: Option<&Label>, line: &str) -> String {
    match label {
        Some(label) => format!("{label} | {}", escape::actions_line(line)),
        None => escape::actions_line(line),
    }
}

/// The text after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(&text.replace("##[", "##\\[")).replace(':', "%3A").replace(',', "%2C")
}

/// 128 random bits in hex.
pub(crate) fn token() -> Option<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    let mut token = String::with_capacity(32);
    for byte in bytes {
        let _infallible = write!(token, "{byte:02x}");
    }
    Some(token)
}

#[cfg(test)]
pub(crate) mod tests;
