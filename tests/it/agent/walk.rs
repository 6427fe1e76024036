//! One act interrupted at one system call, then recovery, then the next deploy: every time exactly the old release
//! serves, or exactly the new one.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use rollback_deploy_core::model::{Migrate, Proof, ReleaseId, SchemaVerdict, Seconds, Service, TxnId};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Report, Request, Staging};

use super::root::{Files, Root, abort_act, done, files, fresh_txn, kill};
use super::trace::{self, Injection, Plain};

/// What is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Recover,
    Stage,
    Begin,
    Arm,
    Migrate,
    Activate,
    Verify,
    Confirm,
    Prune,
    Abort,
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
        root.deploy("r1");
        root.deploy("r2");
        let old = root.deploy("v1");
        // One that prune may take away: it failed once, so it is not "staged within a day".
        let spare = root.stage("r0");
        let txn = root.open(&root.intent(&spare));
        root.abort(&txn);
        root.await_that("the watchdog ends", || !root.has_watchdog());
        let new = root.stage("v2");
        let bench = Self { root, old, new };
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
            Op::Abort => {
                root.switched(&intent);
                act(abort_act(&txn, Fault::World))
            }
        }
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
        let mut agent = self.root.agent_by(trace::plainly(&self.root, &prefix));
        let answer = self.send(&mut agent, &job);
        assert!(matches!(answer, Some(Answer::Done(_) | Answer::Undone(_))), "{op:?}: {answer:?}");
        // The tracer would wait for the watchdog and the app: it is asked to leave them alone.
        let tracer = i32::try_from(agent.pid()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(tracer, rustix::process::Signal::TERM).unwrap();
        agent.leave();
        trace::read(&self.root, &prefix)
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
        let mut agent = root.agent_by(trace::with_fault(root, injection, &log));
        let first = self.send(&mut agent, &job);
        agent.leave();
        if !trace::fired(&log) {
            return Ok(None);
        }
        if nobody {
            self.left_alone()?;
        } else {
            self.taken_up(&job)?;
        }
        let ended = self.settled()?;
        match &first {
            Some(Answer::Done(report)) if matches!(**report, Report::Confirmed(_)) && ended == "old" => {
                return Err(format!("it was told as confirmed: {report:?}"));
            }
            Some(Answer::Undone(ending)) if ended == "new" => return Err(format!("it was told as undone: {ending:?}")),
            _ if ended == "new" && op != Op::Confirm => return Err("nobody confirmed it".to_owned()),
            _ => {}
        }
        self.told_again(&job, ended)?;
        self.goes_on(ended)?;
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
        let answer = self.again(job);
        if !matches!(answer, Answer::Done(_) | Answer::Undone(_)) {
            return Err(format!("said again: {answer:?}"));
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
    fn settled(&self) -> Result<&'static str, String> {
        let old = self.root.serves(Some(&self.old));
        let ended = match (&old, self.root.serves(Some(&self.new))) {
            (Ok(()), _) => "old",
            (_, Ok(())) => "new",
            (Err(what), _) => return Err(what.clone()),
        };
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
    fn goes_on(&self, ended: &str) -> Result<(), String> {
        let root = &self.root;
        done(root.act(Act::Recover { allow: Vec::new() }));
        let next = if ended == "new" { &self.old } else { &self.new };
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

/// Which cases of one act, call and fault: some, or the first, the second … until it does not come about any more.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) op: Op,
    pub(crate) call: String,
    pub(crate) fault: &'static str,
    pub(crate) nths: Option<Vec<usize>>,
}

/// More than any act has calls of one name.
const MOST: usize = 400;

/// What came of them, as a table; and what went wrong.
pub(crate) fn run(walks: Vec<Walk>, workers: usize) -> (String, Vec<String>) {
    let queue = Mutex::new(VecDeque::from(walks));
    let table: Mutex<BTreeMap<(Op, String, &str), BTreeMap<String, usize>>> = Mutex::default();
    let wrong: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let bench = Bench::new();
                loop {
                    let next = queue.lock().unwrap().pop_front();
                    let Some(walk) = next else { return };
                    let mut came = BTreeMap::new();
                    let mut failed = walk_through(&bench, &walk, &mut came);
                    if came.is_empty() && failed.is_empty() {
                        failed.push(format!("{walk:?}: the fault never came about, although there are such calls"));
                    }
                    table.lock().unwrap().insert((walk.op, walk.call.clone(), walk.fault), came);
                    wrong.lock().unwrap().extend(failed);
                }
            });
        }
    });
    let mut text = format!("{:<9} {:<16} {:<13} outcomes (answer, who serves)\n", "act", "call", "fault");
    let mut all = 0;
    for ((op, call, fault), came) in table.into_inner().unwrap() {
        let counts: Vec<String> = came.iter().map(|(ended, count)| format!("{ended} × {count}")).collect();
        all += came.values().sum::<usize>();
        let _infallible = writeln!(text, "{:<9} {call:<16} {fault:<13} {}", format!("{op:?}"), counts.join("; "));
    }
    let wrong = wrong.into_inner().unwrap();
    let _infallible = writeln!(text, "{all} faults, {} wrong", wrong.len());
    (text, wrong)
}

fn walk_through(bench: &Bench, walk: &Walk, came: &mut BTreeMap<String, usize>) -> Vec<String> {
    let mut wrong = Vec::new();
    let all: Vec<usize> = walk.nths.clone().unwrap_or_else(|| (1..=MOST).collect());
    for nth in all {
        let injection = Injection { call: walk.call.clone(), fault: walk.fault, nth };
        // Every other time nobody comes back.
        match bench.case(walk.op, &injection, nth % 2 == 1) {
            Ok(Some(ended)) => *came.entry(ended).or_default() += 1,
            Ok(None) if walk.nths.is_some() => {}
            Ok(None) => break,
            Err(what) => {
                *came.entry("WRONG".to_owned()).or_default() += 1;
                wrong.push(format!("{:?} {} {} #{nth}: {what}", walk.op, walk.call, walk.fault));
            }
        }
    }
    wrong
}

/// The plain trace of each act: which changing calls its main thread makes. Other threads may make none.
pub(crate) fn changing_calls(ops: &[Op]) -> BTreeMap<Op, BTreeMap<String, Vec<usize>>> {
    let bench = Bench::new();
    let mut all = BTreeMap::new();
    for op in ops {
        let plain = bench.plain(*op);
        assert!(plain.others.is_empty(), "{op:?}: threads besides the main one change the disk: {:#?}", plain.others);
        assert!(!plain.main.is_empty() || *op == Op::Verify, "{op:?}: no changing call was seen");
        all.insert(*op, plain.main);
    }
    all
}
