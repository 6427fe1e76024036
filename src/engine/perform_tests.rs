//! The loop against targets that never answer, and the words it says then.

use rollback_deploy_core::model::{SchemaVerdict, Seconds, TxnId, WatchdogKind};
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
            self.stop.because_of(15);
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
        "recover" => Report::Recovered { ending: None, rubbish: vec![] },
        "begin" => Report::Begun { previous: None, settles_in: Seconds(60), preempted: None },
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
