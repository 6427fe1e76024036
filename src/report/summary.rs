//! The job summary: what happened and where a rollback would go, in the first sentence; then what to do, the way back,
//! targets, checks, time, notes. Everything in it is escaped, ours too: a host may have supplied a part of it.

mod headline;
mod parts;

use rollback_deploy_core::model::{Allow, AppName, EnvironmentName, Foreign, Outcome};

use super::escape;
use super::fold::Run;
use super::mask::Masker;

/// What is known of a run beside its events.
#[derive(Debug, Clone, Default)]
pub struct RunMeta {
    /// The verb asked for; the stream says it too, once the verb has begun.
    pub verb: String,
    /// The version as it was written, until it is resolved.
    pub version: Option<String>,
    /// The app.
    pub app: Option<AppName>,
    /// The environment.
    pub environment: Option<EnvironmentName>,
    /// `owner/name`.
    pub repository: Option<String>,
    /// GitHub's own address: `https://github.com`.
    pub server_url: Option<String>,
    /// This run.
    pub run_url: Option<String>,
    /// The file of the workflow that rolls back, without its folder; empty means `rollback.yml`.
    pub rollback_workflow: String,
    /// Which of `environment` and `version` that workflow takes as inputs.
    pub rollback_inputs: Vec<String>,
    /// Where the configuration came from, in words.
    pub config: Option<String>,
    /// Overrides in force.
    pub allow: Vec<Allow>,
    /// What else was done or should be known.
    pub notes: Vec<String>,
    /// Artifacts of the run, with their addresses.
    pub artifacts: Vec<(String, Option<String>)>,
}

impl RunMeta {
    /// The verb of a run.
    fn verb<'a>(&'a self, run: &'a Run) -> &'a str {
        [run.verb.as_str(), self.verb.as_str()].into_iter().find(|verb| !verb.is_empty()).unwrap_or("run")
    }
}

/// The whole summary, in Markdown.
#[must_use]
pub fn summary(run: &Run, outcome: Outcome, meta: &RunMeta, masker: &Masker) -> String {
    let page = Page { run, outcome, meta, masker };
    let sections = [
        Some(page.headline()),
        page.what_to_do(),
        page.way_back(),
        page.found(),
        page.targets(),
        page.checks(),
        page.timeline(),
        page.notes(),
        page.evidence(),
    ];
    let mut text = sections.into_iter().flatten().collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// The last line of a terminal and of the log: the summary's first sentence, without Markdown.
#[must_use]
pub fn sentence(run: &Run, outcome: Outcome, meta: &RunMeta) -> Foreign {
    let said = headline::said(run, outcome, meta);
    Foreign::new(format!("{} {}", said.what, said.rollback.unwrap_or_default()).trim_end())
}

/// What the sections are made from.
struct Page<'a> {
    run: &'a Run,
    outcome: Outcome,
    meta: &'a RunMeta,
    masker: &'a Masker,
}

impl Page<'_> {
    fn text(&self, text: impl Into<Foreign>) -> String {
        escape::markdown(self.masker, &text.into())
    }

    fn code(&self, text: impl Into<Foreign>) -> String {
        escape::markdown_code(self.masker, &text.into())
    }

    /// A link, only to a page of the server that this run is on.
    fn link(&self, title: &str, url: &str) -> String {
        let title = self.text(title);
        let own = self.meta.server_url.as_ref().is_some_and(|server| url.starts_with(&format!("{server}/")));
        let plain = url.bytes().all(|b| b.is_ascii_alphanumeric() || b":/._-?=&#%".contains(&b));
        if own && plain { format!("[{title}]({url})") } else { title }
    }
}

#[cfg(test)]
mod tests;
