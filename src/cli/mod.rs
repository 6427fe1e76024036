//! The operator's face: arguments, a terminal, an exit code. Everything else is the verbs'.

pub mod args;
pub mod demo;
mod files;
pub mod place;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use rollback_deploy_core::file::load;
use rollback_deploy_core::model::{EnvironmentName, Failure, LogSource, Outcome, Place, UnitName};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Logs, Query, SetupMode};

use crate::engine::Events;
use crate::engine::perform::Stop;
use crate::report::Masker;
use crate::report::json::Json;
use crate::report::terminal::{Look, Terminal};
use crate::source::Tree;
use crate::verb::fetch::Sources;
use crate::verb::rollback::To;
use crate::verb::settle::Decision;
use crate::verb::{self, Conclusion, World};
use args::{Args, Common, Verb};

/// Runs the command line.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let code = if error.use_stderr() { Outcome::Input.exit_code() } else { 0 };
            let _shown = error.print();
            return ExitCode::from(code);
        }
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return ExitCode::from(Outcome::Bug.exit_code());
    };
    let outcome = runtime.block_on(run(args));
    // A question that hangs in a thread of the system is not waited for.
    runtime.shutdown_background();
    ExitCode::from(outcome.exit_code())
}

fn events(common: &Common) -> Events {
    let masker = Masker::new();
    if common.json {
        return Events::new(vec![Box::new(Json::new(masker, Box::new(io::stdout())))]);
    }
    #[expect(clippy::disallowed_methods, reason = "a face: the convention of no-color.org")]
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let look = Look {
        bars: io::stderr().is_terminal() && !common.quiet,
        colour: io::stdout().is_terminal() && !no_colour,
        quiet: common.quiet,
    };
    Events::new(vec![Box::new(Terminal::new(look, masker, Box::new(io::stdout())))])
}

async fn run(args: Args) -> Outcome {
    let events = events(&args.common);
    let stop = Stop::default();
    on_signals(stop.clone());
    let outcome = match perform(args, &events, &stop).await {
        Ok(outcome) => outcome,
        Err(failures) => {
            let outcome = failures.iter().map(Failure::outcome).max_by_key(|outcome| outcome.severity());
            for failure in failures {
                events.tell(None, Fact::Failed(failure));
            }
            outcome.unwrap_or(Outcome::Bug)
        }
    };
    events.tell(None, Fact::Ended(outcome));
    outcome
}

/// The first signal stops the run; a second one is not needed: everything decisive takes seconds.
fn on_signals(stop: Stop) {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind: SignalKind, number: u8, stop: Stop| {
        if let Ok(mut signals) = signal(kind) {
            tokio::spawn(async move {
                if signals.recv().await.is_some() {
                    stop.because_of(number);
                }
            });
        }
    };
    listen(SignalKind::interrupt(), 2, stop.clone());
    listen(SignalKind::terminate(), 15, stop);
}

async fn perform(args: Args, events: &Events, stop: &Stop) -> Result<Outcome, Vec<Failure>> {
    let Args { common, verb } = args;
    let ended = match verb {
        Verb::Deploy { version, repository } => {
            let (world, tree) = release(&common, version.as_deref(), repository, events, stop).await?;
            verb::deploy::deploy(&world, Arc::new(tree)).await
        }
        Verb::Plan { version, repository } => {
            let (world, tree) = release(&common, version.as_deref(), repository, events, stop).await?;
            verb::plan::plan(&world, Arc::new(tree)).await
        }
        Verb::Rollback { version, with_env } => {
            let world = world(&common, events, stop).await?;
            verb::rollback::rollback(&world, &To { version: version.filter(|text| text != "previous"), with_env }).await
        }
        Verb::Status => ask(&common, "status", Query::Status, events, stop).await?,
        Verb::List => ask(&common, "list", Query::List, events, stop).await?,
        Verb::History { limit } => ask(&common, "history", Query::History { limit }, events, stop).await?,
        Verb::Health => ask(&common, "health", Query::Health, events, stop).await?,
        Verb::Logs { follow, lines, unit, log } => {
            ask(&common, "logs", Query::Logs(logs(follow, lines, &unit, log)?), events, stop).await?
        }
        Verb::Prune => verb::settle::settle(&world(&common, events, stop).await?, Decision::Prune).await,
        Verb::Confirm => verb::settle::settle(&world(&common, events, stop).await?, Decision::Confirm).await,
        Verb::Abort => verb::settle::settle(&world(&common, events, stop).await?, Decision::Abort).await,
        Verb::Setup { plan, check, remove } => {
            let mode = match (plan, check, remove) {
                (true, _, _) => SetupMode::Plan,
                (_, true, _) => SetupMode::Check,
                (_, _, true) => SetupMode::Remove,
                _ => SetupMode::Apply,
            };
            let meant = place::meant(&common)?;
            if meant.here && rustix::process::geteuid().is_root() {
                return files::setup_as_root(&meant, mode, events);
            }
            verb::setup::setup(&place::world_to_change(&common, meant, events.clone(), stop.clone()).await?, mode).await
        }
        Verb::Validate => return files::validate(&common, events),
        Verb::Init => return files::init(events),
        Verb::Demo => return demo::run(stop).await,
    };
    Ok(ended.outcome)
}

async fn world(common: &Common, events: &Events, stop: &Stop) -> Result<World, Vec<Failure>> {
    let meant = place::meant(common)?;
    place::world_to_change(common, meant, events.clone(), stop.clone()).await
}

async fn ask(
    common: &Common,
    verb: &str,
    query: Query,
    events: &Events,
    stop: &Stop,
) -> Result<Conclusion, Vec<Failure>> {
    let meant = place::meant(common)?;
    let world = place::world(common, meant, events.clone(), stop.clone()).await?;
    Ok(verb::look::look(&world, verb, &query).await)
}

fn logs(follow: bool, lines: u32, units: &[String], files: Vec<String>) -> Result<Logs, Vec<Failure>> {
    let wrong =
        |error: &dyn std::fmt::Display| vec![Failure::input(error.to_string()).at(Place::Input("--unit".into()))];
    let mut sources = Vec::new();
    for unit in units {
        sources.push(LogSource::Unit(UnitName::new(unit.as_str()).map_err(|error| wrong(&error))?));
    }
    sources.extend(files.into_iter().map(LogSource::File));
    Ok(Logs { sources, lines, follow })
}

/// The world and the files of a release. On the host itself the deploy file may come with the release.
async fn release(
    common: &Common,
    version: Option<&str>,
    repository: Option<String>,
    events: &Events,
    stop: &Stop,
) -> Result<(World, Tree), Vec<Failure>> {
    let meant = place::meant(common)?;
    let (by_file, here, found) = (meant.by_file, meant.here, meant.workspace.clone());
    let mut world = place::world_to_change(common, meant, events.clone(), stop.clone()).await?;
    let current = std::env::current_dir().map_err(|error| vec![Failure::bug(error.to_string())])?;
    // A directory is meant from where the person stands; all that the deploy file names, from where that lies.
    let repository =
        repository.map(|named| if is_folder(&current, &named) { in_folder(&current, &named) } else { named });
    let workspace = found.unwrap_or(current);
    let sources = Sources {
        git: Some(repository.clone().unwrap_or_else(|| ".".to_owned())),
        workspace,
        git_environment: git_environment(),
        #[cfg(feature = "github")]
        github: None,
        event: None,
    };
    let choice = match repository {
        Some(url) => rollback_deploy_core::file::SourceChoice::Git { url, exclude: vec![] },
        None => world.environment.source.clone(),
    };
    let prefix = world.environment.tag_prefix.clone();
    let fetched = stop.or_cancelled(sources.fetch(&choice, &prefix, version)).await.and_then(|fetched| fetched);
    let tree = fetched.map_err(|failure| vec![failure])?;
    if !by_file && here {
        adopt_file_of(&mut world, &tree, common)?;
    }
    Ok((world, tree))
}

fn is_folder(current: &Path, named: &str) -> bool {
    !named.contains("://") && current.join(named).is_dir()
}

fn in_folder(current: &Path, named: &str) -> String {
    current.join(named).to_str().map_or_else(|| named.to_owned(), str::to_owned)
}

/// On the host itself with only the root: the release brings its own deploy file.
fn adopt_file_of(world: &mut World, tree: &Tree, common: &Common) -> Result<(), Vec<Failure>> {
    let path = tree.folder.join(place::DEPLOY_FILE);
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(()) };
    let file = load(&text, &format!("{} of {}", place::DEPLOY_FILE, tree.info.version))?;
    let wanted = common.environment.as_deref().and_then(|name| EnvironmentName::new(name).ok());
    let root = world.environment.settings.root.clone();
    let mut environment = file.environment(wanted.as_ref())?;
    if environment.settings.root != root {
        return Err(vec![
            Failure::input(format!(
                "the deploy file of the release says root {}, not {root}",
                environment.settings.root
            ))
            .at(Place::Input("--root".into()))
            .hint("Give the root of the deploy file, or another environment."),
        ]);
    }
    environment.hosts.clear();
    if let Some(wait) = common.wait {
        environment.wait = rollback_deploy_core::model::Seconds(wait);
    }
    world.allow = place::allow(common, &environment)?;
    world.environment = environment;
    Ok(())
}

/// What `git` needs of our environment: where programs are, who we are, how the network is reached.
pub(crate) fn git_environment() -> Vec<(OsString, OsString)> {
    const WANTED: [&str; 12] = [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SSH_AUTH_SOCK",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "https_proxy",
        "HTTPS_PROXY",
        "http_proxy",
        "no_proxy",
        "NO_PROXY",
    ];
    #[expect(clippy::disallowed_methods, reason = "a face: what git may see")]
    let value = |name: &str| std::env::var_os(name).map(|value| (OsString::from(name), value));
    WANTED.into_iter().filter_map(value).collect()
}
