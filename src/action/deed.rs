//! The verbs, as the action calls them: environment and links from inputs and deploy file, then the verb itself.

use std::ffi::OsString;
use std::sync::Arc;

use async_trait::async_trait;
use rollback_deploy_core::file::Environment;
use rollback_deploy_core::model::{Allow, Failure, Kind, Label, LogSource, Open, Operation, Outcome, Place, Proof};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::plan::version::{RefType, RunEvent, refuse_event};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Logs, Query, Report, SetupMode};
use secrecy::{ExposeSecret as _, SecretString};

use super::context::{Context, GitRef, Network, Visibility};
use super::mine::Mine;
use super::{Deed, backup, config};
use crate::github::settings::Patience;
use crate::github::{Client, Repository, Settings};
use crate::hello::hello;
use crate::target::{Cx, Target, by};
use crate::transport::Link;
use crate::transport::key;
use crate::transport::programs::Programs;
use crate::transport::ssh::{Login, SshRun, SshWish};
use crate::verb::fetch::Sources;
use crate::verb::rollback::To;
use crate::verb::settle::Decision;
use crate::verb::world::done;
use crate::verb::{self, Ended, Stage, Verb, Wish, World};

/// What the image lacks nothing for.
#[derive(Debug, Clone, Copy)]
pub struct Deeds;

#[async_trait]
impl Deed for Deeds {
    async fn run(&self, wish: Wish, github: Context, stage: Stage) -> Ended {
        match perform(&wish, &github, &stage).await {
            Ok(ended) => ended,
            Err(failures) => told(&stage, failures),
        }
    }

    async fn settle(&self, wish: Wish, github: Context, mine: Mine, stage: Stage) -> Ended {
        match settle(&wish, &github, &mine, &stage).await {
            Ok(ended) => ended,
            // A runner that delivers no state may deliver less than the whole environment too (act leaves the token
            // out). A step that went well must not be red because its post step could not look.
            Err(failures)
                if mine.word().is_none() && failures.iter().all(|failure| failure.outcome() == Outcome::Input) =>
            {
                for failure in failures {
                    let text = format!(
                        "the post step could not look at the hosts, whose watchdogs settle what is open: {}",
                        failure.what
                    );
                    stage.events.tell(None, Fact::Warned(text));
                }
                Ended::new(Outcome::Done)
            }
            Err(failures) => told(&stage, failures),
        }
    }
}

fn told(stage: &Stage, failures: Vec<Failure>) -> Ended {
    let worst = failures.iter().map(Failure::outcome).max_by_key(|outcome| outcome.severity());
    for failure in failures {
        stage.events.tell(None, Fact::Failed(failure));
    }
    Ended::new(worst.unwrap_or(Outcome::Bug))
}

/// A world, and what the report says of where it came from.
struct Ready {
    world: World,
    config: String,
    api: Api,
    event: RunEvent,
}

/// GitHub, as this run sees it.
struct Api {
    client: Client,
    repository: Option<Repository>,
}

impl Api {
    fn new(wish: &Wish, github: &Context) -> Result<Self, Failure> {
        let client = Client::new(&settings(wish, github)?)?;
        let repository = github.repository.as_deref().map(Repository::new).transpose()?;
        Ok(Self { client, repository })
    }
}

/// The lines of the key as ssh will read them: pasted in another form they are not those that were masked so far.
fn learn_key(wish: &Wish, stage: &Stage) {
    if let Some(Ok(key)) = wish.key.as_ref().map(key::normalise) {
        stage.secrets.learn(key.text.expose_secret());
    }
}

async fn ready(wish: &Wish, github: &Context, stage: &Stage) -> Result<Ready, Vec<Failure>> {
    let one = |failure: Failure| vec![failure];
    let event = run_event(github);
    refuse_event(&event).map_err(one)?;
    learn_key(wish, stage);
    let api = Api::new(wish, github).map_err(one)?;
    let stop = stage.stop.clone();
    let reading = config::environment(wish, github, &api.client, api.repository.as_ref());
    let (mut environment, config) = stop.or_cancelled(reading).await.map_err(one)??;
    environment.settings.repository.clone_from(&github.repository);
    let links = links(wish, &environment).await.map_err(one)?;
    let mut allow: Vec<Allow> = environment.allow.iter().chain(&wish.allow).copied().collect();
    allow.sort_unstable();
    allow.dedup();
    let world = World { environment, links, by: wish.by.clone(), allow, events: stage.events.clone(), stop };
    Ok(Ready { world, config, api, event })
}

/// What started the run. Also without a commit: whether it may deploy at all depends on the event alone.
fn run_event(github: &Context) -> RunEvent {
    let (ref_type, ref_name) = match &github.git_ref {
        GitRef::Tag(name) => (Some(RefType::Tag), name.clone()),
        GitRef::Branch(name) => (Some(RefType::Branch), name.clone()),
        GitRef::Other => (None, String::new()),
    };
    let sha = github.sha.clone();
    RunEvent { name: github.event.clone(), ref_type, ref_name, sha, started_by: github.started_by.clone() }
}

fn settings(wish: &Wish, github: &Context) -> Result<Settings, Failure> {
    let api = if github.api_url.is_empty() { "https://api.github.com" } else { &github.api_url };
    let api = api.parse().map_err(|_| {
        Failure::input("the address of GitHub's API is not valid").at(Place::Input("GITHUB_API_URL".into()))
    })?;
    Ok(Settings {
        api,
        token: wish.token.clone(),
        ca: github.network.ca_file.clone(),
        proxies: github.network.proxies(),
        patience: Patience::default(),
    })
}

async fn links(wish: &Wish, environment: &Environment) -> Result<Vec<(Label, Arc<dyn Link>)>, Failure> {
    let key = wish.key.clone().ok_or_else(|| {
        Failure::input("key is missing: without it no host can be reached")
            .at(Place::Input("key".into()))
            .hint("Give the private key as a secret: `key: ${{ secrets.DEPLOY_KEY }}`.")
    })?;
    if environment.hosts.is_empty() {
        return Err(Failure::input("hosts is missing: the action does not deploy to the runner itself")
            .at(Place::Input("hosts".into()))
            .hint("Name them in the deploy file, or as `hosts: web-1=deploy@192.0.2.10`."));
    }
    let own = std::env::current_exe()
        .map_err(|error| Failure::bug("our own program is not known").because(error.to_string()))?;
    let programs = Arc::new(Programs::find(&own, &[])?);
    let run = SshRun::prepare(SshWish {
        login: Login::Key { key, passphrase: wish.passphrase.clone() },
        hosts: environment.hosts.clone(),
        jump: environment.jump_host.clone(),
        user: wish.simple.user.clone(),
        known_hosts: environment.known_hosts.clone(),
    })
    .await?;
    let root = &environment.settings.root;
    environment
        .hosts
        .iter()
        .map(|host| {
            let link = run.link(&host.label, root.clone(), programs.clone(), hello())?;
            Ok((host.label.clone(), Arc::new(link) as Arc<dyn Link>))
        })
        .collect()
}

async fn perform(wish: &Wish, github: &Context, stage: &Stage) -> Result<Ended, Vec<Failure>> {
    match wish.verb {
        Verb::Validate => {
            let api = Api::new(wish, github).map_err(|failure| vec![failure])?;
            return config::validate(wish, github, &api.client, api.repository.as_ref()).await;
        }
        Verb::Init => {
            return Err(vec![
                Failure::input("init writes files into a repository: it is a verb of the command line")
                    .at(Place::Input("action".into()))
                    .hint("Run `rollback-deploy init` in a clone of the repository."),
            ]);
        }
        _ => {}
    }
    let ready = ready(wish, github, stage).await?;
    let world = &ready.world;
    let mut ended = Ended::new(Outcome::Done);
    ended.outcome = match wish.verb {
        Verb::Deploy | Verb::Plan => {
            let sources = sources(&ready, github);
            let environment = &world.environment;
            let fetching = sources.fetch(&environment.source, &environment.tag_prefix, wish.version.as_deref());
            let fetched = world.stop.or_cancelled(fetching).await.and_then(|fetched| fetched);
            let tree = Arc::new(fetched.map_err(|failure| vec![failure])?);
            if wish.verb == Verb::Plan {
                verb::plan::plan(world, tree).await.outcome
            } else {
                let concluded = verb::deploy::deploy(world, tree.clone()).await;
                if concluded.outcome == Outcome::Done {
                    backup::keep(world, &concluded, github, &mut ended).await;
                }
                concluded.outcome
            }
        }
        Verb::Rollback => {
            let version = wish.version.clone().filter(|version| version != "previous");
            verb::rollback::rollback(world, &To { version, with_env: wish.with_env }).await.outcome
        }
        Verb::Status => look(world, Query::Status).await,
        Verb::List => look(world, Query::List).await,
        Verb::History => look(world, Query::History { limit: 50 }).await,
        Verb::Health => look(world, Query::Health).await,
        Verb::Logs => {
            not_for_everybody(github).map_err(|failure| vec![failure])?;
            look(world, Query::Logs(Logs { sources: Vec::<LogSource>::new(), lines: 200, follow: false })).await
        }
        Verb::Prune => verb::settle::settle(world, Decision::Prune).await.outcome,
        Verb::Confirm => verb::settle::settle(world, Decision::Confirm).await.outcome,
        Verb::Abort => verb::settle::settle(world, Decision::Abort).await.outcome,
        Verb::Setup => verb::setup::setup(world, SetupMode::Apply).await.outcome,
        Verb::Validate | Verb::Init => Outcome::Bug,
    };
    ended.app = Some(world.environment.settings.app.clone());
    ended.environment = Some(world.environment.name.clone());
    ended.allow.clone_from(&world.allow);
    ended.config = Some(ready.config);
    Ok(ended)
}

async fn look(world: &World, query: Query) -> Outcome {
    let word = match &query {
        Query::Status => "status",
        Query::List => "list",
        Query::History { .. } => "history",
        Query::Health => "health",
        _ => "logs",
    };
    verb::look::look(world, word, &query).await.outcome
}

/// The log of a public repository's run is public: what services write is not.
fn not_for_everybody(github: &Context) -> Result<(), Failure> {
    if github.visibility == Visibility::Closed {
        return Ok(());
    }
    let what =
        "the repository is public (or it is not known whether it is), so everybody could read the hosts' logs here";
    Err(Failure::refused(what)
        .at(Place::Input("action".into()))
        .hint("Read them from your machine: `rollback-deploy logs`."))
}

fn sources(ready: &Ready, github: &Context) -> Sources {
    Sources {
        workspace: github.workspace.clone().unwrap_or_else(|| ".".into()),
        git_environment: git_environment(&github.network),
        github: ready.api.repository.clone().map(|repository| (ready.api.client.clone(), repository)),
        git: None,
        event: Some(ready.event.clone()),
    }
}

/// How git reaches the network, as our own requests do; nothing else of the runner's environment.
fn git_environment(network: &Network) -> Vec<(OsString, OsString)> {
    let secret = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().into());
    let ca = network.ca_file.as_ref().map(OsString::from);
    let known = [
        ("https_proxy", secret(&network.https_proxy)),
        ("http_proxy", secret(&network.http_proxy)),
        ("no_proxy", network.no_proxy.as_ref().map(OsString::from)),
        ("SSL_CERT_FILE", ca),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name.into(), value?))).collect()
}

/// The post step: finishes or undoes what a cancelled main step left open, and touches nobody else's change.
async fn settle(wish: &Wish, github: &Context, mine: &Mine, stage: &Stage) -> Result<Ended, Vec<Failure>> {
    let ready = ready(wish, github, stage).await?;
    let world = &ready.world;
    world.events.tell(None, Fact::Began { verb: "abort".to_owned(), version: None });
    let fleet = world.fleet(None);
    let mut worst = Outcome::Done;
    for target in fleet.values() {
        let outcome = match settle_one(world, target.as_ref(), mine).await {
            Ok(outcome) => outcome,
            Err(failure) => world.fail(Some(target.label()), failure),
        };
        if outcome.severity() > worst.severity() {
            worst = outcome;
        }
    }
    World::close(&fleet).await;
    let mut ended = Ended::new(worst);
    ended.app = Some(world.environment.settings.app.clone());
    ended.environment = Some(world.environment.name.clone());
    ended.config = Some(ready.config);
    Ok(ended)
}

async fn settle_one(world: &World, target: &dyn Target, mine: &Mine) -> Result<Outcome, Failure> {
    let cx = world.cx();
    let Report::Status(status) = done(target.ask(&Query::Status, &cx).await?)? else {
        return Err(Failure::bug("the answer to status does not fit"));
    };
    let Some(open) = status.open.filter(|open| mine.is(&open.by) && !open.held) else { return Ok(Outcome::Done) };
    if open.operation == Operation::Rollback && open.switched && !open.aborting {
        return keep(&cx, target, &open).await;
    }
    let why = "the step that opened it was cancelled or killed".to_owned();
    let act = Act::Abort { txn: Some(open.txn), why, fault: Fault::World };
    let answer = target.perform(&act, &cx).await?;
    cx.events.tell(Some(target.label()), Fact::Answered(Box::new(act), Box::new(answer.clone())));
    match answer {
        Answer::Undone(ending) if ending.healthy => Ok(Outcome::Done),
        Answer::Undone(ending) => Err(Failure::new(Kind::FailedBack, ending.why)),
        other => done(other).map(|_| Outcome::Done),
    }
}

/// A rollback that is switched is never taken back to the release a person wanted to leave: what works is made
/// permanent, anything else is left to the host, which keeps what works by itself.
async fn keep(cx: &Cx, target: &dyn Target, open: &Open) -> Result<Outcome, Failure> {
    let mut results = Vec::new();
    for act in [Act::Activate(open.txn.clone()), Act::Verify(open.txn.clone())] {
        cx.events.tell(Some(target.label()), Fact::Started(Box::new(act.clone())));
        let answer = target.perform(&act, cx).await?;
        cx.events.tell(Some(target.label()), Fact::Answered(Box::new(act), Box::new(answer.clone())));
        match answer {
            Answer::Done(report) => match *report {
                Report::Activated { proofs, .. } => results.extend(proofs),
                Report::Checked(checked) => results.extend(checked),
                Report::Confirmed(_) => return Ok(Outcome::Done),
                _ => return Err(left_to_the_host(open)),
            },
            Answer::Undone(ending) if !ending.healthy => return Err(Failure::new(Kind::FailedBack, ending.why)),
            _ => return Err(left_to_the_host(open)),
        }
    }
    let Some(proof) = Proof::by_verdict(&open.txn, &results) else { return Err(left_to_the_host(open)) };
    cx.events.tell(Some(target.label()), Fact::Confirming);
    let answer = target.confirm(proof, cx).await?;
    cx.events.tell(Some(target.label()), Fact::Confirmed(Box::new(answer.clone())));
    done(answer).map(|_| Outcome::Done)
}

fn left_to_the_host(open: &Open) -> Failure {
    let what = format!(
        "the rollback to {} was cut off after its switch: the host keeps what works, and settles itself by {}",
        open.release,
        by(open.settles_in)
    );
    Failure::new(Kind::Unknown { settles_in: Some(open.settles_in) }, what).hint("`status` shows how it ended.")
}

#[cfg(test)]
#[path = "deed_tests.rs"]
mod tests;
