//! The sample: a git repository with tags, a deploy file, and the folder that plays the host. All of it lies in one
//! private folder that goes away with it.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rollback_deploy_core::model::{Failure, WatchdogKind};
use tempfile::TempDir;
use tokio::time::sleep;

/// How long a change stays open without a sign of life: short, so that the demo is.
const WINDOW: &str = "10s";

/// The sample.
pub(super) struct Sample {
    folder: TempDir,
    program: PathBuf,
}

impl Sample {
    /// Makes everything.
    pub(super) fn make() -> Result<Self, Failure> {
        let cannot =
            |error: std::io::Error| Failure::failed("the demo's folder cannot be made").because(error.to_string());
        let folder = tempfile::Builder::new().prefix("rollback-deploy-demo.").tempdir().map_err(cannot)?;
        let program = std::env::current_exe().map_err(cannot)?;
        let sample = Self { folder, program };
        std::fs::DirBuilder::new().create(sample.root()).map_err(cannot)?;
        std::fs::DirBuilder::new().create(sample.repository()).map_err(cannot)?;
        sample.git(&["init", "--quiet", "--initial-branch=main"])?;
        for (version, broken) in [("v1.0.0", false), ("v1.1.0", false), ("v1.2.0", true)] {
            sample.write("VERSION", &format!("{version}\n")).map_err(cannot)?;
            sample.write("run.sh", &sample.run_script()).map_err(cannot)?;
            if broken {
                sample.write("broken", "its health check says no\n").map_err(cannot)?;
            }
            sample.git(&["add", "--all"])?;
            sample.git(&["commit", "--quiet", "--message", version])?;
            sample.git(&["tag", version])?;
        }
        std::fs::DirBuilder::new().create(sample.repository().join(".github")).map_err(cannot)?;
        sample.write(".github/rollback-deploy.yml", &sample.deploy_file()).map_err(cannot)?;
        Ok(sample)
    }

    /// Where all of it lies.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder that plays the host.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    /// The repository, with the deploy file in its workspace.
    pub(super) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// Our own program.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// Where the app writes its port.
    pub(super) fn port_file(&self) -> PathBuf {
        self.folder.path().join("port")
    }

    fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        File::create(self.repository().join(name))?.write_all(text.as_bytes())
    }

    fn git(&self, arguments: &[&str]) -> Result<(), Failure> {
        let identity = ["-c", "user.name=demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false"];
        let ended = Command::new("git")
            .current_dir(self.repository())
            .args(identity.iter().chain(arguments))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null())
            .output();
        match ended {
            Ok(ended) if ended.status.success() => Ok(()),
            Ok(ended) => {
                Err(Failure::failed("git could not make the sample").because(String::from_utf8_lossy(&ended.stderr)))
            }
            Err(error) => {
                Err(Failure::input("the program git is needed").hint("Install git.").because(error.to_string()))
            }
        }
    }

    /// How the app is started and stopped; it outlives the script.
    fn run_script(&self) -> String {
        let (program, port, pid) = (self.program.display(), self.port_file().display().to_string(), self.pid_file());
        let pid = pid.display();
        // A process without a program is gone, also when nobody asked how it ended: where nothing reaps orphans, it
        // would be waited for in vain by its number.
        format!(
            "p=$(cat '{pid}' 2>/dev/null)\n\
             case $1 in\n\
             start) rm -f '{port}'; setsid '{program}' demo-app '{port}' >/dev/null 2>&1 </dev/null & echo $! >'{pid}' ;;\n\
             stop) [ -n \"$p\" ] || exit 0; kill \"$p\" 2>/dev/null\n\
             while [ -e \"/proc/$p/exe\" ]; do sleep 0.02; done; rm -f '{pid}' '{port}' ;;\n\
             status) [ -s '{port}' ] && [ -e \"/proc/$p/exe\" ] ;;\n\
             esac\n"
        )
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("pid")
    }

    fn deploy_file(&self) -> String {
        let root = self.root();
        let (root, port) = (root.display(), self.port_file());
        let check = format!("exec '{}' demo-app --ask '{}'", self.program.display(), port.display());
        format!(
            "version: 1\napp: demo\nenvironments:\n  demo:\n    root: {root}\n    window: {WINDOW}\n    watchdog: {}\n    \
             allow: [weak-watchdog]\n    services:\n      - name: app\n        start: sh run.sh start\n        \
             stop: sh run.sh stop\n        status: sh run.sh status\n    health:\n      - command: {{ run: \"{check}\", within: 3s }}\n",
            WatchdogKind::Detached.word()
        )
    }

    /// Ends the app and the watchdog, which ends by itself once nothing is open.
    pub(super) async fn stop_everything(&self) {
        let mut stop = Command::new("sh");
        stop.args(["run.sh", "stop"]).current_dir(self.repository()).process_group(0);
        let _stopped = stop.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        for _ in 0..200 {
            if !self.is_used() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether a process still works on this sample.
    fn is_used(&self) -> bool {
        let ours = self.folder.path().as_os_str().as_encoded_bytes();
        let me = std::process::id().to_string();
        std::fs::read_dir("/proc").into_iter().flatten().flatten().any(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            entry.file_name() != me.as_str() && line.windows(ours.len()).any(|part| part == ours)
        })
    }
}
