//! One act interrupted at one system call, then recovery, then the next deploy: every time exactly the old release
//! serves, or exactly the new one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use rollback_deploy_core::model::{Migrate, Proof, ReleaseId, SchemaVerdict, Seconds, Service, SharedPath, TxnId};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Report, Request, Staging};

use super::releases::rel;
use super::root::{Files, Root, abort_act, done, files, fresh_txn, kill};
use super::trace::{self, Injection, Plain};

/// What is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Recover,
    Stage,
    Begin,
    Arm,
    /// The keeper that the act starts: all that a migration changes, it changes.
    Migrate,
    Activate,
    Verify,
    Confirm,
    Prune,
    Abort,
    /// The same of a rollback that brings the environment file back with the release.
    BackBegin,
    BackActivate,
    BackAbort,
}

impl Op {
    /// Of a rollback to the release before the old one.
    pub(crate) fn goes_back(self) -> bool {
        matches!(self, Self::BackBegin | Self::BackActivate | Self::BackAbort)
    }
}

/// One request, ready to be sent.
struct Job {
    txn: TxnId,
    request: Request,
    staging: Option<(Staging, Files)>,
}

/// A host that was deployed to, and that is put back to that moment before each case.
pub(crate) struct Bench {
    root: Root,
    /// Proven before the old one, with an environment file of its own.
    before: ReleaseId,
    old: ReleaseId,
    new: ReleaseId,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mut root = Root::new();
        root.settings.keep = 1;
        root.settings.migrate = Some(Migrate {
            run: "echo migrated".to_owned(),
            verdict: SchemaVerdict::ExpandOnly,
            timeout: Seconds(10),
            head: None,
        });
        root.settings.shared = vec![SharedPath::File(rel(".env"))];
        root.settings.environment_file = Some(rel(".env"));
        root.settings.assets = vec![rel("lib")];
        fs::create_dir(root.path().join("shared")).unwrap();
        fs::write(root.path().join("shared/.env"), "OF=r2\n").unwrap();
        root.deploy("r1");
        let before = root.deploy("r2");
        fs::write(root.path().join("shared/.env"), "OF=v1\n").unwrap();
        let old = root.deploy("v1");
        // One that prune may take away: it failed once, so it is not "staged within a day".
        let spare = root.stage("r0");
        let txn = root.open(&root.intent(&spare));
        root.abort(&txn);
        root.await_that("the watchdog ends", || !root.has_watchdog());
        let new = root.stage("v2");
        let bench = Self { root, before, old, new };
        copy(&bench.root.path(), &bench.snapshot());
        bench
    }

    fn snapshot(&self) -> PathBuf {
        self.root.base().join("snapshot")
    }

    /// Back to the moment of the snapshot; the app is started anew.
    fn reset(&self) {
        for _ in 0..50 {
            let all = self.root.processes(|_, _| true);
            if all.is_empty() {
                break;
            }
            all.into_iter().for_each(kill);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        clear(&self.root.path());
        self.root.place_program();
        copy(&self.snapshot(), &self.root.path());
        let Service::Commands { start, .. } = &self.root.settings.services[0] else { panic!("its own commands") };
        let started = Command::new("sh").arg("-c").arg(start).current_dir(self.root.path().join("current")).status();
        assert!(started.unwrap().success());
        assert_eq!(self.root.runs().as_deref(), Some(self.old.as_str()));
    }

    /// Does what comes before an act.
    fn before(&self, op: Op) -> Job {
        let root = &self.root;
        if op.goes_back() {
            return self.before_going_back(op);
        }
        let schema = if op == Op::Migrate { SchemaVerdict::ExpandOnly } else { SchemaVerdict::None };
        let intent = rollback_deploy_core::wire::Intent { schema, ..root.intent(&self.new) };
        let txn = intent.txn.clone();
        let act = |act: Act| Job { txn: txn.clone(), request: Request::Act(act), staging: None };
        match op {
            Op::Recover => {
                root.switched(&intent);
                root.kill_watchdogs();
                root.expire();
                fs::create_dir(root.path().join("releases/half")).unwrap();
                fs::write(root.path().join("releases/half/file"), "x").unwrap();
                fs::write(root.state("releases/half.state"), "v=1\nstate=building\nend=1\n").unwrap();
                fs::write(root.state("lease.tmp.1.1"), "x").unwrap();
                act(Act::Recover { allow: Vec::new() })
            }
            Op::Stage => {
                let content = files("v3");
                let staging = root.staging("v3", &content);
                let request = Request::Act(Act::Prepare(Box::new(staging.clone())));
                Job { txn, request, staging: Some((staging, content)) }
            }
            Op::Begin => act(Act::Begin(Box::new(intent.clone()))),
            Op::Arm => {
                done(root.act(Act::Begin(Box::new(intent.clone()))));
                act(Act::Arm(txn.clone()))
            }
            Op::Migrate => {
                root.open(&intent);
                act(Act::Migrate(txn.clone()))
            }
            Op::Activate => {
                root.open(&intent);
                act(Act::Activate(txn.clone()))
            }
            Op::Verify => {
                root.switched(&intent);
                act(Act::Verify(txn.clone()))
            }
            Op::Confirm => {
                root.switched(&intent);
                let request = Request::Confirm(Proof::by_person(&txn, "a test"));
                Job { txn, request, staging: None }
            }
            Op::Prune => act(Act::Prune { keep: 1 }),
            Op::Abort | Op::BackBegin | Op::BackActivate | Op::BackAbort => {
                root.switched(&intent);
                act(abort_act(&txn, Fault::World))
            }
        }
    }

    fn before_going_back(&self, op: Op) -> Job {
        let root = &self.root;
        let intent = rollback_deploy_core::wire::Intent { with_env: true, ..root.rollback(&self.before) };
        let txn = intent.txn.clone();
        let act = match op {
            Op::BackBegin => Act::Begin(Box::new(intent)),
            Op::BackActivate => {
                root.open(&intent);
                Act::Activate(txn.clone())
            }
            _ => {
                root.switched(&intent);
                abort_act(&txn, Fault::World)
            }
        };
        Job { txn, request: Request::Act(act), staging: None }
    }

    /// What serves when the change came through.
    fn target(&self, op: Op) -> &ReleaseId {
        if op.goes_back() { &self.before } else { &self.new }
    }

    fn send(&self, agent: &mut super::client::Agent, job: &Job) -> Option<Answer> {
        match &job.staging {
            Some((staging, content)) => Root::stage_by(agent, staging, content),
            None => agent.ask(job.request.clone()),
        }
    }

    /// One act as it is, with all its threads traced.
    pub(crate) fn plain(&self, op: Op) -> Plain {
        self.reset();
        let job = self.before(op);
        let prefix = self.root.base().join("plain");
        if op == Op::Migrate {
            let ended = self.root.keeper_by(trace::plainly(&self.root, &prefix), &job.txn);
            assert!(matches!(ended, Some(Answer::Done(_))), "{ended:?}");
            return trace::read(&self.root, &prefix, "keeper");
        }
        let mut agent = self.root.agent_by(trace::plainly(&self.root, &prefix));
        let answer = self.send(&mut agent, &job);
        assert!(matches!(answer, Some(Answer::Done(_) | Answer::Undone(_))), "{op:?}: {answer:?}");
        // The tracer would wait for the watchdog and the app: it is asked to leave them alone.
        let tracer = i32::try_from(agent.pid()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(tracer, rustix::process::Signal::TERM).unwrap();
        agent.leave();
        let plain = trace::read(&self.root, &prefix, "agent");
        assert!(plain.threads > 2, "the threads of the wire are seen: {}", plain.threads);
        plain
    }

    /// One act with a fault. Nothing when the fault did not come about; otherwise how it ended.
    pub(crate) fn case(&self, op: Op, injection: &Injection, nobody: bool) -> Result<Option<String>, String> {
        let tried = catch_unwind(AssertUnwindSafe(|| self.tried(op, injection, nobody)));
        tried.unwrap_or_else(|panic| {
            let words = panic.downcast_ref::<String>().cloned();
            Err(words.or_else(|| panic.downcast_ref::<&str>().map(|&w| w.to_owned())).unwrap_or_default())
        })
    }

    fn tried(&self, op: Op, injection: &Injection, nobody: bool) -> Result<Option<String>, String> {
        let root = &self.root;
        self.reset();
        let job = self.before(op);
        let log = root.base().join("injected");
        let command = trace::with_fault(root, injection, &log);
        let first = if op == Op::Migrate {
            root.keeper_by(command, &job.txn)
        } else {
            let mut agent = root.agent_by(command);
            let first = self.send(&mut agent, &job);
            agent.leave();
            first
        };
        if !trace::fired(&log) {
            return Ok(None);
        }
        if nobody {
            self.left_alone()?;
        } else {
            self.taken_up(&job)?;
        }
        let ended = self.settled(self.target(op))?;
        match &first {
            Some(Answer::Done(report)) if matches!(**report, Report::Confirmed(_)) && ended == "old" => {
                return Err(format!("it was told as confirmed: {report:?}"));
            }
            Some(Answer::Undone(ending)) if ended == "new" => return Err(format!("it was told as undone: {ending:?}")),
            // A rollback that is switched is kept by the host itself, when its checks pass.
            _ if ended == "new" && op != Op::Confirm && !(op.goes_back() && nobody) => {
                return Err("nobody confirmed it".to_owned());
            }
            _ => {}
        }
        self.told_again(&job, ended)?;
        self.goes_on(self.target(op), ended)?;
        Ok(Some(format!("{} {ended}", word(first.as_ref()))))
    }

    /// Nobody comes back: the watchdog settles it; before there is one, the next run.
    fn left_alone(&self) -> Result<(), String> {
        let root = &self.root;
        root.expire();
        if root.has_watchdog() {
            root.await_settled();
        }
        match root.act(Act::Recover { allow: Vec::new() }) {
            Answer::Done(_) => Ok(()),
            other => Err(format!("the next run's recover: {other:?}")),
        }
    }

    /// The controller comes back, says the same again, and gives up when the change is still open.
    fn taken_up(&self, job: &Job) -> Result<(), String> {
        match self.again(job) {
            Answer::Done(_) | Answer::Undone(_) => {}
            // It was begun, and nobody knows how far it came: that is the truth, and it is not tried twice.
            Answer::Failed(failure) if failure.what.contains("died without saying how it ended") => {}
            answer => return Err(format!("said again: {answer:?}")),
        }
        if self.root.has("pending") || self.root.has("aborting") {
            match self.root.abort(&job.txn) {
                Answer::Undone(_) => {}
                other => return Err(format!("given up: {other:?}")),
            }
        }
        Ok(())
    }

    fn again(&self, job: &Job) -> Answer {
        let mut agent = self.root.agent();
        let answer = self.send(&mut agent, job).expect("an agent without a fault answers");
        agent.leave();
        answer
    }

    /// Exactly one of the two serves.
    fn settled(&self, target: &ReleaseId) -> Result<&'static str, String> {
        let old = self.root.serves(Some(&self.old));
        let ended = match (&old, self.root.serves(Some(target))) {
            (Ok(()), _) => "old",
            (_, Ok(())) => "new",
            (Err(what), _) => return Err(what.clone()),
        };
        let env = self.root.text("shared/.env");
        let wanted = if *target == self.before && ended == "new" { "OF=r2\n" } else { "OF=v1\n" };
        if env != wanted {
            return Err(format!("{ended} serves with the environment file {env:?}"));
        }
        let health = done(self.root.ask(Request::Ask(rollback_deploy_core::wire::Query::Health)));
        if super::root::all_pass(&health) { Ok(ended) } else { Err(format!("not healthy: {health:?}")) }
    }

    /// The interrupted act, once more: the truth.
    fn told_again(&self, job: &Job, ended: &str) -> Result<(), String> {
        let answer = self.again(job);
        let change = !matches!(job.request, Request::Act(Act::Recover { .. } | Act::Prune { .. } | Act::Prepare(_)));
        let opened_now = self.root.has("pending");
        let truth = match &answer {
            Answer::Done(report) if matches!(**report, Report::Confirmed(_)) => ended == "new",
            Answer::Done(_) => !change || opened_now,
            Answer::Undone(_) => ended == "old",
            // It never began here.
            Answer::Refused(_) => ended == "old" && change,
            _ => false,
        };
        if opened_now {
            self.root.abort(&job.txn);
        }
        if truth { Ok(()) } else { Err(format!("{ended} serves, and it says {answer:?}")) }
    }

    /// The next deploy works, and nothing of the interrupted one is left.
    fn goes_on(&self, target: &ReleaseId, ended: &str) -> Result<(), String> {
        let root = &self.root;
        done(root.act(Act::Recover { allow: Vec::new() }));
        let next = if ended == "new" { &self.old } else { target };
        let intent = rollback_deploy_core::wire::Intent { txn: fresh_txn(), ..root.intent(next) };
        root.complete(&intent);
        root.serves(Some(next))?;
        root.await_that("the watchdog ends", || !root.has_watchdog());
        done(root.act(Act::Recover { allow: Vec::new() }));
        let left = leftovers(root);
        if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?}")) }
    }
}

/// What no change needs any more.
pub(crate) fn leftovers(root: &Root) -> Vec<String> {
    let mut left = Vec::new();
    let folders = ["", ".rollback-deploy", ".rollback-deploy/releases", ".rollback-deploy/history", "shared"]
        .map(|name| root.path().join(name));
    for folder in folders.iter().chain([&root.state("agent"), &root.state("evidence"), &root.path().join("releases")]) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let known = ["lease", "held", "tick", "activated", "migration", "reason"].contains(&name.as_str());
            let ready = name.contains(".rollback-deploy.");
            if known
                || ready
                || name.contains(".tmp.")
                || name.contains("making")
                || name.contains("spare")
                || name == "half"
            {
                left.push(entry.path().display().to_string());
            }
        }
    }
    left
}

fn word(answer: Option<&Answer>) -> &'static str {
    match answer {
        None => "died,",
        Some(Answer::Done(_)) => "done,",
        Some(Answer::Undone(_)) => "undone,",
        Some(Answer::Busy(_)) => "busy,",
        Some(Answer::Held { .. }) => "held,",
        Some(Answer::Refused(_)) => "refused,",
        Some(Answer::Failed(_)) => "failed,",
    }
}

/// Everything but the programs.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.ends_with(".rollback-deploy") {
            clear(&path);
        } else if path.ends_with(".rollback-deploy/agent") {
        } else if entry.file_type().unwrap().is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
    }
}

/// Everything but the programs.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(from.metadata().unwrap().permissions().mode())).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            if !path.ends_with(".rollback-deploy/agent") && !path.ends_with("snapshot/.rollback-deploy/agent") {
                copy(&path, &target);
            }
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).unwrap(), &target).unwrap();
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
