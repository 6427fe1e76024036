use rollback_deploy_core::wire::{Answer, Logs, Query, Report, Request};

use super::super::{Notice, far_end, testing};
use super::*;

fn link(folder: &tempfile::TempDir) -> LocalLink {
    let root = AbsPath::new(folder.path().to_str().unwrap()).unwrap();
    LocalLink::new(far_end::program(folder.path()), root, testing::hello())
}

async fn status(channel: &mut dyn Channel) -> Vec<String> {
    match channel.call(Request::Ask(Query::Status), None, &mut |_| {}).await.unwrap() {
        Answer::Done(report) => match *report {
            Report::History(lines) => lines,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_connection_is_a_process_of_its_own_with_a_clean_environment() {
    let folder = tempfile::tempdir().unwrap();
    let link = link(&folder).with_env("HOME", "/home/deploy");
    let mut groups = Vec::new();
    for _ in 0..2 {
        let mut channel = link.connect().await.unwrap();
        let lines = status(&mut *channel).await;
        assert!(lines.contains(&"HOME=/home/deploy".to_owned()), "{lines:?}");
        assert!(lines.contains(&format!("FAR_ROOT={}", folder.path().display())));
        assert!(!lines.iter().any(|line| line.starts_with("CARGO")), "{lines:?}");
        groups.extend(lines.into_iter().filter(|line| line.starts_with("group=")));
        channel.close().await;
    }
    groups.push(format!("group={}", rustix::process::getpgrp().as_raw_nonzero()));
    groups.sort();
    groups.dedup();
    assert_eq!(groups.len(), 3, "each in a group of its own");
}

#[tokio::test]
async fn a_cancel_ends_what_is_under_way_and_an_end_without_answer_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let mut channel = link(&folder).connect().await.unwrap();
    let canceller = channel.canceller();
    let logs = Request::Ask(Query::Logs(Logs { sources: vec![], lines: 0, follow: true }));
    let mut hear = |notice| {
        assert!(matches!(notice, Notice::Step(_)));
        canceller.cancel();
    };
    let answer = channel.call(logs, None, &mut hear).await.unwrap();
    assert_eq!(answer, Answer::Done(Box::new(Report::LogsEnded)));
    let history = Request::Ask(Query::History { limit: 1 });
    let failure = channel.call(history, None, &mut |_| {}).await.unwrap_err();
    assert_eq!(failure.outcome(), rollback_deploy_core::model::Outcome::Unknown);
    channel.close().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_or_says_nothing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = AbsPath::new("/srv/web").unwrap();
    for program in ["/no/such/program", "/bin/true"] {
        let link = LocalLink::new(program.into(), root.clone(), testing::hello());
        assert!(link.connect().await.is_err(), "{program}");
    }
    drop(folder);
}
