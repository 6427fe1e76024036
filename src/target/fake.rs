//! A target that answers by a script: for tests.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rollback_deploy_core::model::{
    CheckResult, Digest, Failure, Foreign, Label, Proof, Proven, ReleaseId, SchemaVerdict, Seconds, TxnId, Verdict,
};
use rollback_deploy_core::wire::{Act, Answer, Query, Report, SetupRequest};

use super::{Cx, Promise, Target};

type Script = Box<dyn Fn(&str, usize) -> Option<Answer> + Send + Sync>;

/// Answers each word by the script, which is told how often it was asked; what the script leaves out never comes back.
pub(crate) struct Fake {
    label: Label,
    script: Script,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    pub(crate) fn new(label: &str, script: impl Fn(&str, usize) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self { label: Label::new(label).unwrap(), script: Box::new(script), asked: Mutex::default() }
    }

    /// What was asked, in order.
    pub(crate) fn asked(&self) -> String {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).join(" ")
    }

    async fn answer(&self, word: &str) -> Result<Answer, Failure> {
        let times = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.push(word.to_owned());
            asked.iter().filter(|one| *one == word).count()
        };
        match (self.script)(word, times) {
            Some(answer) => Ok(answer),
            None => std::future::pending().await,
        }
    }
}

/// What was done.
pub(crate) fn reported(report: Report) -> Answer {
    Answer::Done(Box::new(report))
}

/// A release that was confirmed.
pub(crate) fn proven(release: &str) -> Proven {
    let id = ReleaseId::new(release).unwrap();
    Proven {
        release: id.clone(),
        version: id,
        commit: None,
        content: Digest::of(b""),
        settings: Digest::of(b""),
        txn: TxnId::new("t").unwrap(),
        at: String::new(),
        by: String::new(),
        schema: SchemaVerdict::None,
        head: None,
    }
}

/// A check that was answered.
pub(crate) fn checked(verdict: Verdict) -> CheckResult {
    CheckResult {
        word: "http".into(),
        subject: "/".into(),
        verdict,
        saw: Foreign::new("seen"),
        method: None,
        took_ms: 1,
    }
}

#[async_trait]
impl Target for Fake {
    fn label(&self) -> &Label {
        &self.label
    }
    fn promise(&self) -> Promise {
        Promise { exclusive: true, atomic: true, self_undo: true, offline_way_back: true }
    }
    async fn perform(&self, act: &Act, _cx: &Cx) -> Result<Answer, Failure> {
        self.answer(act.word()).await
    }
    async fn confirm(&self, _proof: Proof, _cx: &Cx) -> Result<Answer, Failure> {
        self.answer("confirm").await
    }
    async fn ask(&self, query: &Query, _cx: &Cx) -> Result<Answer, Failure> {
        self.answer(if *query == Query::Status { "status" } else { "list" }).await
    }
    async fn setup(&self, _request: &SetupRequest, _cx: &Cx) -> Result<Answer, Failure> {
        self.answer("setup").await
    }
    async fn check_outside(&self, _version: &ReleaseId) -> Vec<CheckResult> {
        Vec::new()
    }
    fn settles_in(&self) -> Option<Seconds> {
        Some(Seconds(60))
    }
    async fn close(&self) {}
}
