//! The steps of the demo, each through the same verbs that a person uses.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rollback_deploy_core::file::load;
use rollback_deploy_core::model::{Failure, Label, Outcome};
use tokio::time::{Instant, sleep};

use super::sample::Sample;
use super::say;
use super::traffic::Traffic;
use crate::cli::place::{self, DEPLOY_FILE};
use crate::engine::Events;
use crate::engine::perform::Stop;
use crate::hello::hello;
use crate::transport::Link;
use crate::transport::local::LocalLink;
use crate::verb::fetch::Sources;
use crate::verb::rollback::To;
use crate::verb::{self, World};

/// How long the demo waits for the host to settle itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// A line of the table.
pub(super) struct Row {
    pub(super) what: String,
    pub(super) live: String,
    pub(super) took: Duration,
    pub(super) failed: u64,
    pub(super) right: bool,
}

/// What all steps use.
pub(super) struct Steps<'a> {
    sample: &'a Sample,
    traffic: &'a Traffic,
    stop: &'a Stop,
}

impl<'a> Steps<'a> {
    pub(super) fn new(sample: &'a Sample, traffic: &'a Traffic, stop: &'a Stop) -> Self {
        Self { sample, traffic, stop }
    }

    /// A deploy that works.
    pub(super) async fn deploy(&self, version: &str, what: &str) -> Result<Row, Failure> {
        say(&format!("→ {what}: {version}"));
        let (began, before) = (Instant::now(), self.traffic.failed());
        let outcome = self.run_deploy(version).await?;
        self.traffic.open();
        Ok(self.row(format!("{what}: {version} confirmed"), version, began, before, outcome == Outcome::Done))
    }

    /// A deploy whose health check says no: it goes back by itself.
    pub(super) async fn bad(&self, version: &str, back: &str) -> Result<Row, Failure> {
        say(&format!("→ a bad version: {version}, whose health check says no"));
        let (began, before) = (Instant::now(), self.traffic.failed());
        let outcome = self.run_deploy(version).await?;
        Ok(self.row(
            format!("bad deploy: {version} went back by itself"),
            back,
            began,
            before,
            outcome == Outcome::Failed,
        ))
    }

    /// A rollback on request.
    pub(super) async fn rollback(&self, to: &str) -> Result<Row, Failure> {
        say("→ a rollback on request, to the previous proven release");
        let (began, before) = (Instant::now(), self.traffic.failed());
        let outcome = verb::rollback::rollback(&self.world()?, &To::default()).await.outcome;
        Ok(self.row(format!("rollback on request: {to} confirmed"), to, began, before, outcome == Outcome::Done))
    }

    /// The runner dies in mid-deploy: nobody confirms, and the host goes back by itself.
    pub(super) async fn killed_runner(&self, version: &str, back: &str) -> Result<Row, Failure> {
        say(&format!("→ a deploy of {version} whose runner is killed right after the switch"));
        let before = self.traffic.failed();
        let cannot = |error: std::io::Error| Failure::failed("the runner cannot be started").because(error.to_string());
        let mut runner = Command::new(self.sample.program())
            .args(["--quiet", "--file", DEPLOY_FILE, "deploy", version])
            .current_dir(self.sample.repository())
            // It cannot tidy up after itself when it is killed.
            .env("TMPDIR", self.sample.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(cannot)?;
        let switched = self.until_live(version).await;
        let killed = runner.kill();
        let _reaped = runner.wait();
        let began = Instant::now();
        let healed = switched && killed.is_ok() && self.until_settled(back).await;
        Ok(self.row(format!("runner killed: the host went back to {back} alone"), back, began, before, healed))
    }

    fn row(&self, what: String, live: &str, began: Instant, before: u64, right: bool) -> Row {
        let right = right && self.live().as_deref() == Some(live);
        let what = if right { what } else { format!("NOT AS IT SHOULD BE: {what}") };
        let live = self.live().unwrap_or_else(|| "nothing".to_owned());
        Row { what, live, took: began.elapsed(), failed: self.traffic.failed() - before, right }
    }

    /// Which release the live link leads to.
    fn live(&self) -> Option<String> {
        let target = std::fs::read_link(self.sample.root().join("current")).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    async fn until_live(&self, version: &str) -> bool {
        self.until(|| self.live().as_deref() == Some(version)).await
    }

    async fn until_settled(&self, version: &str) -> bool {
        let state = self.sample.root().join(".rollback-deploy");
        let open = || ["pending", "aborting"].iter().any(|name| state.join(name).exists());
        self.until(|| self.live().as_deref() == Some(version) && !open()).await
    }

    async fn until(&self, holds: impl Fn() -> bool) -> bool {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && self.stop.signal().is_none() {
            if holds() {
                return true;
            }
            sleep(Duration::from_millis(20)).await;
        }
        false
    }

    async fn run_deploy(&self, version: &str) -> Result<Outcome, Failure> {
        let world = self.world()?;
        let sources = Sources {
            workspace: self.sample.repository(),
            git_environment: crate::cli::git_environment(),
            #[cfg(feature = "github")]
            github: None,
            git: Some(".".to_owned()),
            event: None,
        };
        let prefix = world.environment.tag_prefix.clone();
        let tree = sources.fetch(&world.environment.source, &prefix, Some(version)).await?;
        Ok(verb::deploy::deploy(&world, Arc::new(tree)).await.outcome)
    }

    fn world(&self) -> Result<World, Failure> {
        let path = self.sample.repository().join(DEPLOY_FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::bug(error.to_string()))?;
        let first = |failures: Vec<Failure>| {
            failures.into_iter().next().unwrap_or_else(|| Failure::bug("the demo's deploy file"))
        };
        let environment = load(&text, DEPLOY_FILE).and_then(|file| file.environment(None)).map_err(first)?;
        let label = Label::new("this-machine").map_err(|error| Failure::bug(error.to_string()))?;
        let link = LocalLink::new(self.sample.program().to_owned(), environment.settings.root.clone(), hello());
        let allow = environment.allow.clone();
        let links: Vec<(Label, Arc<dyn Link>)> = vec![(label, Arc::new(link))];
        // Its own lines are all that the demo shows.
        let events = Events::new(Vec::new());
        Ok(World { environment, links, by: place::who(), allow, events, stop: self.stop.clone() })
    }
}
