//! What people read after a run, for each way in which it can end.

use rollback_deploy_core::model::{
    CheckResult, Commit, Digest, Ending, Facts, Failure, Kind, Label, Operation, Proven, ReleaseId, SchemaVerdict,
    Seconds, Status, TxnId, Verdict, WatchdogKind, facts::Room, facts::SetupState,
};
use rollback_deploy_core::plan::{Event, Fact};
use rollback_deploy_core::wire::act::{Fault, SetupStep};
use rollback_deploy_core::wire::{Act, Answer, Intent, Query, Report, Staged, Staging};

use super::*;

fn id(text: &str) -> ReleaseId {
    ReleaseId::new(text).unwrap()
}

fn txn() -> TxnId {
    TxnId::new("t1").unwrap()
}

fn proven(version: &str) -> Proven {
    Proven {
        release: id(version),
        version: id(version),
        commit: Some(Commit::new("a".repeat(40)).unwrap()),
        content: Digest::of(b"content"),
        settings: Digest::of(b"settings"),
        txn: txn(),
        at: "2026-11-23T09:00:00Z".to_owned(),
        by: "https://github.com/o/diary/actions/runs/7".to_owned(),
        schema: SchemaVerdict::None,
        head: None,
    }
}

fn status(live: &str, back: Option<&str>) -> Status {
    Status { confirmed: Some(proven(live)), way_back: back.map(proven), ..Status::default() }
}

/// Tells a story as the engine would, half a second a step.
struct Story {
    run: Run,
    ms: u64,
}

impl Story {
    fn of(verb: &str, version: &str) -> Self {
        let mut story = Self { run: Run::default(), ms: 0 };
        story.tell(None, Fact::Began { verb: verb.to_owned(), version: Some(version.to_owned()) });
        story
    }

    fn tell(&mut self, target: Option<&str>, fact: Fact) -> &mut Self {
        let target = target.map(|label| Label::new(label).unwrap());
        self.run.take(&Event { seq: 1, at: "2026-11-23T10:00:00Z".to_owned(), elapsed_ms: self.ms, target, fact });
        self
    }

    fn act(&mut self, target: &str, act: Act, answer: Answer) -> &mut Self {
        self.tell(Some(target), Fact::Started(Box::new(act.clone())));
        self.ms += 500;
        self.tell(Some(target), Fact::Answered(Box::new(act), Box::new(answer)))
    }

    fn report(&mut self, target: &str, act: Act, report: Report) -> &mut Self {
        self.act(target, act, Answer::Done(Box::new(report)))
    }

    fn inspected(&mut self, target: &str, status: Status) -> &mut Self {
        let facts = Facts {
            strangers: vec![],
            status,
            releases: Vec::new(),
            room: Room::default(),
            watchdog: Some(WatchdogKind::Systemd),
            setup: SetupState::Done,
            obstacles: Vec::new(),
            warnings: Vec::new(),
            agent: Digest::of(b"agent"),
        };
        let settings = serde_json::from_value(settings()).unwrap();
        self.report(target, Act::Inspect(Box::new(settings)), Report::Facts(facts))
    }

    fn begun(&mut self, target: &str, operation: Operation, release: &str, previous: &str) -> &mut Self {
        let intent = Intent {
            txn: txn(),
            operation,
            release: id(release),
            on_expiry: rollback_deploy_core::model::OnExpiry::Undo,
            schema: SchemaVerdict::None,
            window: Seconds(60),
            hard_limit: Seconds(600),
            with_env: false,
            by: "me".to_owned(),
            allow: Vec::new(),
        };
        let begun = Report::Begun {
            previous: Some(id(previous)),
            settles_in: Seconds(60),
            preempted: None,
            environment: vec![],
        };
        self.report(target, Act::Begin(Box::new(intent)), begun).report(
            target,
            Act::Arm(txn()),
            Report::Armed { watchdog: WatchdogKind::Systemd },
        )
    }

    fn activated(&mut self, target: &str) -> &mut Self {
        let proof = check("proof", "diary.service", Verdict::Pass, "", Some("processes"));
        self.report(target, Act::Activate(txn()), Report::Activated { proofs: vec![proof], settles_in: Seconds(50) })
    }

    fn verified(&mut self, target: &str) -> &mut Self {
        let result = check("http", "http://127.0.0.1:8000/health", Verdict::Pass, "200", None);
        self.report(target, Act::Verify(txn()), Report::Checked(vec![result]))
    }

    fn confirmed(&mut self, target: &str, version: &str) -> &mut Self {
        self.tell(Some(target), Fact::Confirming);
        self.ms += 500;
        let answer = Answer::Done(Box::new(Report::Confirmed(proven(version))));
        self.tell(Some(target), Fact::Confirmed(Box::new(answer)))
    }

    fn undone(&mut self, target: &str, healthy: bool) -> &mut Self {
        let ending = Ending {
            txn: txn(),
            release: id("v1.5.0"),
            now: Some(id("v1.4.1")),
            healthy,
            why: "http said 500".to_owned(),
            marked_bad: true,
            recovered_seconds: 3,
            evidence: Some("evidence/t1.tar.gz".to_owned()),
        };
        let abort = Act::Abort { txn: Some(txn()), why: "http said 500".to_owned(), fault: Fault::Release };
        self.act(target, abort, Answer::Undone(ending))
    }

    fn shown(&mut self, outcome: Outcome) -> String {
        self.tell(None, Fact::Ended(outcome));
        let text = summary(&self.run, outcome, &meta(), &Masker::new());
        assert!(!text.contains("<script"), "{text}");
        text
    }
}

fn staging() -> Staging {
    let entry = serde_json::json!([{ "path": "app.py", "kind": "file", "executable": false, "size": 3,
        "sha256": Digest::of(b"app") }]);
    Staging {
        info: serde_json::from_value(serde_json::json!({ "version": "v1.5.0", "tag": "v1.5.0", "commit": null,
            "source": { "from": "archive", "repository": "o/diary" } }))
        .unwrap(),
        settings: serde_json::from_value(settings()).unwrap(),
        manifest: serde_json::from_value(entry).unwrap(),
        by: "me".to_owned(),
        allow: Vec::new(),
    }
}

fn settings() -> serde_json::Value {
    serde_json::json!({
        "app": "diary", "environment": "production", "repository": null, "root": "/srv/d", "link": "/srv/d/current",
        "keep": 5, "shared": [], "assets": [], "build": [], "build_timeout": 1, "migrate": null, "services": [],
        "checks": [], "environment_file": null, "window": 60, "hard_limit": 600, "activate_timeout": 30
    })
}

fn check(word: &str, subject: &str, verdict: Verdict, saw: &str, method: Option<&str>) -> CheckResult {
    CheckResult {
        word: word.to_owned(),
        subject: subject.to_owned(),
        verdict,
        saw: saw.into(),
        method: method.map(str::to_owned),
        took_ms: 120,
    }
}

fn meta() -> RunMeta {
    RunMeta {
        app: Some(AppName::new("diary").unwrap()),
        environment: Some(EnvironmentName::new("production").unwrap()),
        repository: Some("o/diary".to_owned()),
        server_url: Some("https://github.com".to_owned()),
        run_url: Some("https://github.com/o/diary/actions/runs/9".to_owned()),
        rollback_workflow: String::new(),
        rollback_inputs: vec!["environment".to_owned(), "version".to_owned()],
        config: Some(".github/rollback-deploy.yml of the workspace".to_owned()),
        ..RunMeta::default()
    }
}

fn deployed(story: &mut Story, target: &str) {
    let staged = Staged { release: id("v1.5.0"), reused: false, files_sent: 3, bytes_sent: 9, files_cloned: 1 };
    let step = SetupStep { what: "the root face".to_owned(), done: true, changed: true };
    let setup = Answer::Done(Box::new(Report::Setup(vec![step])));
    story
        .inspected(target, status("v1.4.1", Some("v1.4.0")))
        .tell(Some(target), Fact::SetUp(Box::new(setup)))
        .report(
            target,
            Act::Recover { allow: Vec::new() },
            Report::Recovered { ending: None, rubbish: Vec::new(), strangers: vec![] },
        )
        .report(target, Act::Prepare(Box::new(staging())), Report::Staged(staged))
        .begun(target, Operation::Deploy, "v1.5.0", "v1.4.1")
        .activated(target);
}

#[test]
fn a_deploy_that_went_well() {
    let mut story = Story::of("deploy", "v1.5.0");
    for target in ["web-1", "web-2"] {
        deployed(&mut story, target);
        story.verified(target).confirmed(target, "v1.5.0");
    }
    insta::assert_snapshot!(story.shown(Outcome::Done));
    let outputs = story.run.outputs(Outcome::Done);
    let expected = ["done", "0", "v1.5.0", "v1.4.1", "v1.4.1", "", "", ""];
    assert_eq!(outputs.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(
        sentence(&story.run, Outcome::Done, &meta()).expose(),
        "v1.5.0 of diary is live in production on 2 hosts, confirmed. Rollback target: v1.4.1."
    );
}

#[test]
fn nothing_to_do() {
    let mut story = Story::of("deploy", "v1.4.1");
    story.inspected("web-1", status("v1.4.1", Some("v1.4.0")));
    insta::assert_snapshot!(story.shown(Outcome::AlreadyLive));
    assert_eq!(story.run.rollback_target().as_deref(), Some("v1.4.0"));
}

#[test]
fn a_bad_release_went_back_by_itself() {
    let mut story = Story::of("deploy", "v1.5.0");
    deployed(&mut story, "web-1");
    let bad = check("http", "http://127.0.0.1:8000/health", Verdict::Fail, "500 <b>| oops</b> @team", None);
    story
        .tell(Some("web-1"), Fact::Started(Box::new(Act::Verify(txn()))))
        .tell(Some("web-1"), Fact::Checked(bad))
        .act("web-1", Act::Verify(txn()), Answer::Failed(Failure::failed("a check failed")))
        .tell(Some("web-1"), Fact::Failed(Failure::failed("http saw 500").hint("Look at the evidence.")))
        .undone("web-1", true);
    insta::assert_snapshot!(story.shown(Outcome::Failed));
    assert_eq!(story.run.recovered_seconds(), Some(3));
}

#[test]
fn a_rollback_on_request() {
    let mut story = Story::of("rollback", "v1.4.1");
    story
        .inspected("web-1", status("v1.5.0", Some("v1.4.1")))
        .begun("web-1", Operation::Rollback, "v1.4.1", "v1.5.0")
        .activated("web-1")
        .verified("web-1")
        .confirmed("web-1", "v1.4.1");
    assert_eq!(story.run.rollback_target(), None, "only the host knows where the next one would go");
    let after = Answer::Done(Box::new(Report::Status(status("v1.4.1", Some("v1.4.0")))));
    story.tell(Some("web-1"), Fact::Found(Box::new(Query::Status), Box::new(after)));
    insta::assert_snapshot!(story.shown(Outcome::Done));
    assert_eq!(story.run.recovered_seconds(), Some(3));
}

#[test]
fn a_refusal() {
    let mut story = Story::of("deploy", "v1.5.0");
    let why = Failure::liftable(Allow::Drift, "the live link was moved by hand").on_host("/srv/d/current");
    story
        .inspected("web-1", status("v1.4.1", None))
        .act("web-1", Act::Recover { allow: Vec::new() }, Answer::Refused(why.clone()))
        .tell(Some("web-1"), Fact::Failed(why));
    insta::assert_snapshot!(story.shown(Outcome::Refused));
}

#[test]
fn a_split_names_each_target() {
    let mut story = Story::of("deploy", "v1.5.0");
    for target in ["web-1", "web-2"] {
        deployed(&mut story, target);
        story.verified(target);
    }
    story.confirmed("web-1", "v1.5.0");
    story.tell(Some("web-2"), Fact::Failed(Failure::new(Kind::Split, "web-2 was undone before it could be confirmed")));
    story.undone("web-2", true);
    insta::assert_snapshot!(story.shown(Outcome::Split));
    assert_eq!(story.run.rollback_target(), None);
}

#[test]
fn an_unreachable_target_says_when_it_settles() {
    let mut story = Story::of("deploy", "v1.5.0");
    deployed(&mut story, "web-1");
    let why = Failure::new(Kind::Unknown { settles_in: Some(Seconds(70)) }, "web-1 does not answer any more");
    story.tell(Some("web-1"), Fact::Failed(why));
    insta::assert_snapshot!(story.shown(Outcome::Unknown));
    assert_eq!(story.run.targets[0].now(), Err(()));
}

#[test]
fn a_question_is_answered_in_the_summary() {
    let mut story = Story::of("status", "");
    story.run.version = None;
    let found = Answer::Done(Box::new(Report::Status(status("v1.4.1", Some("v1.4.0")))));
    story.tell(Some("web-1"), Fact::Found(Box::new(Query::Status), Box::new(found)));
    insta::assert_snapshot!(story.shown(Outcome::Done));
}

proptest::proptest! {
    #[test]
    fn what_a_host_says_is_only_text(text in "[<>|`@#\\[\\]()!*_\n\r\t a:/w.-]{0,60}") {
        let mut story = Story::of("deploy", "v1.5.0");
        deployed(&mut story, "web-1");
        let said = text.as_str();
        let why = Failure::failed(said).on_host(said).hint(said).because(said);
        story
            .tell(Some("web-1"), Fact::Checked(check(said, said, Verdict::Fail, said, Some(said))))
            .tell(Some("web-1"), Fact::Failed(why))
            .tell(Some("web-1"), Fact::Warned(said.to_owned()))
            .tell(None, Fact::Ended(Outcome::Failed));
        let meta = RunMeta {
            notes: vec![said.to_owned()],
            config: Some(said.to_owned()),
            artifacts: vec![(said.to_owned(), Some(format!("https://evil.example/{said}")))],
            ..meta()
        };
        let page = summary(&story.run, Outcome::Failed, &meta, &Masker::new());
        let mut fence: Option<String> = None;
        for line in page.lines() {
            let ticks: String = line.chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if line == open => fence = None,
                Some(_) => continue,
                None if ticks.len() >= 3 => fence = Some(ticks),
                None => {}
            }
            let ours = line.replace("<code>", "").replace("</code>", "").replace("<!-- -->", "");
            proptest::prop_assert!(!ours.contains('<'), "{}", line);
            proptest::prop_assert!(!line.contains("](") || line.contains("](https://github.com/o/diary/"), "{}", line);
            proptest::prop_assert!(!line.contains('@'), "{}", line);
            if line.starts_with('|') {
                proptest::prop_assert!([6, 8].contains(&line.matches('|').count()), "{}", line);
            }
            if line.starts_with('#') {
                let known = ["What to do now", "The way back", "Targets", "Checks", "Timeline", "Notes", "Evidence and artifacts"];
                proptest::prop_assert!(known.iter().any(|title| line == format!("### {title}")), "{}", line);
            }
        }
        proptest::prop_assert_eq!(fence, None);
    }
}
