//! A temporary root with a tiny app: a process whose folder is the live release, started and stopped by commands.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rollback_deploy_core::model::{
    AbsPath, Allow, AppName, Check, CheckFrom, Digest, Ending, Entry, EntryKind, EnvironmentName, Failure, Manifest,
    OnExpiry, Operation, Proof, Question, RelPath, ReleaseId, ReleaseInfo, ReleaseRow, SchemaVerdict, Seconds, Service,
    Settings, Source, Status, TxnId,
};
use rollback_deploy_core::wire::act::Fault;
use rollback_deploy_core::wire::{Act, Answer, Intent, Query, Report, Request, Staged, Staging};

pub(crate) use super::answer::{all_pass, done, failed, refused, staged, undone};
use super::client::Agent;

/// A root, and what runs from it. Everything is gone when it is dropped.
pub(crate) struct Root {
    base: tempfile::TempDir,
    /// How the app runs; tests change it before they stage.
    pub(crate) settings: Settings,
    mounted: bool,
}

/// The program, without what a debugger would need: every agent digests its own file first.
fn program() -> &'static (PathBuf, Digest) {
    static PROGRAM: OnceLock<(PathBuf, Digest)> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = Path::new(env!("CARGO_BIN_EXE_rollback-deploy"));
        let stripped = Path::new(env!("CARGO_TARGET_TMPDIR")).join("agent-level-program");
        let newer = |a: &Path, b: &Path| Some(a.metadata().ok()?.mtime() > b.metadata().ok()?.mtime());
        if newer(&stripped, built) != Some(true) {
            let making = stripped.with_extension(std::process::id().to_string());
            let made = Command::new("strip").arg("-o").arg(&making).arg(built).status();
            if !made.is_ok_and(|status| status.success()) {
                fs::copy(built, &making).unwrap();
            }
            fs::rename(&making, &stripped).unwrap();
        }
        let digest = Digest::of(&fs::read(&stripped).unwrap());
        (stripped, digest)
    })
}

/// A name for a change that no other test uses.
pub(crate) fn fresh_txn() -> TxnId {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    TxnId::new(format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))).unwrap()
}

pub(crate) fn id(name: &str) -> ReleaseId {
    ReleaseId::new(name).unwrap()
}

/// The files of a release.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn files(version: &str) -> Files {
    Files::from([
        ("VERSION".to_owned(), version.as_bytes().to_vec()),
        ("lib/code".to_owned(), format!("the code of {version}\n").into_bytes()),
        ("lib/same".to_owned(), b"the same in every release\n".to_vec()),
    ])
}

fn manifest(files: &Files) -> Manifest {
    let entry = |(path, content): (&String, &Vec<u8>)| Entry {
        path: RelPath::new(path.as_str()).unwrap(),
        kind: EntryKind::File { executable: false, size: content.len() as u64, sha256: Digest::of(content) },
    };
    Manifest::new(files.iter().map(entry).collect()).unwrap()
}

impl Root {
    pub(crate) fn new() -> Self {
        Self::prepared(|_| false)
    }

    /// On a file system of its own with so many MiB and inodes. Mounting needs root.
    pub(crate) fn on_a_small_disk(mib: u32, inodes: u32) -> Self {
        Self::prepared(|root| {
            let options = format!("size={mib}m,nr_inodes={inodes},mode=755");
            let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "small-disk"]).arg(root).status();
            assert!(mounted.is_ok_and(|status| status.success()), "a small disk cannot be mounted: this needs root");
            true
        })
    }

    fn prepared(on: impl FnOnce(&Path) -> bool) -> Self {
        let base = tempfile::Builder::new().prefix("agent-level-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = base.path().join("app");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let mounted = on(&root);
        let settings = settings(&root, &base.path().join("pid"));
        let made = Self { base, settings, mounted };
        made.place_program();
        made
    }

    /// As the bootstrap does: the program lies in the state folder, by its digest.
    pub(crate) fn place_program(&self) {
        let folder = self.state("agent");
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(self.state(""), fs::Permissions::from_mode(0o700)).unwrap();
        let (program, digest) = program();
        let at = folder.join(digest.to_string());
        // Never copied over a link to itself.
        if !at.exists() && fs::hard_link(program, &at).is_err() {
            fs::copy(program, &at).unwrap();
        }
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.state("agent").join(program().1.to_string())
    }

    /// The test's own folder: the root is `app` in it.
    pub(crate) fn base(&self) -> &Path {
        self.base.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.settings.root.as_path().to_owned()
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path().join(".rollback-deploy").join(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.state(name).symlink_metadata().is_ok()
    }

    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_default()
    }

    /// A new connection.
    pub(crate) fn agent(&self) -> Agent {
        self.agent_by(Command::new(self.program()))
    }

    /// A new connection to an agent that is started by something else.
    pub(crate) fn agent_by(&self, mut command: Command) -> Agent {
        command.arg("agent").arg(self.path()).env_remove("SSH_CONNECTION");
        if self.mounted {
            // A host's temporary folder is often on the very disk that is full.
            command.env("TMPDIR", self.path());
        }
        let log = fs::File::options().create(true).append(true).open(self.base().join("agent.log")).unwrap();
        command.stderr(log);
        Agent::start(command)
    }

    /// The keeper of a migration, to its end; nothing when it was killed.
    pub(crate) fn keeper_by(&self, mut command: Command, txn: &TxnId) -> Option<Answer> {
        let status = command.arg("keeper").arg(self.path()).arg(txn.as_str()).stderr(Stdio::null()).status().unwrap();
        status.code().map(|code| match code {
            0 => Answer::Done(Box::new(Report::Migrated { schema: SchemaVerdict::ExpandOnly, ran: true })),
            _ => Answer::Failed(Failure::failed("it said so by its exit code")),
        })
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, request: Request) -> Answer {
        let mut agent = self.agent();
        let answer = agent.ask(request).expect("the agent answers");
        agent.leave();
        answer
    }

    pub(crate) fn act(&self, act: Act) -> Answer {
        self.ask(Request::Act(act))
    }

    pub(crate) fn staging(&self, version: &str, files: &Files) -> Staging {
        Staging {
            info: ReleaseInfo {
                version: id(version),
                tag: None,
                commit: None,
                source: Source::Folder { path: ".".to_owned() },
            },
            settings: self.settings.clone(),
            manifest: manifest(files),
            by: "a test".to_owned(),
            allow: Vec::new(),
        }
    }

    /// Stages through this connection.
    pub(crate) fn stage_by(agent: &mut Agent, staging: &Staging, files: &Files) -> Option<Answer> {
        let entries = staging.manifest.entries().to_vec();
        agent.send_request(Request::Act(Act::Prepare(Box::new(staging.clone()))));
        agent.answer(&|index| files[entries[index as usize].path.as_str()].clone())
    }

    pub(crate) fn try_stage(&self, staging: &Staging, files: &Files) -> Answer {
        let mut agent = self.agent();
        let answer = Self::stage_by(&mut agent, staging, files).expect("the agent answers");
        agent.leave();
        answer
    }

    pub(crate) fn stage_files(&self, version: &str, files: &Files) -> Staged {
        staged(self.try_stage(&self.staging(version, files), files))
    }

    pub(crate) fn stage(&self, version: &str) -> ReleaseId {
        self.stage_files(version, &files(version)).release
    }

    pub(crate) fn intent(&self, release: &ReleaseId) -> Intent {
        Intent {
            txn: fresh_txn(),
            operation: Operation::Deploy,
            release: release.clone(),
            on_expiry: OnExpiry::Undo,
            schema: SchemaVerdict::None,
            window: Seconds(120),
            hard_limit: Seconds(600),
            with_env: false,
            by: "a test".to_owned(),
            allow: vec![Allow::WeakWatchdog],
        }
    }

    pub(crate) fn rollback(&self, release: &ReleaseId) -> Intent {
        Intent { operation: Operation::Rollback, on_expiry: OnExpiry::Keep, ..self.intent(release) }
    }

    /// Opens and arms a change.
    pub(crate) fn open(&self, intent: &Intent) -> TxnId {
        done(self.act(Act::Begin(Box::new(intent.clone()))));
        done(self.act(Act::Arm(intent.txn.clone())));
        intent.txn.clone()
    }

    /// Opens, arms and activates a change.
    pub(crate) fn switched(&self, intent: &Intent) -> TxnId {
        let txn = self.open(intent);
        done(self.act(Act::Migrate(txn.clone())));
        done(self.act(Act::Activate(txn.clone())));
        txn
    }

    pub(crate) fn confirm(&self, txn: &TxnId) -> Answer {
        self.ask(Request::Confirm(Proof::by_person(txn, "a test")))
    }

    pub(crate) fn abort(&self, txn: &TxnId) -> Answer {
        self.act(abort_act(txn, Fault::World))
    }

    /// A whole change, one connection an act.
    pub(crate) fn complete(&self, intent: &Intent) -> TxnId {
        let txn = self.switched(intent);
        let Report::Checked(results) = done(self.act(Act::Verify(txn.clone()))) else {
            panic!("verify answers checks")
        };
        let proof = Proof::by_verdict(&txn, &results).unwrap_or_else(|| panic!("not proven: {results:?}"));
        done(self.ask(Request::Confirm(proof)));
        done(self.act(Act::Prune { keep: self.settings.keep }));
        txn
    }

    /// Stages and deploys a version, with all that belongs to it.
    pub(crate) fn deploy(&self, version: &str) -> ReleaseId {
        done(self.act(Act::Recover { allow: Vec::new() }));
        let release = self.stage(version);
        self.complete(&self.intent(&release));
        self.assert_serves(Some(&release));
        release
    }

    pub(crate) fn status(&self) -> Status {
        match done(self.ask(Request::Ask(Query::Status))) {
            Report::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn list(&self) -> Vec<ReleaseRow> {
        match done(self.ask(Request::Ask(Query::List))) {
            Report::Releases(rows) => rows,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn row(&self, release: &ReleaseId) -> ReleaseRow {
        self.list().into_iter().find(|row| row.id == *release).expect("the release is listed")
    }

    /// The release that the app's process runs from.
    pub(crate) fn runs(&self) -> Option<String> {
        let pid = fs::read_to_string(self.base().join("pid")).ok()?;
        let cwd = fs::read_link(format!("/proc/{}/cwd", pid.trim())).ok()?;
        Some(cwd.strip_prefix(self.path().join("releases")).ok()?.to_str()?.to_owned())
    }

    /// Link, records, process and answers agree: this release serves and nothing is open.
    pub(crate) fn serves(&self, release: Option<&ReleaseId>) -> Result<(), String> {
        let status = self.status();
        let confirmed = status.confirmed.as_ref().map(|proven| proven.release.clone());
        let runs = self.runs();
        let wrong = [
            (status.open.is_some(), "a change is open"),
            (self.has("pending") || self.has("aborting"), "a record of an open change is left"),
            (confirmed.as_ref() != release, "another one is confirmed"),
            (status.link.as_ref() != release, "the link leads elsewhere"),
            (status.drift.is_some(), "there is drift"),
            (status.failed.is_some(), "a human is needed"),
            (runs.as_deref() != release.map(ReleaseId::as_str), "another process runs"),
        ];
        match wrong.iter().find(|(wrong, _)| *wrong) {
            Some((_, what)) => Err(format!("{what}; wanted {release:?}, {runs:?} runs, {status:#?}")),
            None => Ok(()),
        }
    }

    #[track_caller]
    pub(crate) fn assert_serves(&self, release: Option<&ReleaseId>) {
        if let Err(what) = self.serves(release) {
            panic!("{what}");
        }
    }

    /// Waits until nothing is open, with nobody connected: only the watchdog can have done it.
    #[track_caller]
    pub(crate) fn await_settled(&self) {
        self.await_that("nothing is open", || !self.has("pending") && !self.has("aborting"));
    }

    #[track_caller]
    pub(crate) fn await_that(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..900 {
            if is_so() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("not within 45 s: {what}; {}", fs::read_to_string(self.base().join("agent.log")).unwrap_or_default());
    }

    /// How the last undo ended.
    pub(crate) fn last_undo(&self) -> Ending {
        self.status().last_undo.expect("an undo ended")
    }

    /// As if the window had passed: the record says an earlier deadline, nothing else changes.
    pub(crate) fn expire(&self) {
        self.expire_under(&self.mutex());
    }

    /// The same, by whoever holds the mutex already.
    pub(crate) fn expire_under(&self, _mutex: &fs::File) {
        let Ok(text) = fs::read_to_string(self.state("pending")) else { return };
        let line = |line: &str| if line.starts_with("deadline=") { "deadline=1".to_owned() } else { line.to_owned() };
        let text: String = text.lines().map(|l| line(l) + "\n").collect();
        fs::write(self.state("pending.test"), text).unwrap();
        fs::rename(self.state("pending.test"), self.state("pending")).unwrap();
        for name in ["lease", "held"] {
            let _gone = fs::remove_file(self.state(name));
        }
    }

    /// The host's mutex, held by the test.
    pub(crate) fn mutex(&self) -> fs::File {
        let file = fs::File::options().read(true).write(true).create(true).truncate(false).open(self.state("mutex"));
        let file = file.unwrap();
        file.lock().unwrap();
        file
    }

    /// Processes of this root: the app, watchdogs, keepers, agents.
    pub(crate) fn processes(&self, wanted: impl Fn(&Path, &str) -> bool) -> Vec<u32> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let ours = ["cwd", "exe"].iter().find_map(|what| {
                let target = fs::read_link(entry.path().join(what)).ok()?;
                target.starts_with(self.base()).then_some(target)
            });
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            if ours.is_some_and(|target| wanted(&target, &command)) {
                found.push(pid);
            }
        }
        found
    }

    pub(crate) fn kill_watchdogs(&self) {
        for _ in 0..100 {
            let all = self.processes(|_, command| command.contains(" watchdog "));
            if all.is_empty() {
                return;
            }
            all.into_iter().for_each(kill);
            thread::sleep(Duration::from_millis(20));
        }
        panic!("a watchdog does not end");
    }

    pub(crate) fn has_watchdog(&self) -> bool {
        !self.processes(|_, command| command.contains(" watchdog ")).is_empty()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for _ in 0..50 {
            let all = self.processes(|_, _| true);
            if all.is_empty() {
                break;
            }
            all.into_iter().for_each(kill);
            thread::sleep(Duration::from_millis(20));
        }
        if self.mounted {
            let _unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        }
    }
}

pub(crate) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

pub(crate) fn abort_act(txn: &TxnId, fault: Fault) -> Act {
    Act::Abort { txn: Some(txn.clone()), why: "the test said so".to_owned(), fault }
}

/// How the app runs. Its process number lies outside the root, so that a full disk of the root is only ours to bear.
fn settings(root: &Path, pid: &Path) -> Settings {
    let pid = pid.display();
    let alive = format!("p=$(cat {pid}) && [ -e \"/proc/$p/cwd/.\" ]");
    Settings {
        app: AppName::new("diary").unwrap(),
        environment: EnvironmentName::new("test").unwrap(),
        repository: None,
        root: AbsPath::new(root.to_str().unwrap()).unwrap(),
        link: AbsPath::new(format!("{}/current", root.display())).unwrap(),
        keep: 5,
        shared: Vec::new(),
        assets: Vec::new(),
        build: Vec::new(),
        build_timeout: Seconds(20),
        migrate: None,
        services: vec![Service::Commands {
            name: "diary".to_owned(),
            start: format!("[ ! -e broken ] || exit 7; setsid sleep 900 </dev/null >/dev/null 2>&1 & echo $! >{pid}"),
            stop: format!(
                "p=$(cat {pid} 2>/dev/null) || exit 0; kill \"$p\" 2>/dev/null; \
                 for i in $(seq 200); do [ -e \"/proc/$p/cwd/.\" ] || break; sleep 0.02; done; rm -f {pid}"
            ),
            status: alive.clone(),
        }],
        checks: vec![command_check(&format!(
            "{alive} && [ \"$(cat /proc/$p/cwd/VERSION)\" = \"$(cat VERSION)\" ] && [ ! -e unhealthy ]"
        ))],
        environment_file: None,
        window: Seconds(120),
        hard_limit: Seconds(600),
        activate_timeout: Seconds(10),
    }
}

pub(crate) fn command_check(run: &str) -> Check {
    let question = Question::Command { run: run.to_owned(), timeout: Seconds(5) };
    Check { question, within: Seconds(1), from: CheckFrom::Host }
}
