//! What runs: the bridge from a change to services, proof and checks. Every question goes by the release's own record.

use std::path::PathBuf;

use rollback_deploy_core::model::facts::SetupState;
use rollback_deploy_core::model::{
    AbsPath, CheckFrom, CheckResult, Failure, LogSource, Question, ReleaseId, Seconds, Service, Settings, Story,
    Verdict,
};

use super::cx::Cx;
use super::privileged::Privileged;
use super::services::{self, ServiceCx};
use super::store;
use crate::ask::command::{Spec, take};
use crate::ask::{self, Hands as _, Place, ProcessInfo, Since};
use crate::root::Verb;

/// How long a status command may take while evidence is saved.
const STATUS_LIMIT: Seconds = Seconds(2);

/// The surroundings of a release's services.
struct Release {
    folder: PathBuf,
    privileged: Privileged,
}

impl Release {
    fn of(cx: Cx<'_>, story: &Story) -> Self {
        Self { folder: store::folder(cx.state, &story.id), privileged: Privileged::new(&story.settings) }
    }

    fn services<'a>(
        &'a self,
        story: &'a Story,
        switched: Option<&'a Since>,
        cancelled: &'a dyn Fn() -> bool,
        say: &'a dyn Fn(&str),
    ) -> ServiceCx<'a> {
        ServiceCx {
            settings: &story.settings,
            release_dir: &self.folder,
            version: story.info.version.as_str(),
            switched,
            privileged: &self.privileged,
            cancelled,
            say,
        }
    }

    fn place<'a>(&'a self, cx: &Cx<'a>, story: &'a Story, since: Option<&'a Since>) -> Place<'a> {
        let version = story.info.version.as_str();
        Place { root: cx.state.root(), live: &self.folder, version, since, hands: &self.privileged }
    }
}

/// Lets the services of a release take it.
///
/// # Errors
/// A service does not start; what it said.
pub fn activate(cx: Cx<'_>, story: &Story, since: &Since, cancelled: &dyn Fn() -> bool) -> Result<(), Failure> {
    let release = Release::of(cx, story);
    services::activate(&release.services(story, Some(since), cancelled, &|line| cx.tell.step(line)))
}

/// Proves that what runs is this release; how, is named in each result.
#[must_use]
pub fn prove(cx: Cx<'_>, story: &Story, since: &Since, cancelled: &dyn Fn() -> bool) -> Vec<CheckResult> {
    let release = Release::of(cx, story);
    services::prove(&release.services(story, Some(since), cancelled, &|_| {}))
}

/// Asks the release's checks on this host; without any, whether its services are steady.
#[must_use]
pub fn check(cx: Cx<'_>, story: &Story, since: Option<&Since>, cancelled: &dyn Fn() -> bool) -> Vec<CheckResult> {
    let release = Release::of(cx, story);
    let place = release.place(&cx, story, since);
    let checks: Vec<_> = story.settings.checks.iter().filter(|check| check.from == CheckFrom::Host).collect();
    if checks.is_empty() {
        return services::steady(&release.services(story, since, cancelled, &|_| {}));
    }
    checks.into_iter().map(|check| ask::ask(check, &place, cancelled)).collect()
}

/// The same for a release that was just deployed: its services also have to stay up for a moment, whatever the checks
/// say. A release that dies right after its first answers would be confirmed otherwise.
#[must_use]
pub fn check_new(cx: Cx<'_>, story: &Story, since: &Since, cancelled: &dyn Fn() -> bool) -> Vec<CheckResult> {
    if !story.settings.checks.iter().any(|check| check.from == CheckFrom::Host) {
        return check(cx, story, Some(since), cancelled);
    }
    let release = Release::of(cx, story);
    let mut results = Vec::new();
    let mut ask = || {
        results = check(cx, story, Some(since), cancelled);
        results.iter().all(|result| result.verdict == Verdict::Pass)
    };
    let steady = services::steady_during(&release.services(story, Some(since), cancelled, &|_| {}), &mut ask);
    results.extend(steady);
    results
}

/// Asks each check once, without waiting for it to pass.
#[must_use]
pub fn check_once(cx: Cx<'_>, story: &Story, since: Option<&Since>) -> Vec<CheckResult> {
    let release = Release::of(cx, story);
    let place = release.place(&cx, story, since);
    let checks = story.settings.checks.iter().filter(|check| check.from == CheckFrom::Host);
    checks.map(|check| ask::ask_once(check, &place, &|| false)).collect()
}

/// Stops the services of a release: the undo of a first deploy.
///
/// # Errors
/// One of them does not stop.
pub fn stop(cx: Cx<'_>, story: &Story) -> Result<(), Failure> {
    stop_those(cx, story, &|_| true, &|| false)
}

/// Stops what a release that is left runs by commands of its own: nothing else would end it. A unit goes over to the
/// next release when that one is activated.
///
/// # Errors
/// One of them still runs.
pub fn stop_left(cx: Cx<'_>, left: &Story, next: &Story, cancelled: &dyn Fn() -> bool) -> Result<(), Failure> {
    stop_before(cx, left, &is_by_commands, next, cancelled)
}

/// The same before going back; units that only the undone release has are stopped too.
///
/// # Errors
/// One of them still runs.
pub fn stop_undone(cx: Cx<'_>, new: &Story, old: &Story) -> Result<(), Failure> {
    let stays = |service: &Service| old.settings.services.iter().any(|kept| kept.name() == service.name());
    stop_before(cx, new, &|service| is_by_commands(service) || !stays(service), old, &|| false)
}

fn is_by_commands(service: &Service) -> bool {
    matches!(service, Service::Commands { .. })
}

/// A status command may not know of which release the process is that it sees. So one counts as still running only when
/// it does so after those of the next release were stopped as well; that one is started afterwards.
fn stop_before(
    cx: Cx<'_>,
    left: &Story,
    wanted: &dyn Fn(&Service) -> bool,
    next: &Story,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    stop_those(cx, left, wanted, cancelled).or_else(|_| {
        let _tried = stop_those(cx, next, &is_by_commands, cancelled);
        stop_those(cx, left, wanted, cancelled)
    })
}

fn stop_those(
    cx: Cx<'_>,
    story: &Story,
    wanted: &dyn Fn(&Service) -> bool,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let mut those = story.clone();
    those.settings.services.retain(wanted);
    let release = Release::of(cx, &those);
    // Without a folder nothing was started there.
    if those.settings.services.is_empty() || !release.folder.is_dir() {
        return Ok(());
    }
    services::stop(&release.services(&those, None, cancelled, &|line| cx.tell.step(line)))
}

/// What would stop these services from being changed.
#[must_use]
pub fn obstacles(settings: &Settings, setup: SetupState) -> Vec<Failure> {
    services::inspect(settings, &Privileged::new(settings), setup)
}

/// Whether a process of somebody else still runs from a release that looks unused: any process where the root face
/// can say, else those of the live services.
#[must_use]
pub fn used_by_others(cx: Cx<'_>, id: &ReleaseId) -> Option<String> {
    // Cannot be read = in use.
    let unknown = |failure: Failure| Some(format!("what runs cannot be read: {}", failure.what));
    let live = match store::confirmed(cx.state) {
        Ok(live) => live?,
        Err(failure) => return unknown(failure),
    };
    let story = match store::story(cx.state, &live.release) {
        Ok(story) => story,
        Err(failure) => return unknown(failure),
    };
    let hands = Privileged::new(&story.settings);
    // Root sees every process, also a job that some other user started by hand or by cron.
    if let Ok(text) = hands.call(&Verb::Users)
        && let Ok(all) = serde_json::from_str::<Vec<ProcessInfo>>(&text)
    {
        return all.iter().find_map(|process| process.keeps(id.as_str()));
    }
    story.settings.services.iter().find_map(|service| {
        let Service::Systemd { unit, .. } = service else { return None };
        match hands.processes(unit) {
            Ok(processes) => processes
                .iter()
                .find_map(|process| process.keeps(id.as_str()))
                .map(|why| format!("{}: {why}", unit.full())),
            // Cannot be read = in use.
            Err(failure) => Some(format!("whether {} still uses it cannot be read: {}", unit.full(), failure.what)),
        }
    })
}

/// Removes what another user left in a release's folder, through the root face.
#[must_use]
pub fn prune_as_root(cx: Cx<'_>, id: &ReleaseId) -> bool {
    let Ok(Some(live)) = store::confirmed(cx.state) else { return false };
    let Ok(story) = store::story(cx.state, &live.release) else { return false };
    Privileged::new(&story.settings).call(&Verb::Prune(id.clone())).is_ok()
}

/// Everything that it takes to ask a release for evidence, whoever does it.
pub struct Witness {
    release: Release,
    story: Story,
    root: AbsPath,
}

impl Witness {
    /// Of this release.
    #[must_use]
    pub fn of(cx: Cx<'_>, story: &Story) -> Self {
        Self { release: Release::of(cx, story), story: story.clone(), root: cx.state.root().clone() }
    }

    /// What can be saved of a release before it is stopped: how its services stand, their logs, answers of its checks. Each part is
    /// told by name as it comes, until nobody listens any more.
    pub fn tell(&self, cancelled: &dyn Fn() -> bool, tell: &mut dyn FnMut(String, String)) {
        for service in &self.story.settings.services {
            if cancelled() {
                return;
            }
            match service {
                Service::Systemd { unit, .. } => {
                    let privileged = &self.release.privileged;
                    let status = privileged.call(&Verb::Status(unit.clone())).unwrap_or_else(|failure| failure.what);
                    tell(format!("status/{}.txt", unit.full()), status);
                    let journal = privileged.journal(unit, None, 200).unwrap_or_else(|failure| failure.what);
                    tell(format!("journal/{}.txt", unit.full()), journal);
                }
                Service::Commands { name, status, .. } => {
                    let spec = Spec::script(status).in_folder(&self.release.folder).within(STATUS_LIMIT);
                    let said = match take(&spec) {
                        Ok(ended) => format!("{}: it {}\n{}", status, ended.words(), ended.tail.expose()),
                        Err(error) => error.to_string(),
                    };
                    tell(format!("status/{name}.txt"), said);
                }
            }
        }
        for check in &self.story.settings.checks {
            if let Question::Errors { log: LogSource::File(file), .. } = &check.question
                && !cancelled()
            {
                let text = ask::errors::added(&self.release.folder.join(file), None);
                let name = file.trim_start_matches('/').replace('/', "_");
                tell(format!("files/{name}.txt"), text.unwrap_or_else(|error| error.to_string()));
            }
        }
        let version = self.story.info.version.as_str();
        let (live, hands) = (&self.release.folder, &self.release.privileged);
        let place = Place { root: &self.root, live, version, since: None, hands };
        let checks = self.story.settings.checks.iter().filter(|check| check.from == CheckFrom::Host);
        for (number, check) in checks.enumerate() {
            if cancelled() {
                return;
            }
            let result = ask::ask_once(check, &place, cancelled);
            let verdict = result.verdict.word();
            let text = format!("{} {}: {verdict} {}\n", result.word, result.subject, result.saw.expose());
            tell(format!("checks/{:02}.txt", number + 1), text);
        }
    }
}
