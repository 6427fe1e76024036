use rollback_deploy_core::model::{Allow, Kind, Place, TxnId};
use rollback_deploy_core::wire::Report;
use rollback_deploy_core::wire::act::{Fault, Holder, Staged};

use super::*;

fn shown(saying: &Saying) -> String {
    let mut text = saying.head.expose().to_owned();
    for note in &saying.notes {
        text += &["\n  ", note.mark.word(), note.text.expose()].concat();
    }
    text
}

#[test]
fn a_failure_says_what_where_why_and_what_to_do() {
    let why =
        Failure::liftable(Allow::Drift, "the live link was moved by hand").on_host("/var/www/diary").because("old");
    insta::assert_snapshot!(shown(&failure(&why)), @r"
    refused: the live link was moved by hand
      where: /var/www/diary on the host
      because: old
      next: To go on all the same: allow: drift (command line: --allow drift).
    ");
    let why = Failure::new(Kind::Unknown { settles_in: Some(Seconds(90)) }, "web-1 does not answer");
    insta::assert_snapshot!(shown(&failure(&why)), @r"
    unknown: web-1 does not answer
      next: The target settles itself within 90 s; then ask: rollback-deploy status.
    ");
    let at = Place::File { path: ".github/rollback-deploy.yml".to_owned(), at: Some((3, 5)) };
    assert_eq!(place(&at), ".github/rollback-deploy.yml:3:5");
}

#[test]
fn answers_name_what_a_person_needs() {
    let id = |text: &str| ReleaseId::new(text).unwrap();
    let staged = Staged { release: id("v1.5.0"), reused: false, files_sent: 12, bytes_sent: 2048, files_cloned: 300 };
    let act = Act::Arm(TxnId::new("t1").unwrap());
    let holder = Holder {
        txn: TxnId::new("t0").unwrap(),
        operation: rollback_deploy_core::model::Operation::Deploy,
        release: id("v1.4.9"),
        by: "anna@laptop".to_owned(),
        at: "2026-11-23T10:00:00Z".to_owned(),
        settles_in: Seconds(40),
    };
    let all = [
        Answer::Done(Box::new(Report::Staged(staged))),
        Answer::Busy(holder),
        Answer::Held { settles_in: Seconds(600) },
    ];
    let text: Vec<String> = all.iter().filter_map(|one| answer(&act, one)).map(|saying| shown(&saying)).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    v1.5.0 staged: 12 files sent (2.00 KiB), 300 taken from a release here
    busy: a deploy of v1.4.9 is open, by anna@laptop since 2026-11-23T10:00:00Z
      next: It settles itself within 40 s; or wait for it with the input wait.
      next: A rollback does not wait: it undoes an open deploy first.
    held for a person's decision, for at most 10 min
    ");
}

#[test]
fn an_undo_says_what_runs_now() {
    let ending = Ending {
        txn: TxnId::new("t1").unwrap(),
        release: ReleaseId::new("v1.5.0").unwrap(),
        now: Some(ReleaseId::new("v1.4.1").unwrap()),
        healthy: true,
        why: "http /health: status 500".to_owned(),
        marked_bad: true,
        recovered_seconds: 3,
        evidence: Some("evidence/t1.tar.gz".to_owned()),
    };
    insta::assert_snapshot!(shown(&undone(&ending)), @r"
    v1.5.0 was undone, v1.4.1 runs and is healthy after 3 s
      because: http /health: status 500
      evidence on the host: evidence/t1.tar.gz
      v1.5.0 is marked bad here: deploying it again needs allow: known-bad
    ");
}

#[test]
fn a_check_says_what_it_saw_and_how() {
    let result = CheckResult {
        word: "proof".to_owned(),
        subject: "web.service".to_owned(),
        verdict: Verdict::Fail,
        saw: "cwd of 71 is releases/v1.4.1".into(),
        method: Some("processes".to_owned()),
        took_ms: 1234,
    };
    assert_eq!(
        check(&result).head.expose(),
        "fail proof web.service, by processes (1.2 s): saw cwd of 71 is releases/v1.4.1"
    );
}

#[test]
fn signs_of_life_are_not_worth_a_line() {
    let txn = TxnId::new("t1").unwrap();
    let renew = Act::Renew { txn, window: Seconds(60) };
    assert_eq!(fact(&Fact::Started(Box::new(renew.clone()))), None);
    let done = Answer::Done(Box::new(Report::Renewed { settles_in: Seconds(60) }));
    assert_eq!(fact(&Fact::Answered(Box::new(renew), Box::new(done))), None);
    let abort = Act::Abort { txn: None, why: "cancelled".to_owned(), fault: Fault::World };
    assert_eq!(doing(&abort), "go back: cancelled");
}

#[test]
fn a_host_itself_is_not_on_the_host() {
    let told = failure(&Failure::failed("it does not answer").at(Place::Machine("web-1 (192.0.2.10)".into())));
    assert_eq!(told.notes[0].text.expose(), "web-1 (192.0.2.10)");
    assert_eq!(place(&Place::Host("/srv/d".into())), "/srv/d on the host");
}
