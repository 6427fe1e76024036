//! The first sentence, and what to do when it is a bad one.

use rollback_deploy_core::model::Outcome;

use super::super::fold::{Run, State, TargetRun};
use super::super::words::{self, count};
use super::{Page, RunMeta};

/// The first sentence in two parts.
pub(super) struct Said {
    mark: &'static str,
    pub(super) what: String,
    pub(super) rollback: Option<String>,
}

/// What happened, to what, and the rollback target.
pub(super) fn said(run: &Run, outcome: Outcome, meta: &RunMeta) -> Said {
    let app = meta.app.as_ref().map_or_else(|| "the app".to_owned(), ToString::to_string);
    let place = meta.environment.as_ref().map_or_else(String::new, |name| format!(" in {name}"));
    let known = run.about(outcome).or_else(|| meta.version.clone());
    let version = known.clone().unwrap_or_else(|| "the release".to_owned());
    let on = match run.targets.len() {
        0 | 1 => String::new(),
        hosts => format!(" on {}", count(hosts, "host", "hosts")),
    };
    let verb = meta.verb(run);
    let rollback = verb == "rollback";
    let change = rollback || verb == "deploy";
    let asked = match (&known, &meta.environment) {
        (Some(version), _) if rollback => format!("The rollback of {app}{place} to {version}"),
        (Some(version), Some(name)) if change => format!("The deploy of {version} of {app} to {name}"),
        (Some(version), _) => format!("The {verb} of {version} of {app}{place}"),
        (None, _) => format!("The {verb} of {app}{place}"),
    };
    let after = run.recovered_seconds().map_or_else(String::new, |seconds| format!(" after {seconds} s"));
    let (mark, what) = match outcome {
        Outcome::Done if rollback => {
            let took = run.recovered_seconds().map_or_else(String::new, |seconds| format!(" in {seconds} s"));
            ("✅", format!("{app}{place} went back to {version}{on}{took}."))
        }
        Outcome::Done if change => ("✅", format!("{version} of {app} is live{place}{on}, confirmed.")),
        Outcome::Done => ("✅", format!("{asked} is done.")),
        Outcome::AlreadyLive => {
            ("✅", format!("{version} of {app} was live and proven{place} already{on}; nothing was restarted."))
        }
        Outcome::Failed => ("❌", format!("{asked} failed; {}.", what_runs(run, &after))),
        Outcome::FailedBack => ("🆘", format!("{asked} failed, and going back failed too: a human is needed.")),
        Outcome::Refused => ("⛔", format!("{asked} was refused; nothing was changed.")),
        Outcome::Input => ("⛔", format!("{asked} did not begin: input or configuration is wrong.")),
        Outcome::Unknown => ("❓", format!("{asked} is unknown: {}", unknown(run))),
        Outcome::Split => ("🆘", format!("{asked} is split: targets differ, see each of them below.")),
        Outcome::Inconclusive => ("⏸️", format!("{asked} is undecided and held for a person; {}.", held(run))),
        Outcome::No => ("❌", format!("{asked}: the answer is no.")),
        Outcome::Cancelled { .. } => ("🚫", format!("{asked} was cancelled; {}.", what_runs(run, &after))),
        Outcome::Bug => ("🐞", format!("{asked} met a bug of rollback-deploy.")),
    };
    Said { mark, what, rollback: change.then(|| rollback_words(run)).flatten() }
}

fn rollback_words(run: &Run) -> Option<String> {
    if let Some(target) = run.rollback_target() {
        return Some(format!("Rollback target: {target}."));
    }
    let known: Vec<String> = run
        .targets
        .iter()
        .filter_map(|target| Some(format!("{} on {}", target.way_back()?.version, target.label)))
        .collect();
    if !known.is_empty() {
        return Some(format!("Rollback targets: {}.", known.join(", ")));
    }
    // Without having looked at a target nothing can be said of its way back.
    let looked = |target: &TargetRun| target.spans.iter().any(|span| span.what == "inspect" && span.done);
    let all = !run.targets.is_empty() && run.targets.iter().all(looked);
    let first = run.targets.iter().all(|target| target.way_back_before.is_none() && target.before.is_none());
    (all && first).then(|| "Rollback target: none yet, no other release is proven here.".to_owned())
}

fn what_runs(run: &Run, after: &str) -> String {
    let undone = run.targets.iter().any(|target| matches!(target.state, State::Undone(_)));
    let mut now: Vec<String> = run.targets.iter().filter_map(|target| target.now().ok()).map(or_nothing).collect();
    now.dedup();
    let nothing = run.targets.iter().all(|target| matches!(target.now(), Ok(None)));
    match (now.as_slice(), undone) {
        ([], _) => "what ran before runs".to_owned(),
        ([_], _) if nothing => "nothing is live, as before".to_owned(),
        ([now], true) => format!("{now} runs and is healthy again{after}"),
        ([now], false) => format!("nothing was switched, {now} runs as before"),
        (several, _) => format!("{} run as before", several.join(" and ")),
    }
}

fn or_nothing(version: Option<String>) -> String {
    version.unwrap_or_else(|| "nothing".to_owned())
}

fn unknown(run: &Run) -> String {
    let lost: Vec<String> = run
        .targets
        .iter()
        .filter_map(|target| match &target.state {
            State::Unknown(Some(time)) => Some(format!("{} settles itself within {time}", target.label)),
            State::Unknown(None) => Some(format!("{} settles itself at its deadline", target.label)),
            _ => None,
        })
        .collect();
    if lost.is_empty() {
        "a target does not answer; it settles itself.".to_owned()
    } else {
        format!("{}.", lost.join(", "))
    }
}

fn held(run: &Run) -> String {
    let time = run.targets.iter().find_map(|target| match &target.state {
        State::Held(time) => Some(*time),
        _ => None,
    });
    time.map_or_else(|| "it settles itself".to_owned(), |time| format!("it settles itself within {time}"))
}

impl Page<'_> {
    pub(super) fn headline(&self) -> String {
        let said = said(self.run, self.outcome, self.meta);
        let rollback = said.rollback.map_or_else(String::new, |words| format!(" **{}**", self.text(words)));
        format!("{} **{}**{rollback}\n", said.mark, self.text(said.what))
    }

    pub(super) fn what_to_do(&self) -> Option<String> {
        if self.outcome.is_success() {
            return None;
        }
        let mut text = "### What to do now\n\n".to_owned();
        let mut steps = Vec::new();
        for (label, failure) in &self.run.failures {
            let saying = words::failure(failure);
            let label = label.as_ref().map_or_else(String::new, |label| format!("{label}: "));
            text.extend([format!("- {}\n", self.text(format!("{label}{}", saying.head.expose())))]);
            for note in &saying.notes {
                let line = self.text(format!("{}{}", note.mark.word(), note.text.expose()));
                if note.mark == words::Mark::Next {
                    steps.push(self.text(note.text.clone()));
                } else {
                    text.extend([format!("  - {line}\n")]);
                }
            }
        }
        let mut whys = 0;
        for target in self.run.targets.iter().filter(|_| self.run.failures.is_empty()) {
            for why in target.why_undone() {
                whys += 1;
                text.extend([format!("- {}\n", self.text(format!("{}: {}", target.label, why.expose())))]);
            }
        }
        steps.extend(self.by_outcome().map(|step| self.text(step)));
        let mut seen = Vec::new();
        steps.retain(|step| {
            !seen.contains(step) && {
                seen.push(step.clone());
                true
            }
        });
        if !self.run.failures.is_empty() || whys > 0 {
            text.push('\n');
        }
        for (number, step) in steps.iter().enumerate() {
            text.extend([format!("{}. {step}\n", number + 1)]);
        }
        (self.run.failures.len() + steps.len() > 0).then_some(text)
    }

    /// What an outcome asks of a person, whatever led to it.
    fn by_outcome(&self) -> Option<&'static str> {
        match self.outcome {
            Outcome::FailedBack => {
                Some("Look at the host now: what runs there is not healthy. Then deploy a fix, or roll back.")
            }
            Outcome::Split => {
                Some("Run the same again: hosts that are done stay as they are, the others follow; or roll back.")
            }
            Outcome::Unknown => Some("Wait until the time above, then ask for the status; do not deploy before."),
            Outcome::Inconclusive => Some("Decide: confirm or abort, before the time above."),
            Outcome::Failed => {
                Some("Nothing is urgent: what ran before runs. Fix the cause and deploy the next version.")
            }
            Outcome::Cancelled { .. } => Some("Nothing is urgent: run it again when you are ready."),
            _ => None,
        }
    }
}
