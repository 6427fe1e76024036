//! The sections below the first sentence.

use rollback_deploy_core::model::{Allow, Label, Proven, SchemaVerdict, Verdict};

use super::super::escape;
use super::super::fold::{Span, State, TargetRun};
use super::super::words::{count, millis};
use super::Page;

/// Beyond this a table or a chart is only noise; the log has the rest.
const MOST_ROWS: usize = 200;

/// The command line that goes back.
#[must_use]
fn command_line(version: &str, environment: Option<&str>) -> String {
    let environment = environment.map_or_else(String::new, |name| format!(" --environment {name}"));
    format!("rollback-deploy rollback {version}{environment}")
}

impl Page<'_> {
    fn is_change(&self) -> bool {
        matches!(self.meta.verb(self.run), "deploy" | "rollback")
    }

    pub(super) fn way_back(&self) -> Option<String> {
        // Where targets differ, those that run the new release decide: going back there makes all the same again.
        let first = |of: fn(&TargetRun) -> bool| {
            self.run.targets.iter().filter(|target| of(target)).find_map(|target| Some((target, target.way_back()?)))
        };
        let (target, proven) =
            first(|target| matches!(target.state, State::Confirmed(_))).or_else(|| first(|_| true))?;
        if !self.is_change() {
            return None;
        }
        let slowest = self.run.targets.iter().filter_map(TargetRun::way_back_ms).max();
        let time = slowest.map_or_else(String::new, |ms| format!(", about {} s", ms.div_ceil(1_000).max(1)));
        let version = proven.version.as_str();
        let line = format!("ready: {version}{time}, database: {}", database(target, proven));
        let environment = self.meta.environment.as_ref().map(ToString::to_string);
        let mut commands = Vec::new();
        let mut click = String::new();
        if let (Some(repository), Some(server)) = (&self.meta.repository, &self.meta.server_url) {
            let file = match self.meta.rollback_workflow.as_str() {
                "" => "rollback.yml",
                file => file,
            };
            let mut gh = format!("gh workflow run {file} --repo {repository}");
            let values = [("environment", environment.as_deref()), ("version", Some(version))];
            for (name, value) in values {
                if let Some(value) = value.filter(|_| self.meta.rollback_inputs.iter().any(|known| known == name)) {
                    gh.extend([format!(" -f {name}={value}")]);
                }
            }
            commands.push(gh);
            let page = self.link("the workflow", &format!("{server}/{repository}/actions/workflows/{file}"));
            click = format!("\nOr by a click: {page} → *Run workflow*.\n");
        }
        commands.push(command_line(version, environment.as_deref()));
        let block = escape::markdown_block(self.masker, &commands.join("\n").into());
        Some(format!("### The way back\n\n{}\n\n{block}{click}", self.text(line)))
    }

    pub(super) fn found(&self) -> Option<String> {
        let mut text = "### Found\n".to_owned();
        for (label, saying) in self.run.found.iter().take(MOST_ROWS) {
            let label = label.as_ref().map_or_else(String::new, |label| format!("**{}**: ", self.text(label.as_str())));
            text.extend([format!("\n{label}{}\n", self.text(saying.head.clone()))]);
            if !saying.notes.is_empty() {
                let rows: Vec<&str> = saying.notes.iter().map(|note| note.text.expose()).collect();
                text.extend([format!("\n{}", escape::markdown_block(self.masker, &rows.join("\n").into()))]);
            }
        }
        // After a change it is what was read back: the table of targets says it.
        (!self.run.found.is_empty() && !self.is_change()).then_some(text)
    }

    pub(super) fn targets(&self) -> Option<String> {
        let targets: Vec<_> = self.run.targets.iter().filter(|target| !target.spans.is_empty()).collect();
        if targets.is_empty() {
            return None;
        }
        let mut text =
            "### Targets\n\n| target | before | now | watchdog | result |\n|---|---|---|---|---|\n".to_owned();
        for target in targets.iter().copied().take(MOST_ROWS) {
            let before = target.ran().unwrap_or_else(|| "nothing".to_owned());
            let now = match target.now() {
                Ok(now) => now.unwrap_or_else(|| "nothing".to_owned()),
                Err(()) => "not certain".to_owned(),
            };
            let watchdog = target.watchdog.map_or("–", rollback_deploy_core::model::WatchdogKind::promise);
            let cells = [target.label.to_string(), before, now, watchdog.to_owned(), self.result(target)];
            text.extend([format!("| {} |\n", cells.map(|cell| self.text(cell)).join(" | "))]);
        }
        Some(text + &more(targets.len()))
    }

    fn result(&self, target: &TargetRun) -> String {
        let failure = || {
            let own = self.run.failures.iter().rev().find(|(label, _)| label.as_ref() == Some(&target.label));
            own.map(|(_, failure)| failure.what.clone())
        };
        match &target.state {
            State::Confirmed(_) => "confirmed".to_owned(),
            State::Undone(ending) if ending.healthy => format!("undone, healthy after {} s", ending.recovered_seconds),
            State::Undone(_) => "undone, not healthy: a human is needed".to_owned(),
            State::Held(time) => format!("held, settles within {time}"),
            State::Unknown(Some(time)) => format!("unknown, settles itself within {time}"),
            State::Unknown(None) => "unknown, settles itself".to_owned(),
            State::Open => failure().unwrap_or_else(|| "open".to_owned()),
            State::Untouched => failure().unwrap_or_else(|| "unchanged".to_owned()),
        }
    }

    pub(super) fn checks(&self) -> Option<String> {
        let all: Vec<_> = self.run.targets.iter().flat_map(|t| t.checks.iter().map(move |c| (&t.label, c))).collect();
        if all.is_empty() {
            return None;
        }
        let mut text =
            "### Checks\n\n| target | during | check | answer | saw | by | took |\n|---|---|---|---|---|---|---|\n"
                .to_owned();
        for (label, checked) in all.iter().take(MOST_ROWS) {
            let result = &checked.result;
            let mark = match result.verdict {
                Verdict::Pass => "✅",
                Verdict::Inconclusive => "⏸️",
                Verdict::Error => "⚠️",
                Verdict::Fail => "❌",
            };
            let what = format!("{} {}", self.text(result.word.as_str()), self.code(result.subject.as_str()));
            let saw = self.text(escape::cut(result.saw.expose(), 300));
            let by = self.text(result.method.clone().unwrap_or_default());
            let took = millis(result.took_ms);
            let cells = [
                self.text(label.as_str()),
                checked.during.to_owned(),
                what,
                format!("{mark} {}", result.verdict.word()),
                saw,
                by,
                took,
            ];
            text.extend([format!("| {} |\n", cells.join(" | "))]);
        }
        Some(text + &more(all.len()))
    }

    pub(super) fn timeline(&self) -> Option<String> {
        let all: Vec<&Span> = self.run.targets.iter().flat_map(|target| &target.spans).collect();
        if all.is_empty() {
            return None;
        }
        let mut text =
            "### Timeline\n\n```mermaid\ngantt\n    dateFormat YYYY-MM-DDTHH:mm:ss.SSS\n    axisFormat %M:%S\n"
                .to_owned();
        let mut left = MOST_ROWS;
        for target in &self.run.targets {
            text.extend([format!("    section {}\n", section(&target.label))]);
            for span in target.spans.iter().take(left) {
                let tag = if span.done { "done" } else { "crit" };
                let to = span.to_ms.unwrap_or(self.run.elapsed_ms).max(span.from_ms + 1);
                let what = if span.what == "abort" { "go back" } else { span.what };
                text.extend([format!("    {what} :{tag}, {}, {}\n", moment(span.from_ms), moment(to))]);
            }
            left = left.saturating_sub(target.spans.len());
        }
        text += "```\n";
        text.extend([format!("\nIn all {}.\n", millis(self.run.elapsed_ms))]);
        Some(text)
    }

    pub(super) fn notes(&self) -> Option<String> {
        let mut notes: Vec<String> = self.meta.config.iter().map(|from| format!("Configuration: {from}.")).collect();
        for target in &self.run.targets {
            notes.extend(target.set_up.iter().map(|what| format!("{}: set up: {what}", target.label)));
            if target.pruned > 0 {
                notes.push(format!(
                    "{}: {} removed",
                    target.label,
                    count(target.pruned, "old release", "old releases")
                ));
            }
        }
        if !self.meta.allow.is_empty() {
            let words: Vec<&str> = self.meta.allow.iter().copied().map(Allow::word).collect();
            notes.push(format!("Overrides in force: allow: {}", words.join(", ")));
        }
        for (label, text) in &self.run.warnings {
            let label = label.as_ref().map_or_else(String::new, |label| format!("{label}: "));
            notes.push(format!("Warning: {label}{text}"));
        }
        notes.extend(self.meta.notes.iter().cloned());
        let lines: Vec<String> =
            notes.into_iter().take(MOST_ROWS).map(|note| format!("- {}\n", self.text(note))).collect();
        (!lines.is_empty()).then(|| format!("### Notes\n\n{}", lines.concat()))
    }

    pub(super) fn evidence(&self) -> Option<String> {
        let mut lines = Vec::new();
        for target in &self.run.targets {
            if let State::Undone(ending) = &target.state
                && let Some(path) = &ending.evidence
            {
                let label = self.text(target.label.as_str());
                lines.push(format!(
                    "- {label}: evidence of {}, below the state folder: {}\n",
                    ending.release,
                    self.code(path.as_str())
                ));
            }
        }
        for (name, url) in &self.meta.artifacts {
            let shown = url.as_ref().map_or_else(|| self.text(name.as_str()), |url| self.link(name, url));
            lines.push(format!("- artifact {shown}\n"));
        }
        (!lines.is_empty()).then(|| format!("### Evidence and artifacts\n\n{}", lines.concat()))
    }
}

/// What going back means for the database.
fn database(target: &TargetRun, back: &Proven) -> &'static str {
    let now = match &target.state {
        State::Confirmed(now) => Some(now.as_ref()),
        _ => target.before.as_ref(),
    };
    match now.filter(|now| now.release != back.release).map_or(SchemaVerdict::None, |now| now.schema) {
        SchemaVerdict::None => "nothing to undo",
        SchemaVerdict::ExpandOnly => "stays as it is, the older release works with it",
        SchemaVerdict::OneWay => "migrated one way, the older release cannot work with it",
    }
}

/// A label as the name of a section: letters, digits and a few signs that mean nothing to the chart.
fn section(label: &Label) -> String {
    label.as_str().chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { ' ' }).collect()
}

/// Milliseconds as a moment of a day without date: the chart wants moments, and shows minutes and seconds.
fn moment(ms: u64) -> String {
    let (hours, rest) = (ms / 3_600_000 % 24, ms % 3_600_000);
    format!("2000-01-01T{hours:02}:{:02}:{:02}.{:03}", rest / 60_000, rest / 1_000 % 60, rest % 1_000)
}

fn more(all: usize) -> String {
    if all > MOST_ROWS { format!("\n… and {} more, see the log.\n", all - MOST_ROWS) } else { String::new() }
}
