//! A person at a laptop: the real command line, a deploy file, and keys in an ssh agent of their own.

use std::fmt::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::world::command::{Said, await_some, must, say};
use crate::world::host::{App, Host, USER};
use crate::world::sample::Sample;

/// No command takes longer; one that does hangs.
const PATIENCE: Duration = Duration::from_mins(3);

/// The program under test, without what only a debugger reads: it travels to each host.
pub(crate) fn program() -> &'static Path {
    static STRIPPED: OnceLock<PathBuf> = OnceLock::new();
    STRIPPED.get_or_init(|| {
        let built = Path::new(env!("CARGO_BIN_EXE_rollback-deploy"));
        let built_at = std::fs::metadata(built).and_then(|meta| meta.modified()).expect("cargo built it");
        let age = built_at.duration_since(std::time::UNIX_EPOCH).expect("a clock of this century").as_millis();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stripped-{age}"));
        std::fs::create_dir_all(&folder).expect("our own folder");
        let (to, next) = (folder.join("rollback-deploy"), folder.join(format!("next.{}", std::process::id())));
        if !to.exists() {
            must("strip", &["-o", next.to_str().expect("UTF-8"), built.to_str().expect("UTF-8")], b"");
            // Another run may have been quicker; a program that runs is never replaced.
            let _was_there = std::fs::hard_link(&next, &to);
            std::fs::remove_file(next).expect("our own file");
        }
        to
    })
}

/// What the deploy file says of one environment, in its own words; a host's part is added.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// The app's name.
    pub(crate) app: String,
    /// The app's place and unit.
    pub(crate) at: App,
    /// Lines of `health:`.
    pub(crate) health: Vec<String>,
    /// Further lines of the environment.
    pub(crate) more: Vec<String>,
}

impl File {
    /// The sample app with a short window, its health page and its version asked on the host.
    pub(crate) fn of(at: &App) -> Self {
        let url = |page: &str| format!("http://127.0.0.1:{}/{page}", at.port);
        Self {
            app: at.root.rsplit('/').next().expect("a path").to_owned(),
            at: at.clone(),
            health: vec![
                format!("http: {{ url: \"{}\", status: 200, within: 10s }}", url("health")),
                format!("http: {{ url: \"{}\", text: \"{{version}}\", within: 10s }}", url("version")),
            ],
            more: Vec::new(),
        }
    }

    /// The same with one more line of the environment.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.more.push(line.to_owned());
        self
    }

    /// The same with one more check.
    pub(crate) fn check(mut self, check: &str) -> Self {
        self.health.push(check.to_owned());
        self
    }

    fn text(&self, hosts: &[(&str, &Host)]) -> String {
        let addresses: Vec<_> =
            hosts.iter().map(|(label, host)| format!("{label}: \"{USER}@127.0.0.1:{}\"", host.ssh_port())).collect();
        let keys: Vec<_> = hosts.iter().map(|(_, host)| format!("\"{}\"", host.fingerprint())).collect();
        let mut more = self.more.clone();
        // What a test says itself wins.
        let mut usual = |name: &str, value: String| {
            if !more.iter().any(|line| line.starts_with(&format!("{name}:"))) {
                more.push(format!("{name}: {value}"));
            }
        };
        usual("hosts", format!("{{ {} }}", addresses.join(", ")));
        usual("known-hosts", format!("[{}]", keys.join(", ")));
        usual("root", self.at.root.to_owned());
        usual("link", self.at.live.to_owned());
        usual("window", "20s".to_owned());
        usual("source", "{ git: . }".to_owned());
        usual(
            "services",
            if self.at.socket { format!("[{0}, {0}.socket]", self.at.unit) } else { format!("[{}]", self.at.unit) },
        );
        let mut text = format!("version: 1\napp: {}\nenvironments:\n  production:\n", self.app);
        for line in more {
            writeln!(text, "    {line}").expect("a string");
        }
        if !self.health.is_empty() {
            text.push_str("    health:\n");
        }
        for check in &self.health {
            writeln!(text, "      - {check}").expect("a string");
        }
        text
    }
}

/// A person with a deploy file for these hosts, gone when dropped.
pub(crate) struct Operator {
    home: TempDir,
    agent: Child,
    /// What is deployed.
    pub(crate) sample: Sample,
}

impl Operator {
    /// Somebody who may log in at these hosts.
    pub(crate) fn new(hosts: &[(&str, &Host)], file: &File) -> Self {
        let keys: Vec<_> = hosts.iter().map(|(_, host)| host.key()).collect();
        Self::with_keys(&keys, hosts, file)
    }

    /// Somebody with these keys.
    pub(crate) fn with_keys(keys: &[PathBuf], hosts: &[(&str, &Host)], file: &File) -> Self {
        let home = TempDir::new().expect("a temporary folder");
        let socket = home.path().join("agent");
        let agent = Command::new("ssh-agent")
            .args(["-D", "-a", socket.to_str().expect("UTF-8")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent; run tests/world/install.sh");
        await_some("the ssh agent listens", Duration::from_secs(10), || socket.exists().then_some(()));
        let operator = Self { home, agent, sample: Sample::new() };
        for key in keys {
            let socket = format!("SSH_AUTH_SOCK={}", socket.display());
            must("env", &[&socket, "ssh-add", "-q", key.to_str().expect("UTF-8")], b"");
        }
        operator.rewrite(hosts, file);
        operator
    }

    /// Writes the deploy file anew.
    pub(crate) fn rewrite(&self, hosts: &[(&str, &Host)], file: &File) {
        std::fs::write(self.file(), file.text(hosts)).expect("our own folder");
    }

    /// The deploy file.
    pub(crate) fn file(&self) -> PathBuf {
        self.home.path().join("rollback-deploy.yml")
    }

    /// The command, ready to start in the work tree of the sample.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.arg("--file").arg(self.file()).args(arguments).current_dir(self.sample.folder());
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.home.path());
        command.env("USER", "ada").env("SSH_AUTH_SOCK", self.home.path().join("agent"));
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.start(arguments).end()
    }

    /// Runs a verb that must end with this exit code; what it said on standard output.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}:\n{}{}", said.out, said.err);
        said.out
    }

    /// Starts a verb, in a process group of its own, as from a shell.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let file = || tempfile::NamedTempFile::new_in(self.home.path()).expect("a temporary file");
        let (out, err) = (file(), file());
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).process_group(0);
        command.stdout(out.reopen().expect("our own file")).stderr(err.reopen().expect("our own file"));
        let child = command.spawn().expect("the program under test");
        Running { child, out, err }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _gone = self.agent.kill();
        let _waited = self.agent.wait();
    }
}

/// A verb under way.
pub(crate) struct Running {
    child: Child,
    out: tempfile::NamedTempFile,
    err: tempfile::NamedTempFile,
}

impl Running {
    /// Waits until it has said these words, or has ended.
    pub(crate) fn says(&mut self, words: &str) {
        let (out, child) = (self.out.path().to_owned(), &mut self.child);
        await_some(&format!("it says {words:?}"), PATIENCE, || {
            let said = std::fs::read_to_string(&out).expect("our own file");
            assert!(
                said.contains(words) || child.try_wait().expect("our own child").is_none(),
                "it ended without saying {words:?}:\n{said}"
            );
            said.contains(words).then_some(())
        });
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        must("kill", &["-s", name, "--", &self.child.id().to_string()], b"");
    }

    /// Kills it and everything it started, at once.
    pub(crate) fn kill(mut self) {
        say("kill", &["-s", "KILL", "--", &format!("-{}", self.child.id())], b"");
        let _ended = self.child.wait();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Said {
        let child = &mut self.child;
        let ended = await_some("the command ends", PATIENCE, || child.try_wait().expect("our own child"));
        let read = |file: &tempfile::NamedTempFile| {
            String::from_utf8_lossy(&std::fs::read(file.path()).expect("our own file")).into_owned()
        };
        Said { code: ended.code(), out: read(&self.out), err: read(&self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            say("kill", &["-s", "KILL", "--", &format!("-{}", self.child.id())], b"");
            let _ended = self.child.wait();
        }
    }
}
