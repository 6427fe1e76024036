//! The files through which a step hands outputs, state and a summary to the runner.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::Foreign;

use super::commands::token;
use super::escape;
use super::mask::Masker;

/// The outputs of a job may have 1 MB, counted as two bytes a character.
const MOST_OUTPUT: usize = 400_000;

/// What the runner uploads of a summary, at most; one byte more and nothing is shown.
pub const LARGEST_SUMMARY: usize = 1 << 20;

/// The files of one step. One that is absent (outside of Actions) takes nothing.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// `GITHUB_OUTPUT`.
    pub output: Option<PathBuf>,
    /// `GITHUB_STATE`.
    pub state: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`.
    pub summary: Option<PathBuf>,
}

impl Files {
    /// Hands outputs over, masked and each on one line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn outputs(&self, masker: &Masker, outputs: &[(&str, String)]) -> io::Result<()> {
        let room = MOST_OUTPUT / outputs.len().max(1);
        let values: Vec<(&str, String)> = outputs
            .iter()
            .map(|(name, value)| (*name, escape::cut(&escape::one_line(masker, &Foreign::new(value.as_str())), room)))
            .collect();
        append_pairs(self.output.as_deref(), &values)
    }

    /// Saves what the post step shall know.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn state(&self, name: &str, value: &str) -> io::Result<()> {
        append_pairs(self.state.as_deref(), &[(name, value.to_owned())])
    }

    /// Adds to the summary, cut so that the file stays below what the runner takes.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn summary(&self, markdown: &str) -> io::Result<()> {
        let Some(path) = self.summary.as_deref() else { return Ok(()) };
        let there = std::fs::metadata(path).map_or(0, |meta| usize::try_from(meta.len()).unwrap_or(usize::MAX));
        let room = LARGEST_SUMMARY.saturating_sub(there);
        append(path, fit(markdown, room).as_bytes())
    }
}

/// Appends `name<<delimiter … delimiter` for each pair, all in one write: a run that dies never leaves half a record,
/// and no value can end its own record.
fn append_pairs(path: Option<&Path>, pairs: &[(&str, String)]) -> io::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let records: io::Result<String> = pairs
        .iter()
        .map(|(name, value)| {
            let delimiter = token().ok_or_else(|| io::Error::other("no random numbers"))?;
            Ok([name, "<<", &delimiter, "\n", value, "\n", &delimiter, "\n"].concat())
        })
        .collect();
    append(path, records?.as_bytes())
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes)
}

/// A Markdown text cut to so many bytes: at the end of a line, with open fences and folds closed, and with a word that
/// it was cut.
#[must_use]
pub fn fit(markdown: &str, room: usize) -> String {
    const CUT: &str = "\n*The summary was too long and ends here; the log has the rest.*\n";
    if markdown.len() <= room {
        return markdown.to_owned();
    }
    let mut kept = String::new();
    let mut open = Open::default();
    for line in markdown.split_inclusive('\n') {
        let after = open.clone().and(line);
        if kept.len() + line.len() + after.closing().len() + CUT.len() > room {
            break;
        }
        kept.push_str(line);
        open = after;
    }
    let end = format!("{}{CUT}", open.closing());
    if kept.len() + end.len() > room { String::new() } else { kept + &end }
}

/// What a part of a Markdown text leaves open.
#[derive(Debug, Clone, Default)]
struct Open {
    fence: Option<String>,
    folds: usize,
}

impl Open {
    fn and(mut self, line: &str) -> Self {
        let text = line.trim();
        let ticks: String = text.chars().take_while(|c| *c == '`').collect();
        match &self.fence {
            Some(fence) if text == ticks && ticks.len() >= fence.len() => self.fence = None,
            None if ticks.len() >= 3 => self.fence = Some(ticks),
            Some(_) => {}
            None => {
                self.folds += text.matches("<details").count();
                self.folds = self.folds.saturating_sub(text.matches("</details>").count());
            }
        }
        self
    }

    fn closing(&self) -> String {
        let fence = self.fence.as_ref().map_or_else(String::new, |fence| format!("{fence}\n"));
        fence + &"\n</details>\n".repeat(self.folds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(folder: &Path) -> Files {
        let path = |name: &str| Some(folder.join(name));
        Files { output: path("output"), state: path("state"), summary: path("summary") }
    }

    /// The runner's reading of a file of pairs; anything else fails the step.
    fn pairs(text: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut lines = text.split('\n');
        while let Some(line) = lines.next() {
            if line.is_empty() {
                continue;
            }
            let (name, delimiter) = line.split_once("<<").expect(line);
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            all.push((name.to_owned(), value.join("\n")));
        }
        all
    }

    #[test]
    fn pairs_are_appended_and_cannot_inject() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let masker = Masker::new();
        masker.add("very-secret-value");
        files
            .outputs(&masker, &[("outcome", "done".to_owned()), ("incident", "x\nEOF\nversion=evil".to_owned())])
            .unwrap();
        files.outputs(&masker, &[("version", "v1 very-secret-value".to_owned())]).unwrap();
        let text = std::fs::read_to_string(folder.path().join("output")).unwrap();
        let expected = [("outcome", "done"), ("incident", "x ⏎ EOF ⏎ version=evil"), ("version", "v1 ***")];
        assert_eq!(pairs(&text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn outputs_stay_below_the_limit_of_a_job() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        files.outputs(&Masker::new(), &[("a", "x".repeat(500_000)), ("b", "y".repeat(500_000))]).unwrap();
        let text = std::fs::read_to_string(folder.path().join("output")).unwrap();
        assert!(text.len() < MOST_OUTPUT + 200, "{}", text.len());
    }

    #[test]
    fn state_is_kept_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path()).state("phase", "begun").unwrap();
        let text = std::fs::read_to_string(folder.path().join("state")).unwrap();
        assert_eq!(pairs(&text), [("phase".to_owned(), "begun".to_owned())]);
    }

    #[test]
    fn a_summary_is_added_to_what_is_there_and_stays_below_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        files.summary("# one\n").unwrap();
        files.summary(&"long line\n".repeat(200_000)).unwrap();
        let text = std::fs::read_to_string(folder.path().join("summary")).unwrap();
        assert!(text.starts_with("# one\nlong line\n"));
        assert!(text.len() <= LARGEST_SUMMARY && text.len() > LARGEST_SUMMARY - 100, "{}", text.len());
        assert!(text.ends_with("the log has the rest.*\n"));
    }

    #[test]
    fn what_is_open_is_closed() {
        let long = format!("<details>\n\n````text\n```\n{}````\n</details>\n", "äöü\n".repeat(100));
        let text = fit(&long, 200);
        assert!(text.len() <= 200);
        assert!(text.contains("äöü\n````\n\n</details>\n\n*The summary"), "{text}");
    }

    proptest! {
        #[test]
        fn a_cut_text_fits(text in "[a`ä\n<]{0,300}", room in 0_usize..300) {
            prop_assert!(fit(&text, room).len() <= room);
        }
    }
}
