//! Against a real sshd on loopback, started by the test. It logs in as the user who runs the test.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rollback_deploy_core::model::{Kind, Outcome};
use rollback_deploy_core::wire::{Answer, Logs, Query, Report, Request};

use super::super::programs::{self, Cpu};
use super::super::{far_end, testing};
use super::*;

/// A host with an sshd of its own.
struct World {
    folder: TempDir,
    port: u16,
    sshd: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        let _gone = self.sshd.kill();
        let _reaped = self.sshd.wait();
    }
}

fn keygen(path: &Path, kind: &str) {
    let done = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f"]).arg(path).status().unwrap();
    assert!(done.success());
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn write(path: &Path, text: &str) {
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn user() -> String {
    let out = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(out).unwrap().trim().to_owned()
}

impl World {
    fn new(more: &str) -> Self {
        let folder = folder::private("rd-world").unwrap();
        let at = |name: &str| folder.path().join(name);
        keygen(&at("host_ed25519"), "ed25519");
        keygen(&at("host_rsa"), "rsa");
        keygen(&at("user"), "ed25519");
        write(&at("authorized"), &read(&at("user.pub")));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let f = folder.path().display();
        write(
            &at("sshd_config"),
            &format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {f}/host_ed25519\nHostKey {f}/host_rsa\n\
                 AuthorizedKeysFile {f}/authorized\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n{more}\n"
            ),
        );
        std::fs::create_dir_all("/run/sshd").unwrap();
        let log = File::create(at("sshd.log")).unwrap();
        let sshd = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let world = Self { folder, port, sshd };
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        world
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The line of `known_hosts` for one of the host keys.
    fn line(&self, kind: &str) -> String {
        format!("[127.0.0.1]:{} {}", self.port, read(&self.at(&format!("host_{kind}.pub"))))
    }

    fn pin(&self, kind: &str) -> String {
        let out = Command::new("ssh-keygen").arg("-lf").arg(self.at(&format!("host_{kind}.pub"))).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    }

    fn address(&self) -> Address {
        Address { user: Some(user()), host: "127.0.0.1".into(), port: Some(self.port) }
    }

    fn wish(&self, known: &[String]) -> SshWish {
        SshWish {
            login: Login::Key { key: read(&self.at("user")).into(), passphrase: None },
            hosts: vec![Host { label: Label::new("web-1").unwrap(), address: self.address() }],
            jump: None,
            user: None,
            known_hosts: known.to_vec(),
        }
    }

    fn programs(&self) -> Arc<Programs> {
        let program = programs::program(&far_end::program(self.folder.path())).unwrap();
        let mut programs = Programs::default();
        for cpu in Cpu::ALL {
            programs.put(cpu, program.clone());
        }
        Arc::new(programs)
    }

    async fn link(&self, wish: SshWish) -> SshLink {
        let run = SshRun::prepare(wish).await.unwrap();
        let label = run.wish.hosts[0].label.clone();
        let root = AbsPath::new(self.at("app root; touch FILE").to_str().unwrap()).unwrap();
        run.link(&label, root, self.programs(), testing::hello()).unwrap()
    }

    async fn connect(&self, wish: SshWish) -> Result<Box<dyn Channel>, Failure> {
        self.link(wish).await.connect().await
    }
}

/// Is this a channel that works? Then it is closed.
async fn works(channel: Result<Box<dyn Channel>, Failure>) -> Vec<String> {
    let mut channel = channel.unwrap_or_else(|failure| panic!("{failure:#?}"));
    let answer = channel.call(Request::Ask(Query::Status), None, &mut |_| {}).await.unwrap();
    channel.close().await;
    let Answer::Done(report) = answer else { panic!("{answer:?}") };
    let Report::History(lines) = *report else { panic!("{report:?}") };
    lines
}

/// The failure of a connection that must not come about.
fn refused(channel: Result<Box<dyn Channel>, Failure>) -> Failure {
    match channel {
        Ok(_) => panic!("it connected"),
        Err(failure) => failure,
    }
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn the_program_is_brought_and_every_connection_is_new() {
    let world = World::new("");
    let link = world.link(world.wish(&[world.line("ed25519")])).await;
    let folder = link.run.folder.path().to_owned();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let lines = works(link.connect().await).await;
        assert!(lines.contains(&"LC_ALL=C".to_owned()), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("FAR_ROOT=") && line.ends_with("app root; touch FILE")));
        clients.extend(lines.into_iter().filter(|line| line.starts_with("SSH_CONNECTION=")));
    }
    assert_ne!(clients[0], clients[1], "two connections, two ports");
    assert!(!world.at("FILE").exists());
    let log = read(&world.at("sshd.log"));
    assert_eq!(log.matches("Accepted publickey").count(), 2);
    assert!(folder.join("key").exists());
    drop(link);
    assert!(!folder.exists(), "keys are gone");
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn pinned_fingerprints_of_any_type_are_enough() {
    let world = World::new("");
    for kind in ["ed25519", "rsa"] {
        works(world.connect(world.wish(&[world.pin(kind)])).await).await;
    }
    works(world.connect(world.wish(&[world.line("rsa")])).await).await;
    let hashed = world.at("hashed");
    write(&hashed, &world.line("ed25519"));
    assert!(Command::new("ssh-keygen").arg("-q").arg("-H").arg("-f").arg(&hashed).status().unwrap().success());
    works(world.connect(world.wish(&[read(&hashed)])).await).await;
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn a_wrong_host_key_shows_both_and_gets_nothing() {
    let world = World::new("");
    keygen(&world.at("other"), "ed25519");
    let other = read(&world.at("other.pub"));
    let seen = world.pin("ed25519").split(' ').nth(1).unwrap().to_owned();
    let own = KnownHosts::parse(std::slice::from_ref(&other)).unwrap().pins()[0].clone();
    for known in [format!("[127.0.0.1]:{} {other}", world.port), other.clone()] {
        let failure = refused(world.connect(world.wish(&[known])).await);
        assert!(failure.what.contains(&seen) && failure.what.contains(&own), "{}", failure.what);
        assert!(failure.hints[0].contains("ssh-keygen -lf"), "{:?}", failure.hints);
        assert_eq!(failure.kind, Kind::Input);
    }
    let failure = refused(world.connect(world.wish(&[format!("elsewhere {other}")])).await);
    assert!(failure.what.contains("is not known") && failure.what.contains(&seen), "{}", failure.what);
    let log = read(&world.at("sshd.log"));
    assert!(!log.contains("Accepted") && !log.contains("Failed publickey"), "{log}");
    let none = SshRun::prepare(world.wish(&[])).await.unwrap_err();
    assert!(none.what.contains("known-hosts is missing"));
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn what_hinders_is_named() {
    let world = World::new("");
    let known = [world.line("ed25519")];
    keygen(&world.at("stranger"), "ed25519");
    let mut wish = world.wish(&known);
    wish.login = Login::Key { key: read(&world.at("stranger")).into(), passphrase: None };
    let failure = refused(world.connect(wish).await);
    let name = super::super::known_hosts::fingerprint_of_public(&read(&world.at("stranger.pub"))).unwrap();
    assert!(failure.what.contains("does not let us in") && failure.what.contains(&name), "{}", failure.what);

    let mut wish = world.wish(&known);
    wish.hosts[0].address.port = Some(TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let failure = refused(world.connect(wish).await);
    assert!(failure.what.contains("nobody listens"), "{}", failure.what);
    assert_eq!(failure.outcome(), Outcome::Failed);

    let mut wish = world.wish(&known);
    wish.hosts[0].address.host = "no-such-host.invalid".into();
    let failure = refused(world.connect(wish).await);
    assert!(failure.what.contains("name"), "{}", failure.what);
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn through_a_jump_host_both_keys_are_strict() {
    let jump = World::new("AllowTcpForwarding yes");
    let world = World::new("");
    write(&jump.at("authorized"), &read(&world.at("user.pub")));
    let both = [world.line("ed25519"), jump.pin("ed25519")];
    let through = |known: &[String]| SshWish { jump: Some(jump.address()), ..world.wish(known) };
    works(world.connect(through(&both)).await).await;
    works(world.connect(through(&[world.pin("rsa"), jump.pin("ed25519")])).await).await;
    assert!(read(&jump.at("sshd.log")).contains("Accepted publickey"));
    let failure = refused(world.connect(through(&both[..1])).await);
    assert!(failure.what.contains("jump host"), "{}", failure.what);
    let failure = refused(world.connect(through(&both[1..])).await);
    assert!(failure.what.contains("web-1") && failure.what.contains("host key"), "{}", failure.what);
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn a_host_that_runs_something_else_is_explained() {
    for (command, words) in [
        ("ForceCommand echo This account is not available; exit 1", "did not run our command"),
        ("ForceCommand yes hello", "did not run our command"),
    ] {
        let world = World::new(command);
        let failure = refused(world.connect(world.wish(&[world.line("ed25519")])).await);
        assert!(failure.what.contains(words), "{failure:#?}");
        assert!(!failure.because.is_empty());
    }
    // Noise of a login shell before our line does no harm.
    let world = World::new("ForceCommand echo welcome; printf x; echo; eval \"$SSH_ORIGINAL_COMMAND\"");
    works(world.connect(world.wish(&[world.line("ed25519")])).await).await;
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn any_login_shell_will_do() {
    for shell in ["dash", "bash", "fish", "tcsh"] {
        // What sshd does for a user with this login shell.
        let world = World::new(&format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\""));
        let lines = works(world.connect(world.wish(&[world.line("ed25519")])).await).await;
        assert!(lines.iter().any(|line| line.ends_with("app root; touch FILE")), "{shell}: {lines:?}");
        assert!(!world.at("FILE").exists());
    }
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn no_secret_is_in_any_process_list() {
    let world = World::new("");
    keygen(&world.at("locked"), "ed25519");
    let passphrase = "correct-horse-battery";
    let locked = Command::new("ssh-keygen").args(["-q", "-p", "-N", passphrase, "-f"]).arg(world.at("locked")).status();
    assert!(locked.unwrap().success());
    write(&world.at("authorized"), &read(&world.at("locked.pub")));
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let sampler = std::thread::spawn(move || {
        let mut seen = String::new();
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                for file in ["cmdline", "environ"] {
                    let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
                    seen.push_str(&String::from_utf8_lossy(&bytes));
                }
            }
        }
        seen
    });
    let mut wish = world.wish(&[world.line("ed25519")]);
    wish.login = Login::Key { key: read(&world.at("locked")).into(), passphrase: Some(passphrase.into()) };
    works(world.connect(wish).await).await;
    stop.send(()).unwrap();
    let seen = sampler.join().unwrap();
    assert!(seen.contains("ssh-keygen") && seen.contains("/tmp/rd-run"), "the sampler saw nothing");
    assert!(!seen.contains(passphrase));
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn a_root_that_others_can_write_is_refused_in_words() {
    let world = World::new("");
    let root = world.at("app root; touch FILE");
    std::fs::create_dir(&root).unwrap();
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o777)).unwrap();
    let failure = refused(world.connect(world.wish(&[world.line("ed25519")])).await);
    assert!(failure.what.contains("other users can write"), "{}", failure.what);
    assert_eq!(failure.outcome(), Outcome::Refused);
    assert_eq!(std::fs::read_dir(root).unwrap().count(), 0);
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn a_cut_connection_leaves_the_outcome_unknown() {
    let world = World::new("");
    let mut channel = world.connect(world.wish(&[world.line("ed25519")])).await.unwrap();
    let logs = Request::Ask(Query::Logs(Logs { sources: vec![], lines: 0, follow: true }));
    let sessions = || {
        // The processes of this sshd that serve a login.
        let out = Command::new("pgrep").args(["-P", &world.sshd.id().to_string()]).output().unwrap();
        String::from_utf8(out.stdout).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut cut = |_| {
        for pid in sessions() {
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        }
    };
    let failure = channel.call(logs, None, &mut cut).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unknown { settles_in: None });
    channel.close().await;
}

#[tokio::test]
#[ignore = "world: hosts"]
async fn a_person_is_strict_too() {
    let world = World::new("");
    let person = |known: &[String]| SshWish { login: Login::Person, ..world.wish(known) };
    let failure = refused(world.connect(person(&[])).await);
    assert!(failure.what.contains("host key"), "{}", failure.what);
    // With the right pin the host is trusted; whether the person's own keys open it is up to them.
    let failure = refused(world.connect(person(&[world.pin("ed25519")])).await);
    assert!(failure.what.contains("does not let us in"), "{}", failure.what);
}
