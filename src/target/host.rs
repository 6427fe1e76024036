//! A host: reached over a link to its agent. After silence nothing is inferred: the same act is asked again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rollback_deploy_core::model::{Check, CheckResult, Failure, Kind, Label, Proof, ReleaseId, Seconds, TxnId};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Act, Answer, Query, Report, Request, SetupRequest};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use super::keeper::{Keeper, Settles};
use super::{Cx, Promise, Target, by};
use crate::ask;
use crate::transport::{Channel, Contents, Link, Notice};

/// How often an act is asked again before anything was changed.
const TRIES_BEFORE: u32 = 3;
/// What is added to a deadline before a host that is silent counts as unknown.
const GRACE: Duration = Duration::from_secs(10);
/// How long a host that gives signs of life may say nothing of what it does, once it should have settled itself.
const QUIET: Duration = Duration::from_mins(2);
/// Deadlines are told in whole seconds.
const NEARLY: Duration = Duration::from_secs(2);

/// One host.
pub struct HostTarget {
    label: Label,
    link: Arc<dyn Link>,
    contents: Option<Arc<dyn Contents>>,
    outside: Vec<Check>,
    settles: Settles,
    /// After its deadline, and after the last that was heard.
    patience: (Duration, Duration),
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    channel: Option<Box<dyn Channel>>,
    /// The connection was made for the agreement on a common deadline, so after activation: the confirm takes it too.
    agreed: bool,
    /// Renews the window of the open change.
    keeper: Option<Keeper>,
}

impl HostTarget {
    /// A host behind a link.
    #[must_use]
    pub fn new(label: Label, link: Arc<dyn Link>) -> Self {
        Self {
            label,
            link,
            contents: None,
            outside: Vec::new(),
            settles: Settles::default(),
            patience: (GRACE, QUIET),
            inner: Mutex::default(),
        }
    }

    /// The files of the release to stage.
    #[must_use]
    pub fn with_contents(mut self, contents: Arc<dyn Contents>) -> Self {
        self.contents = Some(contents);
        self
    }

    /// The checks asked from here.
    #[must_use]
    pub fn with_outside(mut self, checks: Vec<Check>) -> Self {
        self.outside = checks;
        self
    }

    /// Asks until there is an answer, or until the host must have settled itself.
    async fn ask_until(&self, request: Request, cx: &Cx) -> Result<Answer, Failure> {
        let mut inner = self.inner.lock().await;
        if settles_it(&request)
            && let Some(keeper) = inner.keeper.take()
        {
            keeper.stop().await;
        }
        self.refresh(&mut inner, &request).await;
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = self.ask_once(&mut inner, request.clone(), cx).await;
            let failure = match asked {
                Ok(Answer::Refused(failure)) if of_a_change(&request) && self.is_over(&failure) => {
                    cx.events.tell(Some(&self.label), Fact::Step("asking how the host settles it".to_owned()));
                    failure
                }
                Ok(answer) => {
                    self.settles.note(&answer);
                    inner.keeper = match (&request, &answer) {
                        (Request::Act(Act::Begin(intent)), Answer::Done(report))
                            if matches!(report.as_ref(), Report::Begun { .. }) =>
                        {
                            Some(self.keep(&intent.txn, intent.window))
                        }
                        _ => inner.keeper.take().filter(|_| self.settles.at().is_some()),
                    };
                    return Ok(answer);
                }
                Err(failure) => {
                    // A broken connection is not used again.
                    inner.channel = None;
                    inner.agreed = false;
                    if matches!(failure.kind, Kind::Unknown { .. }) {
                        let what = format!("no answer ({})", failure.what);
                        cx.events.tell(Some(&self.label), Fact::Warned(what));
                    }
                    failure
                }
            };
            let again = match self.settles.at() {
                Some(settles) => Instant::now() < settles + GRACE,
                None => tries < TRIES_BEFORE && matches!(failure.kind, Kind::Unknown { .. }),
            };
            if !again || cx.stop.is_cancelled() {
                return Err(self.lost(failure));
            }
            tokio::select! {
                () = sleep(jitter(tries)) => {}
                () = cx.stop.cancelled() => {}
            }
        }
    }

    /// A confirm never goes over the connection that the change was activated on. The agreement before it is made on
    /// the connection that the confirm will take.
    async fn refresh(&self, inner: &mut Inner, request: &Request) {
        let fresh = match request {
            Request::Act(Act::Renew { .. }) => true,
            Request::Confirm(_) => !inner.agreed,
            _ => false,
        };
        if fresh && let Some(channel) = inner.channel.take() {
            channel.close().await;
        }
        inner.agreed = match request {
            Request::Act(Act::Renew { .. }) => true,
            Request::Confirm(_) => inner.agreed,
            Request::Act(_) | Request::Ask(_) | Request::Setup(_) => false,
        };
    }

    fn keep(&self, txn: &TxnId, window: Seconds) -> Keeper {
        Keeper::start(self.label.clone(), self.link.clone(), txn.clone(), window, self.settles.clone())
    }

    /// The host says that the window is over, and by what we know it is: it is settling itself, and says how it ended
    /// when it is asked again.
    fn is_over(&self, failure: &Failure) -> bool {
        let now = Instant::now();
        failure.kind == Kind::Failed && self.settles.at().is_some_and(|at| now + NEARLY >= at && now < at + GRACE)
    }

    fn lost(&self, failure: Failure) -> Failure {
        let Some(settles_in) = self.settles.left() else { return failure };
        let mut lost = Failure::new(
            Kind::Unknown { settles_in: Some(settles_in) },
            format!(
                "{} does not answer; what happened there is not known: it settles itself by {}",
                self.label,
                by(settles_in)
            ),
        )
        .hint("`status` shows how it ended once the host can be reached.")
        .because(failure.what);
        lost.because.extend(failure.because);
        lost
    }

    /// Waits until the host should have settled itself, with all renewals, and nothing is heard of what it does. Never
    /// over while no change is open.
    async fn overdue(&self, heard: &std::sync::Mutex<Instant>) {
        let (grace, quiet) = self.patience;
        loop {
            let last = *heard.lock().unwrap_or_else(PoisonError::into_inner);
            let end = match self.settles.at() {
                Some(at) => (at + grace).max(last + quiet),
                None => Instant::now() + grace,
            };
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }

    async fn ask_once(&self, inner: &mut Inner, request: Request, cx: &Cx) -> Result<Answer, Failure> {
        // Taken out while it is used: a call that nobody waits for any more leaves no half-used connection behind.
        let mut channel = match inner.channel.take() {
            Some(channel) => channel,
            None => self.link.connect().await?,
        };
        let canceller = channel.canceller();
        let heard = std::sync::Mutex::new(Instant::now());
        let mut hear = |notice: Notice| {
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            let fact = match notice {
                Notice::Step(step) => Fact::Step(step),
                Notice::Said(line) => Fact::Said(line),
                Notice::Checked(result) => Fact::Checked(result),
                Notice::Progress { done, all } => return cx.events.progress(&self.label, done, all),
            };
            cx.events.tell(Some(&self.label), fact);
        };
        let answer = {
            let call = channel.call(request, self.contents.as_deref(), &mut hear);
            tokio::pin!(call);
            let mut stopped = false;
            loop {
                tokio::select! {
                    answer = &mut call => break answer,
                    () = self.overdue(&heard) => return Err(stuck()),
                    () = cx.stop.cancelled(), if !stopped => {
                        stopped = true;
                        canceller.cancel();
                    }
                }
            }
        };
        inner.channel = Some(channel);
        answer
    }
}

/// Alive, but it does nothing: as good as a lost answer.
fn stuck() -> Failure {
    Failure::new(Kind::Unknown { settles_in: None }, "the host is alive, but has not answered long after its deadline")
        .hint("Something hangs there: look at its disk and at `dmesg`.")
}

/// Which requests end the change: nothing is renewed behind them.
fn settles_it(request: &Request) -> bool {
    matches!(request, Request::Confirm(_) | Request::Act(Act::Abort { .. } | Act::Hold { .. }))
}

/// Which requests are about an open change.
fn of_a_change(request: &Request) -> bool {
    let open = |act: &Act| {
        matches!(act, Act::Arm(_) | Act::Migrate(_) | Act::Activate(_) | Act::Verify(_) | Act::Renew { .. })
    };
    match request {
        Request::Act(act) => open(act),
        Request::Confirm(_) => true,
        Request::Ask(_) | Request::Setup(_) => false,
    }
}

/// A little longer each time, and not in step with others.
fn jitter(tries: u32) -> Duration {
    let mut byte = [0_u8; 1];
    let random = getrandom::fill(&mut byte).map_or(0, |()| u64::from(byte[0]));
    Duration::from_millis(u64::from(tries.min(10)) * 250 + random * 2)
}

#[async_trait]
impl Target for HostTarget {
    fn label(&self) -> &Label {
        &self.label
    }

    fn promise(&self) -> Promise {
        Promise { exclusive: true, atomic: true, self_undo: true, offline_way_back: true }
    }

    async fn perform(&self, act: &Act, cx: &Cx) -> Result<Answer, Failure> {
        self.ask_until(Request::Act(act.clone()), cx).await
    }

    async fn confirm(&self, proof: Proof, cx: &Cx) -> Result<Answer, Failure> {
        self.ask_until(Request::Confirm(proof), cx).await
    }

    async fn ask(&self, query: &Query, cx: &Cx) -> Result<Answer, Failure> {
        self.ask_until(Request::Ask(query.clone()), cx).await
    }

    async fn setup(&self, request: &SetupRequest, cx: &Cx) -> Result<Answer, Failure> {
        self.ask_until(Request::Setup(Box::new(request.clone())), cx).await
    }

    async fn check_outside(&self, version: &ReleaseId) -> Vec<CheckResult> {
        let asked = self.outside.iter().map(|check| ask::ask_outside(check, version.as_str()));
        futures::future::join_all(asked).await
    }

    fn settles_in(&self) -> Option<Seconds> {
        self.settles.left()
    }

    async fn close(&self) {
        let mut inner = self.inner.lock().await;
        if let Some(keeper) = inner.keeper.take() {
            keeper.stop().await;
        }
        if let Some(channel) = inner.channel.take() {
            channel.close().await;
        }
    }
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
