//! What a person at a terminal sees: spinners and bars while something runs; plain lines anywhere else.

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rollback_deploy_core::model::{Foreign, Label};
use rollback_deploy_core::plan::{Event, Fact};

use super::escape;
use super::log::as_lines;
use super::mask::Masker;
use super::words::{self, Tone};
use crate::engine::events::Reader;

/// How it shall look; the face decides, by asking for a terminal, `NO_COLOR` and `--quiet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Spinners and bars, on standard error.
    pub bars: bool,
    /// Colours in the lines.
    pub colour: bool,
    /// Only what was asked for, warnings, failures and the end.
    pub quiet: bool,
}

/// The reader.
pub struct Terminal {
    look: Look,
    masker: Masker,
    out: Box<dyn Write + Send>,
    multi: MultiProgress,
    bars: HashMap<Option<Label>, ProgressBar>,
}

impl Terminal {
    /// Writes lines to `out`, and bars to standard error where the look has them.
    #[must_use]
    pub fn new(look: Look, masker: Masker, out: Box<dyn Write + Send>) -> Self {
        let target = if look.bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { look, masker, out, multi: MultiProgress::with_draw_target(target), bars: HashMap::new() }
    }

    /// Ends all spinners and bars and takes them off the screen.
    pub fn finish(&mut self) {
        for (_, bar) in self.bars.drain() {
            bar.finish_and_clear();
        }
    }

    fn spin(&mut self, target: Option<&Label>, text: String) {
        if !self.look.bars {
            return;
        }
        let text = escape::one_line(&self.masker, &Foreign::new(text));
        let bar = self.bar(target);
        bar.set_style(style("{spinner} {prefix}{msg} {elapsed}"));
        bar.set_message(text);
    }

    fn bar(&mut self, target: Option<&Label>) -> &ProgressBar {
        let multi = &self.multi;
        self.bars.entry(target.cloned()).or_insert_with(|| {
            let bar = multi.add(ProgressBar::new_spinner());
            bar.set_prefix(target.map_or_else(String::new, |label| format!("{label} ")));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        })
    }

    fn print(&mut self, target: Option<&Label>, lines: &[Foreign], tone: Tone) {
        let label = target.map_or_else(String::new, |label| format!("{label} | "));
        let mut text = String::new();
        for line in lines.iter().flat_map(|line| escape::lines(&self.masker, line)) {
            text += &[label.as_str(), &painted(&line, tone, self.look.colour), "\n"].concat();
        }
        let out = &mut self.out;
        self.multi.suspend(|| {
            let _nobody_reads = out.write_all(text.as_bytes());
            let _nobody_reads = out.flush();
        });
    }
}

/// The mark of a sentence in the colour of its tone; only the mark, so that a log without colours reads the same.
fn painted(line: &str, tone: Tone, colour: bool) -> String {
    let code = match tone {
        Tone::Good => "32",
        Tone::Warning => "33",
        Tone::Bad => "31",
        Tone::Plain => return line.to_owned(),
    };
    match line.split_once(' ') {
        Some((mark @ ("✓" | "!" | "✗"), rest)) if colour => format!("\u{1b}[{code}m{mark}\u{1b}[0m {rest}"),
        _ => line.to_owned(),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_wrong_template| ProgressStyle::default_spinner())
}

impl Reader for Terminal {
    fn read(&mut self, event: &Event) {
        let target = event.target.as_ref();
        match &event.fact {
            Fact::Started(act) => self.spin(target, words::doing(act)),
            Fact::Confirming => self.spin(target, "confirm".to_owned()),
            Fact::Step(step) => self.spin(target, step.clone()),
            Fact::Answered(..) | Fact::Confirmed(_) | Fact::Found(..) => {
                if let Some(bar) = self.bars.remove(&event.target) {
                    bar.finish_and_clear();
                }
            }
            Fact::Ended(_) => self.finish(),
            _ => {}
        }
        let Some(saying) = words::fact(&event.fact) else { return };
        let asked_for = matches!(event.fact, Fact::Found(..) | Fact::Ended(_));
        let loud = matches!(saying.tone, Tone::Warning | Tone::Bad);
        if self.look.quiet && !asked_for && !loud {
            return;
        }
        self.print(target, &as_lines(&saying), saying.tone);
    }

    fn progress(&mut self, target: &Label, done: u64, all: u64) {
        if !self.look.bars {
            return;
        }
        let bar = self.bar(Some(target));
        bar.set_style(style("{spinner} {prefix}{bar:30} {bytes}/{total_bytes} {eta}"));
        bar.set_length(all);
        bar.set_position(done);
    }
}

#[cfg(test)]
mod tests {
    use rollback_deploy_core::model::{Failure, Outcome};

    use super::super::commands::tests::Shared;
    use super::*;

    fn shown(look: Look) -> String {
        let out = Shared::default();
        let mut terminal = Terminal::new(look, Masker::new(), Box::new(out.clone()));
        let facts = [
            Fact::Step("build 1 of 2".to_owned()),
            Fact::Said(Foreign::new("50%\r\u{1b}[2J100%")),
            Fact::Failed(Failure::failed("it does not start")),
            Fact::Ended(Outcome::Failed),
        ];
        for fact in facts {
            let target = Some(Label::new("web-1").unwrap());
            terminal.read(&Event { seq: 1, at: String::new(), elapsed_ms: 0, target, fact });
        }
        out.text()
    }

    #[test]
    fn lines_without_a_terminal() {
        insta::assert_snapshot!(shown(Look::default()), @r"
        web-1 | · build 1 of 2
        web-1 | 50%
        web-1 | 100%
        web-1 | ✗ failed: it does not start
        web-1 | ✗ failed: failed, and what ran before runs and is healthy (a first deploy: nothing live, as before) (exit code 4)
        ");
    }

    #[test]
    fn quiet_keeps_what_matters() {
        let text = shown(Look { quiet: true, ..Look::default() });
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn colours_are_ours_only() {
        let text = shown(Look { colour: true, ..Look::default() });
        assert!(text.contains("web-1 | \u{1b}[31m✗\u{1b}[0m failed: it does not start\n"), "{text:?}");
        assert!(!text.contains("\u{1b}[2J"));
    }
}
