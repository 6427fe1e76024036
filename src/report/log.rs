//! The log of a step: one line a fact, the host's label before it, a group a phase, annotations for what went wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollback_deploy_core::model::{Failure, Foreign, Label, Place};
use rollback_deploy_core::plan::{Event, Fact};

use super::commands::{Annotation, Commands, Level};
use super::words::{self, Saying, Tone};
use crate::engine::events::Reader;

/// The writer to the step's log; the face keeps a clone for its masks and last lines.
pub type SharedCommands = Arc<Mutex<Commands>>;

/// The reader.
pub struct Log {
    commands: SharedCommands,
    /// The group that is open, as a place in the order of phases: hosts are in several at once, the furthest counts.
    phase: usize,
}

/// In the order in which a change goes through them.
const PHASES: [&str; 11] =
    ["", "inspect", "recover", "stage", "begin", "arm", "migrate", "activate", "verify", "confirm", "prune"];

impl Log {
    /// Writes through these commands.
    #[must_use]
    pub fn new(commands: SharedCommands) -> Self {
        Self { commands, phase: 0 }
    }

    fn enter(&mut self, phase: &str, title: &str) {
        let place = PHASES.iter().position(|known| *known == phase);
        let new = match place {
            Some(place) if place > self.phase => place,
            // Going back is a phase of its own, whenever it comes.
            None if self.phase != usize::MAX => usize::MAX,
            _ => return,
        };
        self.phase = new;
        lock(&self.commands).group(&Foreign::new(title));
    }
}

fn lock(commands: &SharedCommands) -> MutexGuard<'_, Commands> {
    commands.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A sentence as lines: a mark for its tone, what belongs to it indented.
#[must_use]
pub fn as_lines(saying: &Saying) -> Vec<Foreign> {
    let mark = match saying.tone {
        Tone::Plain => "",
        Tone::Good => "✓ ",
        Tone::Warning => "! ",
        Tone::Bad => "✗ ",
    };
    let head = Foreign::new(format!("{mark}{}", saying.head.expose()));
    let notes = saying.notes.iter().map(|note| Foreign::new(format!("  {}{}", note.mark.word(), note.text.expose())));
    std::iter::once(head).chain(notes).collect()
}

/// A failure as an annotation, at its file when it names one.
fn annotation(target: Option<&Label>, failure: &Failure) -> Annotation {
    let saying = words::failure(failure);
    let mut message = saying.head.expose().to_owned();
    for note in &saying.notes {
        message += &["\n", note.mark.word(), note.text.expose()].concat();
    }
    let (file, at) = match &failure.place {
        Some(Place::File { path, at }) => (Some(path.clone()), *at),
        _ => (None, None),
    };
    Annotation { title: title(target), message: message.into(), file, at }
}

fn title(target: Option<&Label>) -> Foreign {
    target.map_or_else(|| "rollback-deploy".into(), |label| label.as_str().into())
}

impl Reader for Log {
    fn read(&mut self, event: &Event) {
        let target = event.target.as_ref();
        match &event.fact {
            Fact::Started(act) => self.enter(act.word(), act.word()),
            Fact::Confirming => self.enter("confirm", "confirm"),
            _ => {}
        }
        let mut commands = lock(&self.commands);
        if let Some(failure) = words::went_wrong(&event.fact) {
            commands.end_group();
            return commands.annotate(Level::Error, &annotation(target, failure));
        }
        match &event.fact {
            Fact::Said(text) => return commands.said(target, text),
            Fact::Warned(text) => {
                let message = Foreign::new(text.as_str());
                let annotation = Annotation { title: title(target), message, ..Annotation::default() };
                return commands.annotate(Level::Warning, &annotation);
            }
            Fact::Found(..) | Fact::Ended(_) => commands.end_group(),
            _ => {}
        }
        for line in words::fact(&event.fact).iter().flat_map(as_lines) {
            commands.line(target, &line);
        }
    }
}

#[cfg(test)]
mod tests {
    use rollback_deploy_core::model::TxnId;
    use rollback_deploy_core::wire::{Act, Answer, Report};

    use super::super::commands::tests::{Seen, Shared, as_the_runner};
    use super::super::mask::Masker;
    use super::*;

    fn told(facts: &[(Option<&str>, Fact)]) -> String {
        let out = Shared::default();
        let commands = Arc::new(Mutex::new(Commands::new(Box::new(out.clone()), Masker::new())));
        let mut log = Log::new(commands);
        for (target, fact) in facts {
            log.read(&Event {
                seq: 1,
                at: String::new(),
                elapsed_ms: 0,
                target: target.map(|label| Label::new(label).unwrap()),
                fact: fact.clone(),
            });
        }
        drop(log);
        out.text()
    }

    #[test]
    fn a_group_a_phase_and_failures_outside_of_them() {
        let txn = TxnId::new("t1").unwrap();
        let started = |act: &Act| Fact::Started(Box::new(act.clone()));
        let arm = Act::Arm(txn.clone());
        let activate = Act::Activate(txn);
        let armed = Answer::Done(Box::new(Report::NothingOpen));
        let text = told(&[
            (Some("web-1"), started(&arm)),
            (Some("web-2"), started(&arm)),
            (Some("web-1"), Fact::Answered(Box::new(arm.clone()), Box::new(armed))),
            (Some("web-1"), started(&activate)),
            (Some("web-2"), Fact::Lost(Failure::failed("connection reset"))),
            (Some("web-2"), started(&arm)),
            (Some("web-1"), Fact::Failed(Failure::failed("it does not start").hint("Look at its journal."))),
            (None, Fact::Warned("no checks".to_owned())),
        ]);
        insta::assert_snapshot!(text, @r"
        ::group::arm
        web-1 | wait for the watchdog's proof
        web-2 | wait for the watchdog's proof
        web-1 | nothing is open
        ::endgroup::
        ::group::activate
        web-1 | switch, restart, prove
        web-2 | ! no answer, asking again: failed: connection reset
        web-2 | wait for the watchdog's proof
        ::endgroup::
        ::error title=web-1::failed: it does not start%0Anext: Look at its journal.
        ::warning title=rollback-deploy::no checks
        ");
    }

    #[test]
    fn what_a_host_says_stays_in_its_stretch() {
        let said = Fact::Said(Foreign::new("::stop-commands::x\n##[set-output name=version]evil"));
        let text = told(&[(Some("web-1"), said), (None, Fact::Step("::error::forged".to_owned()))]);
        assert!(as_the_runner(&text).iter().all(|seen| matches!(seen, Seen::Line(_))), "{text}");
    }
}
