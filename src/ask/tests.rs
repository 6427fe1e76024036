#![expect(clippy::disallowed_methods, reason = "tests write and remove what they ask about")]

use std::cell::Cell;
use std::fs;
use std::net::TcpListener;

use rollback_deploy_core::model::{CheckFrom, EnvName, Failure, LogSource, RelPath, Seconds, UnitName};

use super::*;

struct World {
    folder: tempfile::TempDir,
    root: AbsPath,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = AbsPath::new(folder.path().canonicalize().unwrap().to_str().unwrap()).unwrap();
        fs::create_dir_all(folder.path().join("releases/v2")).unwrap();
        fs::create_dir_all(folder.path().join("shared/logs")).unwrap();
        Self { folder, root }
    }
    fn ask_within(&self, within: u64, question: Question, since: Option<&Since>) -> CheckResult {
        let live = self.folder.path().join("releases/v2");
        let place = Place { root: &self.root, live: &live, version: "v2", since, hands: &Journal };
        ask(&Check { question, within: Seconds(within), from: CheckFrom::Host }, &place, &|| false)
    }
    fn ask(&self, question: Question) -> CheckResult {
        self.ask_within(0, question, None)
    }
}

/// Reads one journal and nothing else.
struct Journal;

impl Hands for Journal {
    fn journal(&self, unit: &UnitName, _: Option<&Since>, _: u32) -> Result<String, Failure> {
        match unit.as_str() {
            "web" => Ok("fine\nERROR a\n".to_owned()),
            _ => Err(Failure::refused("not one of our units")),
        }
    }
    fn processes(&self, unit: &UnitName) -> Result<Vec<ProcessInfo>, Failure> {
        NoHands.processes(unit)
    }
    fn nginx_test(&self) -> Result<Foreign, Failure> {
        NoHands.nginx_test()
    }
}

fn command(run: &str) -> Question {
    Question::Command { run: run.to_owned(), timeout: Seconds(10) }
}

#[test]
fn a_command_runs_in_the_release_and_says_what_it_printed() {
    let world = World::new();
    let passed = world.ask(command("basename \"$PWD\""));
    assert_eq!((passed.verdict, passed.saw.expose()), (Verdict::Pass, "exited with 0: v2"));
    assert_eq!((passed.word.as_str(), passed.subject.as_str()), ("command", "basename \"$PWD\""));
    let failed = world.ask(command("echo no database; exit 4"));
    assert_eq!((failed.verdict, failed.saw.expose()), (Verdict::Fail, "exited with 4: no database"));
}

#[test]
fn a_check_is_asked_again_until_it_passes() {
    let world = World::new();
    let script = "echo x >> tries; [ $(wc -l < tries) -ge 3 ]";
    assert_eq!(world.ask(command(script)).verdict, Verdict::Fail);
    assert_eq!(world.ask_within(60, command(script), None).verdict, Verdict::Pass);
    assert_eq!(fs::read_to_string(world.folder.path().join("releases/v2/tries")).unwrap().lines().count(), 3);
    let failed = world.ask_within(1, command("false"), None);
    assert!(failed.saw.expose().ends_with("tries)"), "{failed:?}");
}

#[test]
fn a_cancel_ends_the_waiting() {
    let world = World::new();
    let live = world.folder.path().join("releases/v2");
    let place = Place { root: &world.root, live: &live, version: "v2", since: None, hands: &NoHands };
    let check = Check { question: command("false"), within: Seconds(3600), from: CheckFrom::Host };
    let asked = Cell::new(0);
    let cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > 20
    };
    assert_eq!(ask(&check, &place, &cancelled).verdict, Verdict::Error);
}

#[test]
fn ports() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    let port = |address: &str| Question::Port { address: address.to_owned(), number };
    assert_eq!(world.ask(port("127.0.0.1")).verdict, Verdict::Pass);
    assert_eq!(world.ask(port("name.invalid")).verdict, Verdict::Error);
    drop(listener);
    let closed = world.ask(port("127.0.0.1"));
    assert_eq!(closed.verdict, Verdict::Fail);
    assert!(closed.saw.expose().contains("refused"), "{closed:?}");
}

#[test]
fn processes_by_name() {
    let world = World::new();
    let none = world.ask(Question::Process { name: "no-such-process-here".into(), at_least: 1 });
    assert_eq!((none.verdict, none.saw.expose()), (Verdict::Fail, "none runs"));
}

#[test]
fn environment_names_show_no_values() {
    let world = World::new();
    let question = |file: &str, names: &[&str]| Question::Environment {
        file: RelPath::new(file).unwrap(),
        names: names.iter().map(|name| EnvName::new(*name).unwrap()).collect(),
    };
    fs::write(world.folder.path().join("shared/.env"), "KEY=CANARY\nEMPTY=\n").unwrap();
    assert_eq!(world.ask(question(".env", &["KEY"])).verdict, Verdict::Pass);
    let missing = world.ask(question(".env", &["KEY", "EMPTY", "OTHER"]));
    assert_eq!((missing.verdict, missing.saw.expose()), (Verdict::Fail, "without a value: EMPTY, OTHER"));
    assert_eq!(world.ask(question("none", &["KEY"])).verdict, Verdict::Fail);
    assert_eq!(world.ask(question("logs", &["KEY"])).verdict, Verdict::Error);
}

#[test]
fn error_lines_since_the_switch() {
    let world = World::new();
    let errors = |log, at_most| Question::Errors { log, patterns: vec!["ERROR".to_owned()], at_most };
    let file = || LogSource::File("logs/app.log".into());
    let path = world.folder.path().join("shared/logs/app.log");
    fs::write(&path, "ERROR before\n").unwrap();
    let check = Check { question: errors(file(), 0), within: Seconds(0), from: CheckFrom::Host };
    let since = Since::now(&[check], &world.root, &world.folder.path().join("releases/v2"));
    assert_eq!(world.ask_within(0, errors(file(), 0), Some(&since)).verdict, Verdict::Pass);
    fs::write(&path, "ERROR before\nERROR after\n").unwrap();
    let failed = world.ask_within(3600, errors(file(), 0), Some(&since));
    assert_eq!(failed.verdict, Verdict::Fail, "a line that is there stays there: nothing to wait for");
    assert!(failed.saw.expose().contains("ERROR after"));
    assert_eq!(world.ask_within(0, errors(LogSource::File("other/app.log".into()), 0), None).verdict, Verdict::Error);

    let unit = |name: &str| LogSource::Unit(UnitName::new(name).unwrap());
    assert_eq!(world.ask(errors(unit("web"), 1)).verdict, Verdict::Pass);
    assert_eq!(world.ask(errors(unit("web"), 0)).verdict, Verdict::Fail);
    assert_eq!(world.ask(errors(unit("db"), 0)).verdict, Verdict::Error, "silence is not: no errors");

    let text = serde_json::to_string(&since).unwrap();
    assert_eq!(serde_json::from_str::<Since>(&text).unwrap(), since);
}

#[test]
fn what_nobody_can_read_is_an_error() {
    let world = World::new();
    assert_eq!(world.ask(Question::Nginx).verdict, Verdict::Error);
    if unit::systemctl().is_err() {
        let unit = UnitName::new("web").unwrap();
        assert_eq!(world.ask(Question::Service { unit }).verdict, Verdict::Error);
    }
}

#[test]
fn outside_only_ports_and_http() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    let check = |question| Check { question, within: Seconds(0), from: CheckFrom::Runner };
    let port = check(Question::Port { address: "127.0.0.1".into(), number });
    assert_eq!(runtime.block_on(ask_outside(&port, "v2")).verdict, Verdict::Pass);
    assert_eq!(runtime.block_on(ask_outside(&check(command("true")), "v2")).verdict, Verdict::Error);
}
