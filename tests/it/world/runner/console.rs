//! What the runner makes of a step's output: lines, commands, masks and annotations, by its own rules.

use std::collections::BTreeMap;

/// The commands that the runner knows.
const KNOWN: [&str; 15] = [
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
/// As many annotations of a kind are kept of one step.
const KEPT: usize = 10;
/// A longer annotation is cut here.
const LONGEST: usize = 4096;

/// A workflow command as the runner understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its name in lower case.
    pub(crate) name: String,
    /// `file`, `line`, `title` …
    pub(crate) properties: BTreeMap<String, String>,
    /// What follows.
    pub(crate) data: String,
}

/// What a step printed, understood.
#[derive(Debug, Default)]
pub(crate) struct Console {
    /// The lines of the log that a person sees, masked.
    pub(crate) log: Vec<String>,
    /// Every command that was carried out, in order.
    pub(crate) commands: Vec<Command>,
    /// Errors, warnings and notices that are kept.
    pub(crate) annotations: Vec<Command>,
    /// Values that are masked from here on.
    masks: Vec<String>,
    /// While set, only this word is a command.
    stopped: Option<String>,
}

impl Console {
    /// With the job's secrets, which the runner masks from the start.
    pub(super) fn new(secrets: &[String]) -> Self {
        let mut console = Self::default();
        for secret in secrets {
            console.mask(secret);
        }
        console
    }

    /// The log as one text.
    pub(crate) fn text(&self) -> String {
        self.log.join("\n")
    }

    /// The texts of the annotations of one kind.
    pub(crate) fn annotated(&self, kind: &str) -> Vec<&str> {
        self.annotations.iter().filter(|found| found.name == kind).map(|found| found.data.as_str()).collect()
    }

    /// Is this value masked?
    pub(crate) fn masks(&self, value: &str) -> bool {
        self.masks.iter().any(|mask| mask == value)
    }

    fn mask(&mut self, value: &str) {
        // The whole, and each of its lines.
        let lines = value.lines().map(str::trim).chain([value]).filter(|line| !line.is_empty());
        self.masks.extend(lines.map(str::to_owned));
    }

    fn masked(&self, text: &str) -> String {
        self.masks.iter().fold(text.to_owned(), |text, mask| text.replace(mask.as_str(), "***"))
    }

    /// Takes one line.
    pub(super) fn line(&mut self, line: &str) {
        let found = second_form(line, self.stopped.as_deref()).or_else(|| first_form(line, self.stopped.as_deref()));
        let Some(command) = found.filter(|found| self.listens_to(found)) else {
            let shown = self.masked(line);
            self.log.push(shown);
            return;
        };
        self.carry_out(command, line);
    }

    fn listens_to(&self, command: &Command) -> bool {
        self.stopped.as_ref().is_none_or(|token| token.eq_ignore_ascii_case(&command.name))
    }

    fn carry_out(&mut self, command: Command, line: &str) {
        match command.name.as_str() {
            // Only the stop token is heard while commands are stopped.
            _ if self.stopped.is_some() => self.stopped = None,
            "stop-commands" => {
                self.stopped = Some(command.data.clone());
                if command.data.len() > 6 {
                    self.mask(&command.data);
                }
            }
            "add-mask" => self.mask(&command.data),
            "error" | "warning" | "notice" => {
                let shown = self.masked(&format!("##[{}]{}", command.name, command.data));
                self.log.push(shown);
                if self.annotated(&command.name).len() < KEPT {
                    let data = self.masked(&command.data).chars().take(LONGEST).collect();
                    self.annotations.push(Command { data, ..command.clone() });
                }
            }
            "group" | "endgroup" => {
                let shown = self.masked(line);
                self.log.push(shown);
            }
            _ => {}
        }
        self.commands.push(command);
    }
}

/// `::name key=value,key=value::data`, after any white space.
fn second_form(line: &str, token: Option<&str>) -> Option<Command> {
    let rest = line.trim_start().strip_prefix("::")?;
    let (head, data) = rest.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let data = unescape(data, &[("%0D", "\r"), ("%0A", "\n"), ("%25", "%")]);
    let escapes = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
    command(name, token, pairs(properties, ',', &escapes), data)
}

/// `##[name key=value;key=value]data`, anywhere in a line.
fn first_form(line: &str, token: Option<&str>) -> Option<Command> {
    let (_, rest) = line.split_once("##[")?;
    let (head, data) = rest.split_once(']')?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let escapes = [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%")];
    command(name, token, pairs(properties, ';', &escapes), unescape(data, &escapes))
}

fn command(name: &str, token: Option<&str>, properties: BTreeMap<String, String>, data: String) -> Option<Command> {
    let name = name.to_lowercase();
    let known = KNOWN.contains(&name.as_str()) || token.is_some_and(|token| token.eq_ignore_ascii_case(&name));
    known.then_some(Command { name, properties, data })
}

fn pairs(text: &str, between: char, escapes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = text.split(between).filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), unescape(value, escapes))).collect()
}

fn unescape(text: &str, escapes: &[(&str, &str)]) -> String {
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Cuts bytes into lines as the runner's reader does: `\n`, `\r\n` and a lone `\r` end one.
#[derive(Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    after_return: bool,
}

impl Lines {
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            let second_half = std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
            match byte {
                _ if second_half => {}
                b'\r' | b'\n' => lines.push(text(&std::mem::take(&mut self.partial))),
                other => self.partial.push(other),
            }
        }
        lines
    }

    pub(super) fn rest(self) -> Option<String> {
        (!self.partial.is_empty()).then(|| text(&self.partial))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
