//! One step: from a wish to its outputs, summary and exit code, whatever happens on the way.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rollback_deploy_core::model::{EnvName, Failure, Foreign, Kind, Outcome};
use rollback_deploy_core::plan::Fact;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Deed;
use super::context::Context;
use super::inputs;
use super::mine::Mine;
use crate::engine::Events;
use crate::engine::perform::Stop;
use crate::report::commands::{Annotation, Commands, Level};
use crate::report::fold::{Folding, Run};
use crate::report::log::{Log, SharedCommands};
use crate::report::mask::Masker;
use crate::report::summary::{RunMeta, sentence, summary};
use crate::verb::{Ended, Secrets, Stage, Wish};

/// How long the verbs may go on after the first signal. The runner cuts the step off after 10 s; what is written after
/// this has to fit in there as well.
pub const PATIENCE: Duration = Duration::from_millis(6_500);

/// Which step this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The step itself.
    Main,
    /// What runs after the job, also when the step was killed.
    Post,
}

/// What a saved state is called, and its words.
const PHASE: &str = "phase";
const WORD: &str = "word";
const ENDED: &str = "ended";

/// Runs a step with this environment, writing the log to `out`.
pub async fn run(step: Step, env: BTreeMap<String, String>, out: Box<dyn Write + Send>, deed: impl Deed) -> Outcome {
    let signals = Signals::listen();
    let (context, warnings) = Context::read(&env);
    let masker = Masker::new();
    let commands = Arc::new(Mutex::new(Commands::new(out, masker.clone())));
    let secrets = Known { env, commands: commands.clone() };
    for secret in inputs::secrets(&secrets.env).chain(artifact_token(&context)) {
        secrets.learn(secret);
    }
    let folding = Folding::default();
    let events = Events::new(vec![Box::new(Log::new(commands.clone())), Box::new(folding.clone())]);
    let mine = match step {
        Step::Main => Mine::begin(&context),
        Step::Post => Mine::again(&context, saved(&secrets.env, WORD)),
    };
    if step == Step::Post && saved(&secrets.env, PHASE) == Some(ENDED) {
        say(&commands, "The step ended by itself: nothing is left to do.");
        return Outcome::Done;
    }
    let read = inputs::read(&secrets.env, mine.by());
    if step == Step::Post && !read.wish.as_ref().is_some_and(|wish| wish.verb.opens_a_change()) {
        say(&commands, "The step could not open a change: nothing is left to do.");
        return Outcome::Done;
    }
    for warning in warnings.into_iter().chain(read.warnings) {
        events.tell(None, Fact::Warned(warning));
    }
    let mut meta = meta(&context, read.wish.as_ref());
    if step == Step::Post {
        // Settling is no deploy: that it is done must not read as "live".
        "post step".clone_into(&mut meta.verb);
    }
    let outcome = match read.wish {
        None => refuse(&events, read.failures),
        Some(wish) => {
            if step == Step::Main {
                let word = mine.word().unwrap_or_default();
                save(&context, &events, &[(WORD, word), (PHASE, "begun")]);
            }
            let stage = Stage { events: events.clone(), stop: signals.stop.clone(), secrets: Arc::new(secrets) };
            let github = context.clone();
            let work = tokio::spawn(async move {
                match step {
                    Step::Main => deed.run(wish, github, stage).await,
                    Step::Post => deed.settle(wish, github, mine, stage).await,
                }
            });
            let ended = finish(work, &signals, &events).await;
            take(&mut meta, &ended);
            match (ended.outcome, signals.stop.signal()) {
                (Outcome::Cancelled { .. }, Some(signal)) => Outcome::Cancelled { signal },
                (outcome, _) => outcome,
            }
        }
    };
    events.tell(None, Fact::Ended(outcome));
    let run = folding.run();
    conclude(&commands, &run, outcome, &sentence(&run, outcome, &meta));
    let written = match step {
        Step::Main => context.files.outputs(&masker, &run.outputs(outcome)),
        Step::Post => Ok(()),
    };
    let written = written.and(context.files.summary(&summary(&run, outcome, &meta, &masker)));
    if let Err(error) = written {
        events.tell(None, Fact::Warned(format!("outputs or summary could not be written: {error}")));
    }
    // What was cut off may have left something open: then the post step shall look.
    if step == Step::Main && outcome != Outcome::Unknown && outcome != Outcome::Bug {
        save(&context, &events, &[(PHASE, ENDED)]);
    }
    outcome
}

fn say(commands: &SharedCommands, line: &str) {
    commands.lock().unwrap_or_else(PoisonError::into_inner).line(None, &Foreign::new(line));
}

/// The last line. Of a run that did not end well somebody has to see why without opening its log: when no failure was told,
/// the sentence itself is the annotation, with what each target says of its undo.
fn conclude(commands: &SharedCommands, run: &Run, outcome: Outcome, sentence: &Foreign) {
    let mut commands = commands.lock().unwrap_or_else(PoisonError::into_inner);
    if outcome.is_success() || !run.failures.is_empty() {
        return commands.line(None, sentence);
    }
    let whys = run.targets.iter().flat_map(|target| {
        target.why_undone().into_iter().map(move |why| format!("\n{}: {}", target.label, why.expose()))
    });
    let message = Foreign::new(format!("{}{}", sentence.expose(), whys.collect::<String>()));
    commands.annotate(Level::Error, &Annotation { title: "rollback-deploy".into(), message, ..Annotation::default() });
}

fn refuse(events: &Events, failures: Vec<Failure>) -> Outcome {
    let outcome = failures.first().map_or(Outcome::Bug, Failure::outcome);
    for failure in failures {
        events.tell(None, Fact::Failed(failure));
    }
    outcome
}

/// What the main step saved.
fn saved<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    env.get(&format!("STATE_{name}")).map(String::as_str).filter(|text| !text.is_empty())
}

fn save(context: &Context, events: &Events, pairs: &[(&str, &str)]) {
    for (name, value) in pairs {
        if let Err(error) = context.files.state(name, value) {
            events.tell(None, Fact::Warned(format!("the state for the post step could not be saved: {error}")));
        }
    }
}

fn artifact_token(context: &Context) -> Option<&str> {
    context.artifacts.as_ref().map(|artifacts| artifacts.token.expose_secret())
}

/// Waits for the work, but not longer than signals allow.
async fn finish(mut work: JoinHandle<Ended>, signals: &Signals, events: &Events) -> Ended {
    let cut_off = tokio::select! {
        done = &mut work => {
            return done.unwrap_or_else(|_panicked| {
                events.tell(None, Fact::Failed(Failure::bug("the program met a mistake of its own and stopped")));
                Ended::new(Outcome::Bug)
            });
        }
        () = signals.cut_off() => Failure::new(
            Kind::Unknown { settles_in: None },
            "cancelled, and the undo could not be read back in the time that GitHub gives",
        ),
    };
    work.abort();
    // Waits until its destructors have run: they remove keys.
    let _cut = tokio::time::timeout(Duration::from_millis(500), work).await;
    let hint = "The hosts' watchdogs go back by themselves; the post step of this job looks after it.";
    events.tell(None, Fact::Failed(cut_off.hint(hint)));
    Ended::new(Outcome::Unknown)
}

/// What the summary says beside the events.
fn meta(context: &Context, wish: Option<&Wish>) -> RunMeta {
    let (rollback_workflow, rollback_inputs) = context.rollback_workflow().unwrap_or_default();
    RunMeta {
        verb: wish.map(|wish| wish.verb.word().to_owned()).unwrap_or_default(),
        version: wish.and_then(|wish| wish.version.clone()),
        app: wish.and_then(|wish| wish.simple.app.clone()),
        environment: wish.and_then(|wish| wish.environment.clone()),
        repository: context.repository.clone(),
        server_url: Some(context.server_url.clone()),
        run_url: context.run_url(),
        rollback_workflow,
        rollback_inputs,
        allow: wish.map(|wish| wish.allow.clone()).unwrap_or_default(),
        ..RunMeta::default()
    }
}

fn take(meta: &mut RunMeta, ended: &Ended) {
    meta.app = ended.app.clone().or(meta.app.take());
    meta.environment = ended.environment.clone().or(meta.environment.take());
    meta.config.clone_from(&ended.config);
    if !ended.allow.is_empty() {
        meta.allow.clone_from(&ended.allow);
    }
    meta.notes.clone_from(&ended.notes);
    meta.artifacts.clone_from(&ended.artifacts);
}

/// The environment of the step, and the commands that mask.
struct Known {
    env: BTreeMap<String, String>,
    commands: SharedCommands,
}

impl Secrets for Known {
    fn named(&self, name: &EnvName) -> Option<SecretString> {
        let value = self.env.get(name.as_str()).filter(|value| !value.is_empty())?;
        self.learn(value);
        Some(SecretString::from(value.as_str()))
    }

    fn learn(&self, secret: &str) {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).add_mask(secret);
    }
}

/// SIGINT and SIGTERM: the first asks everything to end; a second one, or the end of patience, cuts off.
struct Signals {
    stop: Stop,
    cut: CancellationToken,
}

impl Signals {
    fn listen() -> Self {
        let signals = Self { stop: Stop::default(), cut: CancellationToken::new() };
        let (stop, cut) = (signals.stop.clone(), signals.cut.clone());
        // Listening begins here, not in the task: a signal that comes before the task runs counts.
        let both = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        if let (Ok(mut interrupt), Ok(mut terminate)) = both {
            tokio::spawn(async move {
                let first = tokio::select! { _ = interrupt.recv() => 2, _ = terminate.recv() => 15 };
                stop.because_of(first);
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = tokio::time::sleep(PATIENCE) => {}
                }
                cut.cancel();
            });
        }
        signals
    }

    async fn cut_off(&self) {
        self.cut.cancelled().await;
    }
}

#[cfg(test)]
mod tests;
