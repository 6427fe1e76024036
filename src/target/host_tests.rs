//! A host behind a link that answers by a script: what is asked on which connection, and when.

use std::sync::atomic::{AtomicUsize, Ordering};

use rollback_deploy_core::model::{Digest, OnExpiry, Operation, SchemaVerdict, Verdict};
use rollback_deploy_core::wire::Intent;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::engine::Events;
use crate::target::fake::{checked, proven, reported};
use crate::transport::Canceller;

type Script = dyn Fn(&str, usize) -> Option<Answer> + Send + Sync;

/// What the script leaves out breaks the connection.
#[derive(Clone)]
struct Wire {
    script: Arc<Script>,
    connections: Arc<AtomicUsize>,
    asked: Arc<std::sync::Mutex<Vec<(usize, String)>>>,
    renewals: watch::Sender<usize>,
    /// An activation takes until the window was renewed once.
    slow: bool,
    /// The first activation is never answered.
    stuck: bool,
}

impl Wire {
    fn new(script: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            connections: Arc::default(),
            asked: Arc::default(),
            renewals: watch::channel(0).0,
            slow: false,
            stuck: false,
        }
    }

    fn host(&self) -> HostTarget {
        HostTarget::new(Label::new("a").unwrap(), Arc::new(self.clone()))
    }

    fn asked(&self) -> String {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(at, word)| format!("{at}:{word}")).collect::<Vec<_>>().join(" ")
    }

    async fn renewed(&self) {
        let mut renewals = self.renewals.subscribe();
        let seen = renewals.wait_for(|count| *count > 0);
        tokio::time::timeout(Duration::from_secs(20), seen).await.unwrap().unwrap();
    }
}

struct End {
    wire: Wire,
    number: usize,
    digest: Digest,
}

#[async_trait]
impl Link for Wire {
    fn describe(&self) -> String {
        "a script".into()
    }
    async fn connect(&self) -> Result<Box<dyn Channel>, Failure> {
        let number = self.connections.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Box::new(End { wire: self.clone(), number, digest: Digest::of(b"") }))
    }
}

#[async_trait]
impl Channel for End {
    fn agent(&self) -> &Digest {
        &self.digest
    }
    async fn call(
        &mut self,
        request: Request,
        _contents: Option<&dyn Contents>,
        _hear: &mut (dyn FnMut(Notice) + Send),
    ) -> Result<Answer, Failure> {
        let word = match &request {
            Request::Act(act) => act.word(),
            Request::Confirm(_) => "confirm",
            Request::Ask(_) | Request::Setup(_) => "ask",
        };
        let times = {
            let mut asked = self.wire.asked.lock().unwrap();
            asked.push((self.number, word.to_owned()));
            asked.iter().filter(|(_, one)| one == word).count()
        };
        if word == "renew" {
            self.wire.renewals.send_modify(|count| *count += 1);
        }
        if word == "activate" && self.wire.stuck && times == 1 {
            std::future::pending::<()>().await;
        }
        if word == "activate" && self.wire.slow {
            self.wire.renewed().await;
        }
        (self.wire.script)(word, times).ok_or_else(|| Failure::new(Kind::Unknown { settles_in: None }, "cut"))
    }
    fn canceller(&self) -> Canceller {
        Canceller::new(|| {})
    }
    async fn close(self: Box<Self>) {}
}

fn txn() -> TxnId {
    TxnId::new("t").unwrap()
}

fn begin(window: u64) -> Act {
    Act::Begin(Box::new(Intent {
        txn: txn(),
        operation: Operation::Deploy,
        release: ReleaseId::new("v1").unwrap(),
        on_expiry: OnExpiry::Undo,
        schema: SchemaVerdict::None,
        window: Seconds(window),
        hard_limit: Seconds(600),
        with_env: false,
        by: "me".into(),
        allow: vec![],
    }))
}

/// A host that gives so many seconds.
fn gives(window: u64) -> impl Fn(&str, usize) -> Option<Answer> + Send + Sync {
    let settles_in = Seconds(window);
    move |word, _| {
        Some(reported(match word {
            "begin" => Report::Begun { previous: None, settles_in, preempted: None, environment: vec![] },
            "activate" => Report::Activated { proofs: vec![checked(Verdict::Pass)], settles_in },
            "renew" => Report::Renewed { settles_in },
            "abort" => Report::NothingOpen,
            "confirm" => Report::Confirmed(proven("v1")),
            _ => return None,
        }))
    }
}

fn cx() -> Cx {
    Cx { events: Events::new(vec![]), stop: CancellationToken::new() }
}

#[tokio::test]
async fn an_idle_open_change_is_renewed_until_it_is_taken_back() {
    let wire = Wire::new(gives(3));
    let host = wire.host();
    host.perform(&begin(3), &cx()).await.unwrap();
    wire.renewed().await;
    let abort =
        Act::Abort { txn: Some(txn()), why: "why".into(), fault: rollback_deploy_core::wire::act::Fault::World };
    host.perform(&abort, &cx()).await.unwrap();
    assert!(host.inner.lock().await.keeper.is_none(), "nothing is renewed behind an abort");
    assert_eq!(host.settles_in(), None);
    assert!(wire.asked().starts_with("1:begin 2:renew"), "on a connection of its own: {}", wire.asked());
    assert!(wire.asked().ends_with("1:abort"), "{}", wire.asked());
}

#[tokio::test]
async fn a_renewal_never_waits_for_the_act_under_way() {
    let mut wire = Wire::new(gives(3));
    wire.slow = true;
    let host = wire.host();
    host.perform(&begin(3), &cx()).await.unwrap();
    let answer = host.perform(&Act::Activate(txn()), &cx()).await.unwrap();
    assert!(matches!(answer, Answer::Done(_)), "{answer:?}");
}

#[tokio::test]
async fn the_agreement_and_the_confirm_share_a_connection_made_after_activation() {
    let proof = Proof::by_person(&txn(), "me");
    let wire = Wire::new(gives(60));
    let host = wire.host();
    host.perform(&Act::Activate(txn()), &cx()).await.unwrap();
    host.perform(&Act::Renew { txn: txn(), window: Seconds(60) }, &cx()).await.unwrap();
    host.confirm(proof.clone(), &cx()).await.unwrap();
    assert_eq!(wire.asked(), "1:activate 2:renew 2:confirm");
    let wire = Wire::new(gives(60));
    let host = wire.host();
    host.perform(&Act::Activate(txn()), &cx()).await.unwrap();
    host.confirm(proof, &cx()).await.unwrap();
    assert_eq!(wire.asked(), "1:activate 2:confirm", "one host alone agrees with nobody");
}

#[tokio::test]
async fn a_change_whose_window_is_over_is_asked_how_it_ended() {
    let wire = Wire::new(|word, times| match (word, times) {
        ("begin", _) => gives(1)("begin", 1),
        ("activate", 1) => Some(Answer::Refused(Failure::failed("the window of this change is over"))),
        ("activate", _) => gives(60)("confirm", 1),
        _ => None,
    });
    let host = wire.host();
    host.perform(&begin(1), &cx()).await.unwrap();
    let answer = host.perform(&Act::Activate(txn()), &cx()).await.unwrap();
    assert!(matches!(answer, Answer::Done(report) if matches!(*report, Report::Confirmed(_))));
    assert_eq!(wire.asked().matches("activate").count(), 2, "{}", wire.asked());
}

#[tokio::test]
async fn a_refusal_with_time_left_is_told_at_once() {
    let wire = Wire::new(|word, _| match word {
        "begin" => gives(60)("begin", 1),
        _ => Some(Answer::Refused(Failure::failed("no"))),
    });
    let host = wire.host();
    host.perform(&begin(60), &cx()).await.unwrap();
    let answer = host.perform(&Act::Activate(txn()), &cx()).await.unwrap();
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    assert_eq!(wire.asked(), "1:begin 1:activate");
}

#[tokio::test]
async fn a_run_that_is_ended_asks_nothing_again_and_says_until_when() {
    let wire = Wire::new(|word, _| (word == "begin").then(|| gives(60)("begin", 1))?);
    let host = wire.host();
    host.perform(&begin(60), &cx()).await.unwrap();
    let ended = cx();
    ended.stop.cancel();
    let failure = host.perform(&Act::Activate(txn()), &ended).await.unwrap_err();
    assert!(failure.what.contains("settles itself by "), "{}", failure.what);
    assert_eq!(wire.asked(), "1:begin 1:activate");
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_followed_by_a_new_connection() {
    let mut wire = Wire::new(gives(60));
    wire.slow = true;
    let host = wire.host();
    let cx = Cx { events: Events::new(vec![]), stop: CancellationToken::new() };
    host.perform(&begin(60), &cx).await.unwrap();
    // Given up in the middle, as the engine does when a signal came and the host does not end its step.
    let given_up = tokio::time::timeout(Duration::from_millis(20), host.perform(&Act::Activate(txn()), &cx)).await;
    assert!(given_up.is_err());
    let abort = Act::Abort { txn: None, why: String::new(), fault: rollback_deploy_core::wire::act::Fault::World };
    host.perform(&abort, &cx).await.unwrap();
    let asked = wire.asked();
    let of = |word: &str| asked.split(' ').find_map(|one| one.strip_suffix(word)).unwrap().to_owned();
    assert_ne!(of(":activate"), of(":abort"), "{asked}");
}

#[tokio::test]
async fn a_host_that_is_alive_but_stuck_is_asked_again_when_its_deadline_is_over() {
    let wire = Wire { stuck: true, ..Wire::new(gives(1)) };
    let mut host = wire.host();
    host.patience = (Duration::from_millis(10), Duration::from_millis(10));
    host.perform(&begin(1), &cx()).await.unwrap();
    // Nothing renews it: the host does not answer that either.
    host.inner.lock().await.keeper = None;
    let answer = host.perform(&Act::Activate(txn()), &cx()).await.unwrap();
    assert!(matches!(answer, Answer::Done(_)), "{answer:?}");
    assert_eq!(wire.asked(), "1:begin 1:activate 2:activate");
}
