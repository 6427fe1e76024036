//! Where a rollback goes when a deploy is open, against hosts that answer by a script.

use std::sync::Arc;

use rollback_deploy_core::file::load;
use rollback_deploy_core::model::{Ending, SchemaVerdict, Seconds, Verdict, WatchdogKind};

use super::*;
use crate::engine::Events;
use crate::engine::perform::Stop;
use crate::target::fake::{Fake, checked, proven, reported};

fn world() -> World {
    let text =
        "version: 1\napp: diary\nenvironments:\n  production:\n    hosts: { a: me@192.0.2.1 }\n    root: /srv/diary\n";
    World {
        environment: load(text, "deploy.yml").and_then(|file| file.environment(None)).unwrap(),
        links: vec![],
        by: "me".into(),
        allow: vec![],
        events: Events::new(vec![]),
        stop: Stop::default(),
    }
}

fn id(text: &str) -> ReleaseId {
    ReleaseId::new(text).unwrap()
}

/// A host that runs `live`, went there from `back`, and perhaps has a deploy open.
fn status(live: &str, back: &str, is_open: bool) -> Status {
    let open = Open {
        txn: TxnId::new("t").unwrap(),
        operation: Operation::Deploy,
        release: id("v3"),
        previous: Some(id(live)),
        by: "them".into(),
        at: String::new(),
        switched: true,
        aborting: false,
        held: false,
        settles_in: Seconds(30),
    };
    Status {
        confirmed: Some(proven(live)),
        way_back: Some(proven(back)),
        way_back_unknown: None,
        link: Some(id(live)),
        drift: None,
        open: is_open.then_some(open),
        last_undo: None,
        failed: None,
    }
}

fn undone() -> Answer {
    Answer::Undone(Ending {
        txn: TxnId::new("t").unwrap(),
        release: id("v3"),
        now: Some(id("v2")),
        healthy: true,
        why: "why".into(),
        marked_bad: false,
        recovered_seconds: 1,
        evidence: None,
    })
}

fn seen(status: Status) -> Answer {
    reported(Report::Status(status))
}

async fn goal(fake: &Fake, back: &[ReleaseId]) -> Result<Goal, Failure> {
    let world = world();
    let first = super::status(&world, fake).await;
    // A host that is silent, and one that has said what it goes back to.
    let heard = Heard::of(2, Duration::from_millis(1));
    heard.note(&To::default(), back.first().map(|back| status(back.as_str(), "v0", true)).as_ref());
    look(&world, fake, &To::default(), first, &heard).await.1
}

#[tokio::test]
async fn an_open_deploy_is_taken_back_and_that_is_all() {
    let host = Fake::new("a", |word, _| match word {
        "status" => Some(seen(status("v2", "v1", true))),
        "abort" => Some(undone()),
        _ => None,
    });
    assert!(matches!(goal(&host, &[]).await, Ok(Goal::Undone)));
    assert_eq!(host.asked(), "status abort");
}

#[tokio::test]
async fn a_deploy_that_was_confirmed_meanwhile_is_rolled_back() {
    let host = Fake::new("a", |word, times| match (word, times) {
        ("status", 1) => Some(seen(status("v2", "v1", true))),
        ("status", _) => Some(seen(status("v3", "v2", false))),
        ("abort", _) => Some(reported(Report::Confirmed(proven("v3")))),
        ("list", _) => Some(reported(Report::Releases(vec![]))),
        _ => None,
    });
    let Ok(Goal::Plan(plan)) = goal(&host, &[id("v2")]).await else { panic!("nothing is planned") };
    assert_eq!(plan.wanted, Wanted::There { release: id("v2"), with_env: false });
    assert_eq!(host.asked(), "status abort status list");
}

#[tokio::test]
async fn a_deploy_that_the_host_undid_meanwhile_is_back_already() {
    let host = Fake::new("a", |word, times| match (word, times) {
        ("status", 1) => Some(seen(status("v2", "v1", true))),
        ("status", _) => Some(seen(status("v2", "v1", false))),
        ("abort", _) => Some(reported(Report::NothingOpen)),
        ("list", _) => Some(reported(Report::Releases(vec![]))),
        _ => None,
    });
    let Ok(Goal::Plan(plan)) = goal(&host, &[id("v2")]).await else { panic!("nothing is planned") };
    assert_eq!(plan.wanted, Wanted::AlreadyLive(id("v2")), "not one further back");
}

#[tokio::test]
async fn a_host_that_took_no_part_in_an_open_deploy_stays_where_it_is() {
    let open = Arc::new(Fake::new("a", |word, _| match word {
        "status" => Some(seen(status("v2", "v1", true))),
        "abort" => Some(undone()),
        _ => None,
    }));
    let still = Arc::new(Fake::new("b", |word, _| match word {
        "status" => Some(seen(status("v2", "v1", false))),
        "list" => Some(reported(Report::Releases(vec![]))),
        _ => None,
    }));
    let fleet: Fleet = [
        (open.label().clone(), open.clone() as Arc<dyn Target>),
        (still.label().clone(), still.clone() as Arc<dyn Target>),
    ]
    .into();
    let ended = go_back(&world(), &To::default(), &fleet, GRACE).await;
    assert_eq!(ended.outcome, Outcome::Done);
    assert_eq!((open.asked().as_str(), still.asked().as_str()), ("status abort", "status list"));
}

/// What a host answers that goes back to a release.
fn goes_back(word: &str) -> Option<Answer> {
    Some(reported(match word {
        "status" => Report::Status(status("v2", "v1", false)),
        "list" => Report::Releases(vec![]),
        "recover" => Report::Recovered { ending: None, rubbish: vec![], strangers: vec![] },
        "begin" => {
            Report::Begun { previous: Some(id("v2")), settles_in: Seconds(60), preempted: None, environment: vec![] }
        }
        "arm" => Report::Armed { watchdog: WatchdogKind::Systemd },
        "migrate" => Report::Migrated { schema: SchemaVerdict::None, ran: false },
        "activate" => Report::Activated { proofs: vec![checked(Verdict::Pass)], settles_in: Seconds(60) },
        "verify" => Report::Checked(vec![checked(Verdict::Pass)]),
        "confirm" => Report::Confirmed(proven("v1")),
        "prune" => Report::Pruned { removed: vec![], kept: vec![] },
        _ => return None,
    }))
}

#[tokio::test]
async fn a_silent_host_keeps_no_other_from_going_back() {
    let going = Arc::new(Fake::new("a", |word, _| goes_back(word)));
    let silent = Arc::new(Fake::new("b", |_, _| None));
    let fleet: Fleet = [
        (going.label().clone(), going.clone() as Arc<dyn Target>),
        (silent.label().clone(), silent.clone() as Arc<dyn Target>),
    ]
    .into();
    let world = world();
    let (to, stop) = (To::default(), world.stop.clone());
    let run = go_back(&world, &to, &fleet, Duration::from_millis(1));
    let until_back = async {
        for _ in 0..3000 {
            if going.asked().ends_with("prune") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let asked = going.asked();
        stop.because_of(15);
        asked
    };
    let (ended, asked) = tokio::join!(run, until_back);
    assert_eq!(asked, "status list recover begin arm migrate activate verify confirm prune");
    assert_eq!(silent.asked(), "status", "it never answered");
    assert_eq!(ended.outcome, Outcome::Split);
    let courses = ended.story.map(|story| story.courses.into_keys().map(|label| label.to_string()).collect::<Vec<_>>());
    assert_eq!(courses, Some(vec!["a".to_owned()]));
}
