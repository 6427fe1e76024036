//! Somebody at the machine itself: the real program, a repository with tags, a deploy file without hosts, and a folder
//! that plays the host. No container, no service manager: what runs is what the live link leads to.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::world::command::{Said, must};

/// The machine and the person.
pub(super) struct Desk {
    folder: TempDir,
}

impl Desk {
    /// A repository with these tags, each with the files of the app; and a deploy file with these checks.
    pub(super) fn new(tags: &[&str], checks: &[&str]) -> Self {
        let desk = Self { folder: TempDir::new().unwrap() };
        fs::create_dir(desk.root()).unwrap();
        fs::create_dir_all(desk.repository().join(".github")).unwrap();
        desk.git(&["init", "--quiet", "--initial-branch=main"]);
        for tag in tags {
            desk.tag(tag);
        }
        desk.file(checks, &[]);
        desk
    }

    /// One more release.
    pub(super) fn tag(&self, tag: &str) {
        fs::write(self.repository().join("VERSION"), tag).unwrap();
        self.git(&["add", "VERSION"]);
        self.git(&["commit", "--quiet", "--message", tag]);
        self.git(&["tag", tag]);
    }

    /// Writes the deploy file anew: these checks, and further lines of the environment.
    pub(super) fn file(&self, checks: &[&str], more: &[&str]) {
        let mut text = format!(
            "version: 1\napp: desk\nenvironments:\n  production:\n    root: {}\n    watchdog: detached\n    window: 10s\n",
            self.root().display()
        );
        if !more.iter().any(|line| line.starts_with("allow:")) {
            text.push_str("    allow: [weak-watchdog]\n");
        }
        for line in more {
            writeln!(text, "    {line}").unwrap();
        }
        if !checks.is_empty() {
            text.push_str("    health:\n");
        }
        for check in checks {
            writeln!(text, "      - {check}").unwrap();
        }
        fs::write(self.repository().join(".github/rollback-deploy.yml"), text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let repository = self.repository();
        let at = ["-C", repository.to_str().unwrap(), "-c", "user.name=ada", "-c", "user.email=ada@example.com"];
        must("git", &[&at, arguments].concat(), b"");
    }

    /// The folder that plays the host.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    /// The repository, with the deploy file in it.
    pub(super) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// Which release is live.
    pub(super) fn live(&self) -> Option<String> {
        Some(fs::read_link(self.root().join("current")).ok()?.file_name()?.to_str()?.to_owned())
    }

    /// What is recorded of a release's state.
    pub(super) fn state(&self, release: &str) -> String {
        fs::read_to_string(self.root().join(format!(".rollback-deploy/releases/{release}.state"))).unwrap()
    }

    /// The releases whose folders are there, sorted.
    pub(super) fn releases(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root().join("releases")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A verb in this folder, ready to start.
    pub(super) fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollback-deploy"));
        command.args(arguments).current_dir(folder).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.env("HOME", self.folder.path()).env("USER", "ada").env("TMPDIR", self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a verb in this folder.
    pub(super) fn run_in(&self, folder: &Path, arguments: &[&str]) -> Said {
        self.command(folder, arguments).output().unwrap().into()
    }

    /// Runs a verb in the repository; it must end with this exit code. What it said, on both streams.
    pub(super) fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let said = self.run_in(&self.repository(), arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}:\n{}{}", said.out, said.err);
        said.out + &said.err
    }

    /// The same with nothing but the root: no deploy file is found.
    pub(super) fn ends_by_root(&self, code: i32, arguments: &[&str]) -> String {
        let root = self.root();
        let arguments = [&["--root", root.to_str().unwrap()], arguments].concat();
        let said = self.run_in(self.folder.path(), &arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}:\n{}{}", said.out, said.err);
        said.out + &said.err
    }

    /// Serves the version of what is live, as JSON, until the test ends; on which port.
    pub(super) fn serve(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let file = self.root().join("current/VERSION");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let version = fs::read_to_string(&file).unwrap_or_default();
                let body = format!("{{\"version\": \"{version}\"}}");
                let mut request = [0; 4096];
                let _read = stream.read(&mut request);
                let _sent = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        port
    }
}

/// A check on the host that every release passes.
pub(super) const FINE: &str = "command: \"test -s VERSION\"";

/// A port where nothing listens.
pub(super) fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
