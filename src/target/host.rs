//! A host: reached over a link to its agent. After silence nothing is inferred: the same act is asked again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rollback_deploy_core::model::{Check, CheckResult, Failure, Kind, Label, Proof, Seconds, TxnId};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Act, Answer, Query, Report, Request, SetupRequest};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Cx, Promise, Target};
use crate::ask;
use crate::transport::{Channel, Contents, Link, Notice};

/// How often an act is asked again before anything was changed.
const TRIES_BEFORE: u32 = 3;
/// What is added to a deadline before a host that is silent counts as unknown.
const GRACE: Duration = Duration::from_secs(10);

/// One host.
pub struct HostTarget {
    label: Label,
    link: Arc<dyn Link>,
    contents: Option<Arc<dyn Contents>>,
    outside: Vec<Check>,
    version: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    channel: Option<Box<dyn Channel>>,
    /// When the open change settles itself at the latest.
    settles: Option<Instant>,
    /// The window it was opened with.
    window: Option<Seconds>,
}

impl HostTarget {
    /// A host behind a link.
    #[must_use]
    pub fn new(label: Label, link: Arc<dyn Link>) -> Self {
        Self { label, link, contents: None, outside: Vec::new(), version: String::new(), inner: Mutex::default() }
    }

    /// The files of the release to stage.
    #[must_use]
    pub fn with_contents(mut self, contents: Arc<dyn Contents>) -> Self {
        self.contents = Some(contents);
        self
    }

    /// The checks asked from here, of this version.
    #[must_use]
    pub fn with_outside(mut self, checks: Vec<Check>, version: &str) -> Self {
        self.outside = checks;
        version.clone_into(&mut self.version);
        self
    }

    /// Asks until there is an answer, or until the host must have settled itself.
    async fn ask_until(&self, request: Request, fresh: bool, cx: &Cx) -> Result<Answer, Failure> {
        let mut inner = self.inner.lock().await;
        if fresh && let Some(channel) = inner.channel.take() {
            channel.close().await;
        }
        if let Request::Act(Act::Begin(intent)) = &request {
            inner.window = Some(intent.window);
        }
        let renewing = renewed(&request, inner.window);
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = self.ask_once(&mut inner, request.clone(), renewing.as_ref(), cx).await;
            let failure = match asked {
                Ok(answer) => {
                    inner.note(&answer);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            // A broken connection is not used again.
            if let Some(channel) = inner.channel.take() {
                drop(channel);
            }
            let again = match inner.settles {
                Some(settles) => Instant::now() < settles + GRACE,
                None => tries < TRIES_BEFORE && matches!(failure.kind, Kind::Unknown { .. }) && !cx.stop.is_cancelled(),
            };
            if !again {
                return Err(self.lost(failure, inner.settles));
            }
            cx.events.tell(Some(&self.label), Fact::Warned(format!("no answer ({}): asking again", failure.what)));
            sleep(jitter(tries)).await;
        }
    }

    fn lost(&self, failure: Failure, settles: Option<Instant>) -> Failure {
        let Some(settles) = settles else { return failure };
        let settles_in = Seconds(settles.saturating_duration_since(Instant::now()).as_secs());
        let mut lost = Failure::new(
            Kind::Unknown { settles_in: Some(settles_in) },
            format!(
                "{} does not answer; what happened there is not known, it settles itself in {settles_in} at the latest",
                self.label
            ),
        )
        .hint("`status` shows how it ended once the host can be reached.")
        .because(failure.what);
        lost.because.extend(failure.because);
        lost
    }

    async fn ask_once(
        &self,
        inner: &mut Inner,
        request: Request,
        renewing: Option<&(TxnId, Seconds)>,
        cx: &Cx,
    ) -> Result<Answer, Failure> {
        let channel = match &mut inner.channel {
            Some(channel) => channel,
            none => none.insert(self.link.connect().await?),
        };
        let canceller = channel.canceller();
        let mut hear = |notice: Notice| {
            let fact = match notice {
                Notice::Step(step) => Fact::Step(step),
                Notice::Said(line) => Fact::Said(line),
                Notice::Checked(result) => Fact::Checked(result),
                Notice::Progress { done, all } => return cx.events.progress(&self.label, done, all),
            };
            cx.events.tell(Some(&self.label), fact);
        };
        let call = channel.call(request, self.contents.as_deref(), &mut hear);
        tokio::pin!(call);
        let mut stopped = false;
        // What is left of the window now may be less than a whole step.
        let left = inner.settles.map(|settles| settles.saturating_duration_since(Instant::now()) / 3);
        let mut renew_at = renewing.map(|(_, window)| {
            let usual = renew_every(*window);
            Instant::now() + left.map_or(usual, |left| left.min(usual))
        });
        loop {
            let due = async {
                match renew_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                answer = &mut call => return answer,
                () = cx.stop.cancelled(), if !stopped => {
                    stopped = true;
                    canceller.cancel();
                }
                () = due => {
                    if let Some((txn, window)) = renewing {
                        self.renew(txn, *window).await;
                        renew_at = Some(Instant::now() + renew_every(*window));
                    }
                }
            }
        }
    }

    /// Extends the window over a connection of its own while a long act is under way. Best effort: the host goes by
    /// its own clock when it does not arrive.
    async fn renew(&self, txn: &TxnId, window: Seconds) {
        if let Ok(mut channel) = self.link.connect().await {
            let act = Request::Act(Act::Renew { txn: txn.clone(), window });
            if let Err(failure) = channel.call(act, None, &mut |_| {}).await {
                tracing::debug!(what = %failure.what, "the window was not extended");
            }
            channel.close().await;
        }
    }
}

impl Inner {
    fn note(&mut self, answer: &Answer) {
        let in_seconds = |seconds: &Seconds| Some(Instant::now() + Duration::from_secs(seconds.0));
        self.settles = match answer {
            Answer::Done(report) => match report.as_ref() {
                Report::Begun { settles_in, .. }
                | Report::Activated { settles_in, .. }
                | Report::Renewed { settles_in }
                | Report::Holding { settles_in } => in_seconds(settles_in),
                Report::Confirmed(_) | Report::NothingOpen => None,
                _ => self.settles,
            },
            Answer::Undone(_) => None,
            _ => self.settles,
        };
    }
}

/// Which acts may outlast the window: while they run, it is renewed, each time for as long as it was opened for.
fn renewed(request: &Request, window: Option<Seconds>) -> Option<(TxnId, Seconds)> {
    /// Steps of at most a minute.
    const LONGEST: Seconds = Seconds(60);
    let step = window.map_or(LONGEST, |window| window.min(LONGEST));
    match request {
        Request::Act(Act::Migrate(txn) | Act::Activate(txn) | Act::Verify(txn) | Act::Arm(txn)) => {
            Some((txn.clone(), step))
        }
        _ => None,
    }
}

fn renew_every(window: Seconds) -> Duration {
    Duration::from_secs(window.0.max(3)) / 3
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
        self.ask_until(Request::Act(act.clone()), false, cx).await
    }

    async fn confirm(&self, proof: Proof, cx: &Cx) -> Result<Answer, Failure> {
        self.ask_until(Request::Confirm(proof), true, cx).await
    }

    async fn ask(&self, query: &Query, cx: &Cx) -> Result<Answer, Failure> {
        self.ask_until(Request::Ask(query.clone()), false, cx).await
    }

    async fn setup(&self, request: &SetupRequest, cx: &Cx) -> Result<Answer, Failure> {
        self.ask_until(Request::Setup(Box::new(request.clone())), false, cx).await
    }

    async fn check_outside(&self) -> Vec<CheckResult> {
        futures::future::join_all(self.outside.iter().map(|check| ask::ask_outside(check, &self.version))).await
    }

    async fn close(&self) {
        if let Some(channel) = self.inner.lock().await.channel.take() {
            channel.close().await;
        }
    }
}
