//! The loop against targets that never answer, and the words it says then.

use rollback_deploy_core::model::{SchemaVerdict, Seconds, WatchdogKind};
use rollback_deploy_core::plan::{Event, TargetPlan, Wanted};
use rollback_deploy_core::wire::Report;

use super::*;
use crate::engine::Events;
use crate::engine::events::Reader;
use crate::target::fake::{Fake, checked, reported};

/// Keeps what was told, and stops the run once a word was said.
struct Ears {
    heard: Arc<std::sync::Mutex<Vec<String>>>,
    stop: Stop,
    at: &'static str,
}

impl Reader for Ears {
    fn read(&mut self, event: &Event) {
        let text = match &event.fact {
            Fact::Started(act) => act.word().to_owned(),
            Fact::Confirming => "confirm".to_owned(),
            Fact::Lost(failure) => failure.what.clone(),
            Fact::Warned(what) => what.clone(),
            _ => return,
        };
        if text == self.at {
            self.stop.because_of(2);
        }
        self.heard.lock().unwrap().push(text);
    }
}

fn plan() -> Plan {
    let target = TargetPlan {
        label: Label::new("a").unwrap(),
        txn: TxnId::new("t").unwrap(),
        wanted: Wanted::There { release: ReleaseId::new("v1").unwrap(), with_env: false },
        window: Seconds(60),
        hard_limit: Seconds(600),
        keep: 5,
        version: ReleaseId::new("v1").unwrap(),
        checked_outside: false,
    };
    Plan {
        operation: Operation::Deploy,
        targets: vec![target],
        allow: vec![],
        wait: Seconds(0),
        hold: None,
        by: "me".into(),
    }
}

fn proven() -> Answer {
    reported(Report::Confirmed(crate::target::fake::proven("v1")))
}

/// Runs against a host that never answers the word; the run is ended at once when it is asked.
async fn silent(at: &'static str) -> (Outcome, String, String) {
    let target = Arc::new(Fake::new("a", move |word, _| if word == at { None } else { fine(word) }));
    let fleet: Fleet = [(target.label().clone(), target.clone() as Arc<dyn Target>)].into();
    let (heard, stop) = (Arc::default(), Stop::default());
    let ears = Ears { heard: Arc::clone(&heard), stop: stop.clone(), at };
    let ended = run_within(&plan(), &fleet, &Events::new(vec![Box::new(ears)]), &stop, Duration::from_millis(50)).await;
    let heard = heard.lock().unwrap().join("\n");
    (ended.outcome, target.asked(), heard)
}

fn fine(word: &str) -> Option<Answer> {
    Some(reported(match word {
        "recover" => Report::Recovered { ending: None, rubbish: vec![], strangers: vec![] },
        "begin" => Report::Begun { previous: None, settles_in: Seconds(60), preempted: None, environment: vec![] },
        "arm" => Report::Armed { watchdog: WatchdogKind::Systemd },
        "migrate" => Report::Migrated { schema: SchemaVerdict::None, ran: false },
        "activate" => Report::Activated { proofs: vec![checked(Verdict::Pass)], settles_in: Seconds(60) },
        "verify" => Report::Checked(vec![checked(Verdict::Pass)]),
        "confirm" => return Some(proven()),
        "prune" => return Some(Answer::Failed(Failure::failed("no room"))),
        _ => return None,
    }))
}

#[tokio::test]
async fn once_time_is_up_an_act_under_way_is_handed_over_to_the_host() {
    let (outcome, asked, heard) = silent("activate").await;
    assert_eq!(outcome, Outcome::Unknown);
    assert!(asked.ends_with("activate abort"), "the undo is sent all the same: {asked}");
    assert!(heard.contains("settles itself by "), "{heard}");
}

#[tokio::test]
async fn a_confirm_is_handed_over_too() {
    let (outcome, asked, heard) = silent("confirm").await;
    assert_eq!(outcome, Outcome::Unknown, "{heard}");
    assert!(asked.contains("confirm"), "{asked}");
    assert!(heard.contains("settles itself by "), "{heard}");
}

#[tokio::test]
async fn tidying_up_that_fails_is_a_warning() {
    let (outcome, asked, heard) = silent("nothing").await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(asked.matches("prune").count(), 1, "{asked}");
    assert!(heard.ends_with("old releases were not removed: no room"), "{heard}");
}

#[tokio::test]
async fn a_host_that_was_asked_to_end_is_told_by_which_signal() {
    /// Keeps the kinds of failed answers.
    struct Kinds(Arc<std::sync::Mutex<Vec<Kind>>>, Stop);
    impl Reader for Kinds {
        fn read(&mut self, event: &Event) {
            match &event.fact {
                Fact::Started(act) if act.word() == "activate" => self.1.because_of(2),
                Fact::Answered(_, answer) => {
                    if let Answer::Failed(failure) = answer.as_ref() {
                        self.0.lock().unwrap().push(failure.kind.clone());
                    }
                }
                _ => {}
            }
        }
    }
    let ended = Answer::Undone(rollback_deploy_core::model::Ending {
        txn: TxnId::new("t").unwrap(),
        release: ReleaseId::new("v1").unwrap(),
        now: None,
        healthy: true,
        why: String::new(),
        marked_bad: false,
        recovered_seconds: 0,
        evidence: None,
    });
    // The host's own word for "ended from outside".
    let cancelled = Answer::Failed(Failure::new(Kind::Cancelled { signal: 15 }, "it was ended"));
    let target = Arc::new(Fake::new("a", move |word, _| match word {
        "activate" => Some(cancelled.clone()),
        "abort" => Some(ended.clone()),
        word => fine(word),
    }));
    let fleet: Fleet = [(target.label().clone(), target.clone() as Arc<dyn Target>)].into();
    let (kinds, stop) = (Arc::default(), Stop::default());
    let events = Events::new(vec![Box::new(Kinds(Arc::clone(&kinds), stop.clone()))]);
    let ended = run(&plan(), &fleet, &events, &stop).await;
    assert_eq!(ended.outcome, Outcome::Cancelled { signal: 2 });
    assert_eq!(*kinds.lock().unwrap(), [Kind::Cancelled { signal: 2 }]);
}

#[tokio::test]
async fn what_does_not_end_when_asked_leaves_time_for_the_undo() {
    let undone = rollback_deploy_core::model::Ending {
        txn: TxnId::new("t").unwrap(),
        release: ReleaseId::new("v1").unwrap(),
        now: None,
        healthy: true,
        why: String::new(),
        marked_bad: false,
        recovered_seconds: 0,
        evidence: None,
    };
    let target = Arc::new(Fake::new("a", move |word, _| match word {
        "activate" => None,
        "abort" => Some(Answer::Undone(undone.clone())),
        word => fine(word),
    }));
    let fleet: Fleet = [(target.label().clone(), target.clone() as Arc<dyn Target>)].into();
    let stop = Stop::default();
    let ears = Ears { heard: Arc::default(), stop: stop.clone(), at: "activate" };
    let settle = Duration::from_secs(1);
    let ended = run_within(&plan(), &fleet, &Events::new(vec![Box::new(ears)]), &stop, settle).await;
    assert_eq!(ended.outcome, Outcome::Cancelled { signal: 2 });
    assert!(target.asked().ends_with("activate abort"), "{}", target.asked());
}

#[tokio::test]
async fn who_is_waited_for_is_told_once() {
    /// Keeps what a person would read about waiting.
    struct Lines(Arc<std::sync::Mutex<Vec<String>>>);
    impl Reader for Lines {
        fn read(&mut self, event: &Event) {
            let line = match &event.fact {
                Fact::Step(words) => words.clone(),
                Fact::Started(act) if act.word() == "begin" => "begin".to_owned(),
                Fact::Answered(act, answer) if act.word() == "begin" => match answer.as_ref() {
                    Answer::Busy(holder) => format!("busy {}", holder.by),
                    _ => "begun".to_owned(),
                },
                _ => return,
            };
            self.0.lock().unwrap().push(line);
        }
    }
    let holder = |by: &str| {
        Answer::Busy(rollback_deploy_core::wire::act::Holder {
            txn: TxnId::new(format!("of-{by}")).unwrap(),
            operation: Operation::Deploy,
            release: ReleaseId::new("v9").unwrap(),
            by: by.to_owned(),
            at: String::new(),
            settles_in: Seconds(60),
        })
    };
    let target = Arc::new(Fake::new("a", move |word, times| match (word, times) {
        ("begin", 1..3) => Some(holder("ada")),
        ("begin", 3) => Some(holder("ben")),
        (word, _) => fine(word),
    }));
    let fleet: Fleet = [(target.label().clone(), target.clone() as Arc<dyn Target>)].into();
    let heard = Arc::default();
    let events = Events::new(vec![Box::new(Lines(Arc::clone(&heard)))]);
    let plan = Plan { wait: Seconds(60), ..plan() };
    assert_eq!(run(&plan, &fleet, &events, &Stop::default()).await.outcome, Outcome::Done);
    assert_eq!(
        heard.lock().unwrap().join("\n"),
        "begin\nbusy ada\nwaiting at most 60 s; a: a deploy of v9 by ada is open\n\
         begin\nbusy ben\nwaiting at most 60 s; a: a deploy of v9 by ben is open\nbegin\nbegun"
    );
}
