use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use async_trait::async_trait;
use rollback_deploy_core::model::{Label, Place};

use super::*;
use crate::report::commands::tests::{Seen, Shared, as_the_runner};

/// What the verbs do in a test.
#[derive(Clone, Copy)]
enum Does {
    Nothing,
    Panics,
    ReadsASecret,
    /// Ends when asked to.
    WaitsForStop,
    /// Does not end when asked to.
    Hangs,
}

struct Fake(Does);

#[async_trait]
impl Deed for Fake {
    async fn run(&self, wish: Wish, _: Context, stage: Stage) -> Ended {
        stage.events.tell(None, Fact::Began { verb: wish.verb.word().to_owned(), version: Some("v1.5.0".to_owned()) });
        match self.0 {
            Does::Nothing => {}
            Does::Panics => panic!("a mistake"),
            Does::ReadsASecret => {
                let name = EnvName::new("SLACK_WEBHOOK").unwrap();
                let value = stage.secrets.named(&name).unwrap();
                let said = Foreign::new(format!("posting to {}", value.expose_secret()));
                stage.events.tell(Some(&Label::new("web-1").unwrap()), Fact::Said(said));
            }
            Does::WaitsForStop => {
                stage.stop.token().cancelled().await;
                return Ended::new(Outcome::Cancelled { signal: 15 });
            }
            Does::Hangs => std::future::pending().await,
        }
        Ended { app: wish.simple.app, notes: vec!["a note".to_owned()], ..Ended::new(Outcome::Done) }
    }

    async fn settle(&self, _: Wish, _: Context, mine: Mine, stage: Stage) -> Ended {
        stage.events.tell(None, Fact::Warned(format!("settled {}", mine.by())));
        Ended::new(Outcome::Done)
    }
}

/// A step with its files.
struct Case {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Case {
    fn new(inputs: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut env: BTreeMap<String, String> =
            inputs.iter().map(|(name, value)| (inputs::variable(name), (*value).to_owned())).collect();
        for name in ["GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"] {
            env.insert(name.to_owned(), folder.path().join(name).to_str().unwrap().to_owned());
        }
        env.insert("GITHUB_REPOSITORY".to_owned(), "o/r".to_owned());
        env.insert("GITHUB_RUN_ID".to_owned(), "7".to_owned());
        env.insert("GITHUB_JOB".to_owned(), "deploy".to_owned());
        Self { folder, env }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn run(&self, step: Step, does: Does) -> (Outcome, String) {
        let out = Shared::default();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(run(step, self.env.clone(), Box::new(out.clone()), Fake(does)));
        drop(runtime);
        (outcome, out.text())
    }

    fn file(&self, name: &str) -> String {
        read(self.folder.path(), name)
    }
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_default()
}

/// The value of a pair in a file of pairs; the last one counts.
fn value(text: &str, name: &str) -> Option<String> {
    let text = format!("\n{text}");
    let (_, after) = text.rsplit_once(&format!("\n{name}<<"))?;
    after.lines().nth(1).map(str::to_owned)
}

#[test]
fn a_step_writes_outputs_summary_and_state() {
    let case = Case::new(&[("app", "diary"), ("key", "a long private key\nwith two lines\n")]);
    let (outcome, log) = case.run(Step::Main, Does::Nothing);
    assert_eq!(outcome, Outcome::Done);
    assert!(log.starts_with("::add-mask::a long private key%0Awith two lines\n"), "{log}");
    assert!(log.ends_with("v1.5.0 of diary is live, confirmed.\n"), "{log}");
    let outputs = case.file("GITHUB_OUTPUT");
    assert_eq!(value(&outputs, "outcome").as_deref(), Some("done"));
    assert_eq!(value(&outputs, "version").as_deref(), Some("v1.5.0"));
    assert_eq!(outputs.matches("<<").count(), 8);
    assert!(case.file("GITHUB_STEP_SUMMARY").contains("- a note"));
    assert_eq!(value(&case.file("GITHUB_STATE"), "phase").as_deref(), Some("ended"));
}

#[test]
fn wrong_inputs_are_told_everywhere_and_no_verb_runs() {
    let case = Case::new(&[("action", "deplyo"), ("port", "x")]);
    let (outcome, log) = case.run(Step::Main, Does::Panics);
    assert_eq!(outcome, Outcome::Input);
    let errors =
        as_the_runner(&log).iter().filter(|seen| matches!(seen, Seen::Command(name, _) if name == "error")).count();
    assert_eq!(errors, 2, "{log}");
    assert_eq!(value(&case.file("GITHUB_OUTPUT"), "exit-code").as_deref(), Some("2"));
    assert!(case.file("GITHUB_STEP_SUMMARY").contains("Did you mean deploy?"));
    assert!(
        matches!(&inputs::read(&case.env, String::new()).failures[0].place, Some(Place::Input(name)) if name == "action")
    );
}

#[test]
fn a_bug_writes_its_outputs_too() {
    let case = Case::new(&[]);
    let (outcome, log) = case.run(Step::Main, Does::Panics);
    assert_eq!(outcome, Outcome::Bug);
    assert!(log.contains("please report it"), "{log}");
    assert_eq!(value(&case.file("GITHUB_OUTPUT"), "outcome").as_deref(), Some("bug"));
    assert_eq!(value(&case.file("GITHUB_STATE"), "phase").as_deref(), Some("begun"), "the post step shall look");
}

#[test]
fn a_secret_of_the_environment_is_masked_from_its_first_use() {
    let case = Case::new(&[]).set("SLACK_WEBHOOK", "https://hooks.example/T0/secret");
    let (_, log) = case.run(Step::Main, Does::ReadsASecret);
    assert_eq!(log.matches("hooks.example").count(), 1, "only the mask itself: {log}");
    assert!(log.contains("web-1 | posting to ***\n"), "{log}");
}

#[test]
fn the_post_step_settles_with_and_without_saved_state() {
    let case = Case::new(&[]);
    let (_, log) = case.run(Step::Post, Does::Nothing);
    assert!(log.contains("settled https://github.com/o/r/actions/runs/7/attempts/1#deploy"), "{log}");
    assert!(log.contains("The post step of the app is done.") && !log.contains("live"), "{log}");
    let (_, log) = Case::new(&[]).set("STATE_phase", "begun").set("STATE_word", "abc").run(Step::Post, Does::Nothing);
    assert!(log.contains("#deploy.abc"), "{log}");
    let (outcome, log) = Case::new(&[]).set("STATE_phase", "ended").run(Step::Post, Does::Panics);
    assert_eq!((outcome, log.contains("settled")), (Outcome::Done, false));
    let (outcome, _) = Case::new(&[("action", "wrong")]).run(Step::Post, Does::Panics);
    assert_eq!(outcome, Outcome::Done, "what could not begin needs no settling");
    assert_eq!(case.file("GITHUB_OUTPUT"), "", "outputs of a post step go nowhere");
}

/// Runs in a process of its own: signals are of a whole process.
#[test]
#[ignore = "started by the tests of signals, in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "the child of a test is told by its environment what to do")]
fn a_process_to_be_signalled() {
    let Some(folder) = std::env::var_os("CASE_FOLDER").map(PathBuf::from) else { return };
    let does = if std::env::var_os("CASE_HANGS").is_some() { Does::Hangs } else { Does::WaitsForStop };
    let env =
        ["GITHUB_OUTPUT", "GITHUB_STATE"].map(|name| (name.to_owned(), folder.join(name).to_str().unwrap().to_owned()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(Step::Main, env.into(), Box::new(std::io::stdout()), Fake(does)));
}

/// Starts that process, sends it signals once its log says that the work has begun, and gives its outputs.
fn signalled(hangs: bool, signals: &[rustix::process::Signal]) -> String {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--ignored", "--nocapture", "action::face::tests::a_process_to_be_signalled"])
        .env("CASE_FOLDER", folder.path())
        .stdout(Stdio::piped());
    if hangs {
        command.env("CASE_HANGS", "1");
    }
    let mut child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let mut log = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(log.by_ref().map(Result::unwrap).any(|line| line.contains("deploy v1.5.0")));
    for signal in signals {
        rustix::process::kill_process(pid, *signal).unwrap();
        // Two equal signals at once would be one; different ones are told apart in any order.
    }
    let rest: Vec<String> = log.map(Result::unwrap).collect();
    child.wait().unwrap();
    [read(folder.path(), "GITHUB_OUTPUT"), read(folder.path(), "GITHUB_STATE"), rest.join("\n")].concat()
}

#[test]
fn a_signal_asks_the_work_to_end_and_is_named() {
    let written = signalled(false, &[rustix::process::Signal::INT]);
    assert_eq!(value(&written, "exit-code").as_deref(), Some("130"), "{written}");
    assert_eq!(value(&written, "phase").as_deref(), Some("ended"), "{written}");
}

#[test]
fn work_that_does_not_end_is_cut_off_and_left_to_the_watchdogs() {
    let written = signalled(true, &[rustix::process::Signal::INT, rustix::process::Signal::TERM]);
    assert_eq!(value(&written, "outcome").as_deref(), Some("unknown"), "{written}");
    assert_eq!(value(&written, "phase").as_deref(), Some("begun"), "the post step shall look: {written}");
    assert!(written.contains("watchdogs"), "{written}");
}

#[test]
fn what_a_signal_leaves_time_for_fits_before_the_cut() {
    let decided = crate::engine::perform::SETTLE + crate::verb::world::CLOSE_AFTER_SIGNAL;
    assert!(decided + Duration::from_millis(200) <= PATIENCE, "{decided:?}");
}
