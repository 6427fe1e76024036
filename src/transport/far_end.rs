//! A stand-in for the agent in tests: the real end of the wire inside this very test program, wrapped in a script so
//! that it can be brought to a host like the real one.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::{Digest, ReleaseId};
use rollback_deploy_core::wire::{Answer, FromAgent, Query, Report, Request};

use super::testing::hello;
use crate::agent::wire_end::WireEnd;

/// Writes the script. Frames go through its standard error, because the test harness writes to standard output.
pub(super) fn program(folder: &Path) -> PathBuf {
    let path = folder.join("far-end");
    let own = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\nexport FAR_END=\"$0\" FAR_ROOT=\"$2\"\nexec {} --exact {} --ignored --nocapture 2>&1 >/dev/null\n",
        own.display(),
        "transport::far_end::far_end",
    );
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o755)
        .open(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    path
}

/// Not a test: what the script runs. It answers status with its root and environment, logs until cancelled, and ends
/// without an answer when asked for history.
#[test]
#[ignore = "run by the other tests of this room"]
#[expect(clippy::disallowed_methods, reason = "the stand-in learns from its wrapper who it is")]
fn far_end() {
    let Some(own) = std::env::var_os("FAR_END") else { return };
    let agent = Digest::of(&std::fs::read(own).unwrap());
    let Ok(end) = WireEnd::start(io::stdin(), io::stderr(), &hello(), agent) else { return };
    while let Some((id, request)) = end.next() {
        match request {
            Request::Ask(Query::Status) => {
                let mut lines: Vec<_> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
                lines.push(format!("group={}", rustix::process::getpgrp().as_raw_nonzero()));
                end.answer(id, Answer::Done(Box::new(Report::History(lines))));
            }
            Request::Ask(Query::Logs(_)) => {
                end.tell(FromAgent::Step(std::process::id().to_string()));
                while !end.cancelled() && !end.gone() {
                    std::thread::yield_now();
                }
                end.answer(id, Answer::Done(Box::new(Report::LogsEnded)));
            }
            Request::Ask(Query::Backup { release }) => {
                assert_eq!(release, ReleaseId::new("v1").unwrap());
                end.answer(id, Answer::Done(Box::new(Report::NothingOpen)));
            }
            _ => return,
        }
    }
    end.finish();
}
