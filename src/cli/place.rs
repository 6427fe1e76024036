//! Which environment and which hosts a person means: the deploy file, or this machine by its root.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollback_deploy_core::file::{DeployFile, Environment, Simple, load};
use rollback_deploy_core::model::{AbsPath, Allow, AppName, EnvironmentName, Failure, Label, Place, Seconds};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Query, Report};

use super::args::Common;
use crate::engine::Events;
use crate::engine::perform::Stop;
use crate::hello::hello;
use crate::transport::Link;
use crate::transport::local::LocalLink;
use crate::verb::World;
use crate::verb::world::done;

/// Where the deploy file lies in a repository.
pub const DEPLOY_FILE: &str = ".github/rollback-deploy.yml";
/// What this machine is called when there is no other.
const HERE: &str = "this-machine";

/// What a person means.
pub struct Meant {
    /// The environment.
    pub environment: Environment,
    /// Whether a deploy file said so; otherwise a file in the release may still say more.
    pub by_file: bool,
    /// This machine is meant, not the hosts.
    pub here: bool,
    /// The folder whose deploy file was found here or above; none when it was named, or when there is none.
    pub workspace: Option<PathBuf>,
}

/// Reads what a person means.
///
/// # Errors
/// Every mistake at once.
pub fn meant(common: &Common) -> Result<Meant, Vec<Failure>> {
    let wanted = common.environment.as_deref().map(EnvironmentName::new).transpose();
    let wanted =
        wanted.map_err(|error| vec![Failure::input(error.to_string()).at(Place::Input("--environment".into()))])?;
    let found = if common.file.is_none() { find_file() } else { None };
    let file = read_file(common, found.as_deref())?;
    let by_file = file.is_some();
    let mut environment = match (file, &common.root) {
        (Some(file), _) => file.environment(wanted.as_ref())?,
        (None, Some(root)) => simple(&root_path(root)?, wanted)?,
        (None, None) => {
            return Err(vec![
                Failure::input("no deploy file was found, and no --root was given")
                    .at(Place::Input("--file".into()))
                    .hint(format!("In a repository: `rollback-deploy init` writes {DEPLOY_FILE}."))
                    .hint("On the host itself: `rollback-deploy --root /srv/app status`."),
            ]);
        }
    };
    if let Some(root) = &common.root {
        let root = root_path(root)?;
        if by_file && environment.settings.root != root {
            let was_usual = environment.settings.link.as_str() == format!("{}/current", environment.settings.root);
            if was_usual && let Ok(link) = AbsPath::new(format!("{root}/current")) {
                environment.settings.link = link;
            }
            environment.settings.root = root;
        }
    }
    if let Some(wait) = common.wait {
        environment.wait = Seconds(wait);
    }
    let here = common.root.is_some() || environment.hosts.is_empty();
    let wrong = unknown_hosts(common, &environment, here);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let workspace =
        found.and_then(|path| path.ancestors().nth(Path::new(DEPLOY_FILE).components().count()).map(Path::to_owned));
    Ok(Meant { environment, by_file, here, workspace })
}

/// Every label that names no host: a deploy to fewer hosts than were meant looks like one to all of them.
fn unknown_hosts(common: &Common, environment: &Environment, here: bool) -> Vec<Failure> {
    let labels: Vec<_> = environment.hosts.iter().map(|host| host.label.as_str()).collect();
    let wrong = |label: &String| {
        let at = |what: String| Failure::input(what).at(Place::Input("--host".into()));
        if here {
            return (label != HERE).then(|| {
                at(format!("{label} is no host here: this machine is meant"))
                    .hint("Leave out --host; or leave out --root, with a deploy file that names hosts.")
            });
        }
        let missing = !labels.contains(&label.as_str());
        missing.then(|| {
            let nearest =
                labels.iter().min_by_key(|known| strsim::levenshtein(known, label)).copied().unwrap_or_default();
            at(format!("{} has no host {label}; the nearest is {nearest}", environment.name))
                .hint(format!("Its hosts: {}.", labels.join(", ")))
        })
    };
    common.hosts.iter().filter_map(wrong).collect()
}

fn root_path(root: &Path) -> Result<AbsPath, Vec<Failure>> {
    let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let text = absolute.to_str().unwrap_or_default().to_owned();
    AbsPath::new(text).map_err(|error| vec![Failure::input(error.to_string()).at(Place::Input("--root".into()))])
}

/// The app's folder alone: named after the folder, everything else as usual.
fn simple(root: &AbsPath, environment: Option<EnvironmentName>) -> Result<Environment, Vec<Failure>> {
    let usual = |name: &str| AppName::new(name.trim_end_matches(".d"));
    let app =
        usual(root.name()).or_else(|_| AppName::new("app")).map_err(|error| vec![Failure::input(error.to_string())])?;
    let production = || EnvironmentName::new("production").map_err(|error| vec![Failure::bug(error.to_string())]);
    let environment = match environment {
        Some(environment) => environment,
        None => production()?,
    };
    let simple = Simple {
        app,
        environment,
        hosts: vec![],
        root: root.clone(),
        services: vec![],
        health_url: None,
        source: None,
    };
    simple.environment()
}

fn read_file(common: &Common, found: Option<&Path>) -> Result<Option<DeployFile>, Vec<Failure>> {
    let Some(path) = common.file.as_deref().or(found) else { return Ok(None) };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        vec![
            Failure::input("the deploy file cannot be read")
                .at(Place::File { path: shown.clone(), at: None })
                .because(error.to_string())
                .hint("Give another with --file, or write one with `rollback-deploy init`."),
        ]
    })?;
    load(&text, &shown).map(Some)
}

/// The deploy file here or in a folder above, up to the repository's top.
pub(super) fn find_file() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    for folder in here.ancestors() {
        let path = folder.join(DEPLOY_FILE);
        if path.is_file() {
            return Some(path);
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}

/// The links to the hosts, or to this machine.
///
/// # Errors
/// What is wrong with hosts or keys.
pub async fn links(common: &Common, meant: &Meant) -> Result<Vec<(Label, Arc<dyn Link>)>, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::bug("our own program is not known").because(error.to_string()))?;
    let root = meant.environment.settings.root.clone();
    if meant.here {
        let label = Label::new(HERE).map_err(|error| Failure::bug(error.to_string()))?;
        let program = common.agents.first().cloned().unwrap_or(own);
        let link = login()
            .into_iter()
            .fold(LocalLink::new(program, root, hello()), |link, (name, value)| link.with_env(name, value));
        return Ok(vec![(label, Arc::new(link))]);
    }
    remote(common, meant, &own, &root).await
}

#[cfg(feature = "ssh")]
async fn remote(
    common: &Common,
    meant: &Meant,
    own: &Path,
    root: &AbsPath,
) -> Result<Vec<(Label, Arc<dyn Link>)>, Failure> {
    use crate::transport::programs::Programs;
    use crate::transport::ssh::{Login, SshRun, SshWish};
    let hosts = meant
        .environment
        .hosts
        .iter()
        .filter(|host| common.hosts.is_empty() || common.hosts.iter().any(|label| label == host.label.as_str()));
    let hosts: Vec<_> = hosts.cloned().collect();
    let programs = Arc::new(Programs::find(own, &common.agents)?);
    let run = SshRun::prepare(SshWish {
        login: Login::Person,
        hosts: hosts.clone(),
        jump: meant.environment.jump_host.clone(),
        user: None,
        known_hosts: meant.environment.known_hosts.clone(),
    })
    .await?;
    hosts
        .into_iter()
        .map(|host| {
            let link = run.link(&host.label, root.clone(), programs.clone(), hello())?;
            Ok((host.label, Arc::new(link) as Arc<dyn Link>))
        })
        .collect()
}

#[cfg(not(feature = "ssh"))]
#[expect(clippy::unused_async, reason = "the same shape as in the full build")]
async fn remote(_: &Common, _: &Meant, _: &Path, _: &AbsPath) -> Result<Vec<(Label, Arc<dyn Link>)>, Failure> {
    Err(Failure::input("this is the host build: it works on this machine only")
        .hint("Give --root, or use the full program."))
}

/// What a login sets: nothing else of our environment reaches the agent.
fn login() -> Vec<(OsString, OsString)> {
    #[expect(clippy::disallowed_methods, reason = "a face: who is logged in")]
    let value = |name: &str| std::env::var_os(name).map(|value| (OsString::from(name), value));
    ["HOME", "USER", "LOGNAME"].into_iter().filter_map(value).collect()
}

/// The overrides of the file and of the person.
///
/// # Errors
/// A word that is none of them.
pub fn allow(common: &Common, environment: &Environment) -> Result<Vec<Allow>, Vec<Failure>> {
    let mut all = environment.allow.clone();
    let mut wrong = Vec::new();
    for word in &common.allow {
        match Allow::from_word(word) {
            Some(allow) => all.push(allow),
            None => wrong.push(
                Failure::input(format!("{word:?} is no override"))
                    .at(Place::Input("--allow".into()))
                    .hint(format!("They are: {}.", Allow::ALL.map(Allow::word).join(", "))),
            ),
        }
    }
    all.sort_unstable();
    all.dedup();
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

/// The world of a person who asks.
///
/// # Errors
/// Every mistake at once.
pub async fn world(common: &Common, meant: Meant, events: Events, stop: Stop) -> Result<World, Vec<Failure>> {
    let allow = allow(common, &meant.environment)?;
    let links = links(common, &meant).await.map_err(|failure| vec![failure])?;
    Ok(World { environment: meant.environment, links, by: who(), allow, events, stop })
}

/// The world of a person who changes something. Without a deploy file it goes by what the live release recorded.
///
/// # Errors
/// Every mistake at once.
pub async fn world_to_change(common: &Common, meant: Meant, events: Events, stop: Stop) -> Result<World, Vec<Failure>> {
    let by_file = meant.by_file;
    let mut world = world(common, meant, events, stop).await?;
    if !by_file {
        recorded_settings(&mut world).await;
    }
    Ok(world)
}

/// Who asks: user and machine.
#[must_use]
pub fn who() -> String {
    #[expect(clippy::disallowed_methods, reason = "a face: who is logged in")]
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "somebody".to_owned());
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{machine}")
}

/// Without a deploy file, the settings that the live release recorded; when these cannot be read, nothing is pruned by
/// a guess.
async fn recorded_settings(world: &mut World) {
    let fleet = world.fleet(None);
    for target in fleet.values() {
        let recorded = match target.ask(&Query::Settings, &world.cx()).await {
            Ok(answer) => done(answer),
            Err(failure) => Err(failure),
        };
        match recorded {
            Ok(Report::Settings(Some(settings))) => world.environment.settings = *settings,
            // Nothing was ever confirmed here: what is usual holds.
            Ok(_) => {}
            Err(failure) => {
                world.environment.settings.keep = u32::MAX;
                let what =
                    format!("what the live release recorded cannot be read, so all releases stay: {}", failure.what);
                world.events.tell(Some(target.label()), Fact::Warned(what));
            }
        }
    }
    World::close(&fleet).await;
}
