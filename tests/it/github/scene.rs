//! A repository on the fake GitHub whose deploy file leads to a real host, with a secret that must stay there.

use std::time::Duration;

use crate::world::command::await_some;
use crate::world::github::{Artifact, GitHub};
use crate::world::host::{App, Host, Options};
use crate::world::repository;
use crate::world::runner::{Ended, Program, Runner, Stage};
use crate::world::sample::{Behaviour, Sample};

/// A value that exists in `shared/.env` of the host only.
pub(super) const CANARY: &str = "canary-5b1f0c7e9d";

/// The good releases of [`Scene`], the older first; [`SICK`] lies between them.
pub(super) const FIRST: &str = "v1.3.0";
pub(super) const SICK: &str = "v1.4.0";
pub(super) const SECOND: &str = "v1.5.0";

/// Everything that a run of the action meets.
pub(super) struct Scene {
    pub(super) github: GitHub,
    pub(super) sample: Sample,
    pub(super) host: Host,
    pub(super) app: App,
}

impl Scene {
    /// With the usual deploy file: `production` and `staging` are two apps of one host.
    pub(super) fn new() -> Self {
        Self::with("", &[])
    }

    /// With more settings of each environment, appended after its checks, and more files of the repository.
    pub(super) fn with(more: &str, files: &[(&str, &str)]) -> Self {
        let (github, sample, app) = (GitHub::start(), Sample::new(), App::default());
        let host = Host::start(&Options { apps: vec![app.clone(), App::second()], ..Options::default() });
        for app in [&app, &App::second()] {
            host.exec(&format!(
                "install -d -o deploy -g deploy {0}/shared && echo GREETING={CANARY} >{0}/shared/.env && \
                 chown deploy {0}/shared/.env",
                app.root
            ));
        }
        let scene = Self { github, sample, host, app };
        scene.write(".github/rollback-deploy.yml", &scene.deploy_file(more));
        for (path, text) in files {
            scene.write(path, text);
        }
        // As a person copies them.
        for entry in std::fs::read_dir(repository("examples/workflows")).unwrap() {
            let entry = entry.unwrap();
            let text = std::fs::read_to_string(entry.path()).unwrap();
            scene.write(&format!(".github/workflows/{}", entry.file_name().to_str().unwrap()), &text);
        }
        scene.sample.git(&["remote", "add", "origin", "https://github.com/org/diary.git"]);
        for (tag, behaviour) in [(FIRST, Behaviour::Good), (SICK, Behaviour::Sick), (SECOND, Behaviour::Good)] {
            scene.sample.tag(tag, behaviour);
        }
        scene.github.serve("org/diary", scene.sample.folder());
        scene.github.make_private("org/diary");
        scene
    }

    fn deploy_file(&self, more: &str) -> String {
        let (address, key) = (self.host.address(), self.host.fingerprint());
        let environment = |name: &str, app: &App| {
            format!(
                "  {name}:\n    hosts: {{ web-1: deploy@{address} }}\n    known-hosts: [\"{key}\"]\n    root: {}\n    \
                 shared: [.env]\n    services: [{}]\n    health:\n      \
                 - http: {{ url: \"http://127.0.0.1:{}/health\", within: 8s }}\n{more}",
                app.root, app.unit, app.port
            )
        };
        let (production, staging) = (environment("production", &self.app), environment("staging", &App::second()));
        format!("version: 1\napp: diary\nenvironments:\n{production}{staging}")
    }

    /// Writes a file of the repository; the next tag commits it.
    pub(super) fn write(&self, path: &str, text: &str) {
        let file = self.sample.folder().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// The private key that logs in.
    pub(super) fn key(&self) -> String {
        std::fs::read_to_string(self.host.key()).unwrap()
    }

    /// A run of the action on `main`, started by hand, with the key.
    pub(super) fn runner(&self, program: Program) -> Runner {
        let mut runner = Runner::new(program);
        runner.at(&self.github);
        runner.input("key", &self.key());
        runner.input("environment", "production");
        runner.triggered("workflow_dispatch", "refs/heads/main", &self.sample.commit("main"));
        runner
    }

    /// A run of this program, quick, with an action and a version.
    pub(super) fn step(&self, action: &str, version: &str) -> Runner {
        let mut runner = self.runner(program());
        runner.input("action", action);
        runner.input("version", version);
        runner
    }

    /// Deploys a version, which must go well.
    pub(super) fn deployed(&self, version: &str) -> Ended {
        let ended = self.step("deploy", version).run(Stage::Main);
        assert!(ended.success(), "{}\n{:?}", ended.console.text(), ended.problems);
        assert_eq!(self.serves(), version);
        ended
    }

    /// What visitors get, once something answers.
    pub(super) fn serves(&self) -> String {
        await_some("a visitor gets an answer", Duration::from_secs(20), || self.host.app_version(&self.app))
    }

    /// The plain files on the host: the live version, and whether a change is open.
    pub(super) fn settled(&self) -> (Option<String>, bool) {
        let state = format!("{}/.rollback-deploy", self.app.root);
        let open = self.host.try_exec(&format!("test -e {state}/pending || test -e {state}/aborting")).ok();
        let version = self.host.read_file(&format!("{}/current_version", self.app.root));
        (version.map(|text| text.trim().to_owned()), !open)
    }

    /// Nothing of the key and nothing of `shared/` may be in a text.
    pub(super) fn assert_no_secret(&self, what: &str, text: &str) {
        assert!(!text.contains(CANARY), "{what} holds what lies in shared/:\n{text}");
        for line in self.key().lines().filter(|line| line.len() > 8 && !line.starts_with("-----")) {
            assert!(!text.contains(line), "{what} holds a line of the key:\n{text}");
        }
    }

    /// What a step left for people, the whole of it.
    pub(super) fn assert_no_secret_left(&self, ended: &Ended) {
        self.assert_no_secret("the log", &ended.console.text());
        self.assert_no_secret("the summary", &ended.summary);
        self.assert_no_secret("the outputs", &format!("{:?}", ended.outputs));
        self.assert_no_secret("the state", &format!("{:?}", ended.state));
        for artifact in self.github.artifacts() {
            for (path, text) in unpacked(&artifact) {
                self.assert_no_secret(&path, &text);
            }
        }
    }
}

/// This build's program, run directly.
pub(super) fn program() -> Program {
    Program::File(env!("CARGO_BIN_EXE_rollback-deploy").into())
}

/// The files of a deployment backup.
pub(super) fn unpacked(artifact: &Artifact) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&artifact.zip)).unwrap();
    assert_eq!(zip.len(), 1, "one file inside");
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(zip.by_name("backup.tar.gz").unwrap()));
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        (path, std::io::read_to_string(&mut entry).unwrap())
    });
    entries.collect()
}
