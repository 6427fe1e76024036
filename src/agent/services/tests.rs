use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::symlink;

use rollback_deploy_core::model::{AbsPath, Seconds, Verdict};
use rustix::process::{Pid, Signal};

use super::*;

pub(crate) fn settings(root: &str) -> Settings {
    Settings {
        app: "diary".parse().unwrap(),
        environment: "test".parse().unwrap(),
        repository: None,
        root: AbsPath::new(root).unwrap(),
        link: AbsPath::new(format!("{root}/current")).unwrap(),
        keep: 5,
        shared: Vec::new(),
        assets: Vec::new(),
        build: Vec::new(),
        build_timeout: Seconds(60),
        migrate: None,
        services: Vec::new(),
        checks: Vec::new(),
        environment_file: None,
        window: Seconds(60),
        hard_limit: Seconds(600),
        activate_timeout: Seconds(20),
    }
}

/// An app that is started and stopped by its user's own commands.
struct World {
    folder: tempfile::TempDir,
    settings: Settings,
    said: RefCell<Vec<String>>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let mut settings = settings(root.to_str().unwrap());
        settings.services = vec![Service::Commands {
            name: "app".into(),
            start: "echo starting; sh -c 'echo $$ > ../../pid; exec sleep 300' & while [ ! -s ../../pid ]; do sleep 0.05; done".into(),
            stop: "if [ -s ../../pid ]; then kill $(cat ../../pid); fi; : > ../../pid".into(),
            status: "[ -s ../../pid ] && kill -0 $(cat ../../pid)".into(),
        }];
        for name in ["v1", "v2"] {
            fs::create_dir_all(root.join("releases").join(name)).unwrap();
        }
        Self { folder, settings, said: RefCell::new(Vec::new()) }
    }

    fn with<T>(&self, release: &str, act: impl FnOnce(&ServiceCx<'_>) -> T) -> T {
        let root = self.settings.root.as_path();
        let release_dir = root.join("releases").join(release);
        let new = root.join("next");
        symlink(&release_dir, &new).unwrap();
        rustix::fs::rename(&new, self.settings.link.as_path()).unwrap();
        let privileged = Privileged::new(&self.settings);
        act(&ServiceCx {
            settings: &self.settings,
            release_dir: &release_dir,
            version: release,
            switched: None,
            privileged: &privileged,
            cancelled: &|| false,
            say: &|line| self.said.borrow_mut().push(line.to_owned()),
        })
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(fs::read_to_string(self.folder.path().join("pid")).ok()?.trim().parse().ok()?)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _gone = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

#[test]
fn own_commands_start_prove_and_stop() {
    let world = World::new();
    world.with("v1", |cx| {
        activate(cx).unwrap();
        let proofs = prove(cx);
        assert_eq!(proofs[0].verdict, Verdict::Pass, "{proofs:?}");
        assert_eq!(proofs[0].method.as_deref(), Some("processes"));
        assert_eq!((proofs[0].word.as_str(), proofs[0].subject.as_str()), ("proof", "app"));
    });
    assert!(world.said.borrow().contains(&"starting".to_owned()), "{:?}", world.said);
    let first = world.pid().unwrap();
    world.with("v2", |cx| {
        activate(cx).unwrap();
        assert_eq!(prove(cx)[0].verdict, Verdict::Pass);
        assert_ne!(world.pid().unwrap(), first);
        stop(cx).unwrap();
        let proofs = prove(cx);
        assert_eq!(proofs[0].verdict, Verdict::Fail, "{proofs:?}");
        stop(cx).unwrap();
    });
}

#[test]
fn what_does_not_start_is_said() {
    let mut world = World::new();
    let Service::Commands { start, .. } = &mut world.settings.services[0] else { panic!() };
    "echo no port; exit 3".clone_into(start);
    let failure = world.with("v1", |cx| activate(cx).unwrap_err());
    assert_eq!(failure.what, "its start command exited with 3");
    assert_eq!(failure.because[0].expose(), "no port");

    let Service::Commands { start, .. } = &mut world.settings.services[0] else { panic!() };
    "true".clone_into(start);
    world.settings.activate_timeout = Seconds(1);
    let failure = world.with("v1", |cx| activate(cx).unwrap_err());
    assert!(failure.what.contains("did not say yes within 1 s"), "{failure:?}");
}

#[test]
fn steady_notices_an_end() {
    let world = World::new();
    world.with("v1", |cx| {
        activate(cx).unwrap();
        let looks = std::cell::Cell::new(0);
        let kill = || {
            looks.set(looks.get() + 1);
            if looks.get() == 5 {
                rustix::process::kill_process(world.pid().unwrap(), Signal::KILL).unwrap();
            }
            false
        };
        let answers = steady(&ServiceCx { cancelled: &kill, ..*cx });
        assert_eq!(answers[0].verdict, Verdict::Fail, "{answers:?}");
    });
}

#[test]
fn without_systemd_units_are_an_obstacle_in_words() {
    if crate::ask::unit::systemctl().is_ok() {
        return;
    }
    let mut settings = settings("/srv/app");
    settings.services =
        vec![Service::Systemd { unit: "web".parse().unwrap(), how: rollback_deploy_core::model::Restart::default() }];
    let privileged = Privileged::new(&settings);
    let found = inspect(&settings, &privileged, rollback_deploy_core::model::facts::SetupState::Done);
    assert_eq!(found.len(), 1);
    assert!(found[0].what.contains("systemd does not run this host"));
}

#[test]
fn where_processes_say_nothing_the_version_endpoint_speaks() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/version", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _request = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _closed = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nv1");
        }
    });
    let mut world = World::new();
    let yes = || "true".to_owned();
    world.settings.services = vec![Service::Commands { name: "app".into(), start: yes(), stop: yes(), status: yes() }];
    let proof = |world: &World, release: &str| {
        let proof = world.with(release, |cx| prove(cx).remove(0));
        (proof.verdict, proof.method.unwrap())
    };
    let weak = (Verdict::Pass, "weak: its status command says that it runs".to_owned());
    assert_eq!(proof(&world, "v1"), weak);
    world.settings.checks = vec![rollback_deploy_core::model::Check {
        question: rollback_deploy_core::model::Question::Http(rollback_deploy_core::model::check::Http {
            url,
            status: 200,
            header: std::collections::BTreeMap::new(),
            text: Some("{version}".into()),
            json: std::collections::BTreeMap::new(),
            timeout: Seconds(5),
        }),
        within: Seconds(0),
        from: rollback_deploy_core::model::CheckFrom::Host,
    }];
    assert_eq!(proof(&world, "v1"), (Verdict::Pass, "version endpoint".to_owned()));
    assert_eq!(proof(&world, "v2"), (Verdict::Fail, "version endpoint".to_owned()));
}
