//! What the post step does with a rollback that was cut off after its switch.

use rollback_deploy_core::model::{ReleaseId, Seconds, TxnId, Verdict};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::engine::Events;
use crate::target::fake::{Fake, checked, proven, reported};

fn open() -> Open {
    Open {
        txn: TxnId::new("t").unwrap(),
        operation: Operation::Rollback,
        release: ReleaseId::new("v1").unwrap(),
        previous: ReleaseId::new("v2").ok(),
        by: "me".into(),
        at: String::new(),
        switched: true,
        aborting: false,
        held: false,
        settles_in: Seconds(30),
    }
}

async fn kept(verdict: Verdict) -> (Result<Outcome, Failure>, String) {
    let host = Fake::new("a", move |word, _| match word {
        "activate" => {
            Some(reported(Report::Activated { proofs: vec![checked(Verdict::Pass)], settles_in: Seconds(30) }))
        }
        "verify" => Some(reported(Report::Checked(vec![checked(verdict)]))),
        "confirm" => Some(reported(Report::Confirmed(proven("v1")))),
        _ => None,
    });
    let cx = Cx { events: Events::new(vec![]), stop: CancellationToken::new() };
    (keep(&cx, &host, &open()).await, host.asked())
}

#[tokio::test]
async fn a_switched_rollback_that_works_is_made_permanent() {
    assert_eq!(kept(Verdict::Pass).await, (Ok(Outcome::Done), "activate verify confirm".to_owned()));
}

#[tokio::test]
async fn a_switched_rollback_that_does_not_pass_is_left_to_the_host() {
    let (ended, asked) = kept(Verdict::Fail).await;
    let failure = ended.unwrap_err();
    assert_eq!(failure.outcome(), Outcome::Unknown);
    assert!(failure.what.contains("settles itself by "), "{}", failure.what);
    assert_eq!(asked, "activate verify", "it is not taken back to the release it left");
}

#[test]
fn a_pull_request_is_refused_also_where_the_runner_says_no_commit() {
    for sha in [None, rollback_deploy_core::model::Commit::new("b".repeat(40)).ok()] {
        let github = Context { event: "pull_request".to_owned(), sha: sha.clone(), ..Context::default() };
        assert_eq!(refuse_event(&run_event(&github)).unwrap_err().outcome(), Outcome::Input, "{sha:?}");
        let github = Context { event: "push".to_owned(), sha, ..Context::default() };
        assert!(refuse_event(&run_event(&github)).is_ok());
    }
}
