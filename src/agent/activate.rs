//! Switch, restart, prove. The switch is one rename under the mutex; the commands after it hold the step lock only.

use rollback_deploy_core::model::{
    CheckResult, Failure, Kind, Record, ReleaseId, Seconds, Story, Txn, TxnId, Uptime, Verdict,
};
use rollback_deploy_core::wire::{Answer, Report};

use super::cx::Cx;
use super::running;
use super::state::explain;
use super::store::{self, names};
use super::{clock, environment, link, step};
use crate::ask::Since;

/// Who switched, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Activated {
    /// For which change.
    pub txn: TxnId,
    /// On which connection.
    pub session: String,
    /// What ran until then: whose commands have to be stopped.
    pub left: Option<ReleaseId>,
    /// Whether the services took the new release.
    pub finished: bool,
    /// When, in uptime.
    pub uptime: Uptime,
    /// When, as each kind of log counts it.
    pub since: Since,
}

impl Activated {
    /// Reads the record of an open change.
    #[must_use]
    pub fn read(cx: Cx<'_>, id: &TxnId) -> Option<Self> {
        let record = cx.state.read(names::ACTIVATED).ok().flatten()?;
        let activated = Self {
            txn: record.parse("txn").ok()?,
            session: record.get("session").unwrap_or_default().to_owned(),
            left: record.parse_some("left").ok()?,
            finished: record.get("finished") == Some("yes"),
            uptime: Uptime(record.parse("uptime").ok()?),
            since: serde_json::from_str(record.get("since")?).ok()?,
        };
        (activated.txn == *id).then_some(activated)
    }

    /// Whether the switch of an open change was begun. A record that cannot be read counts: what may run has to be
    /// stopped, and what may have been stopped started.
    #[must_use]
    pub fn may_have_begun(cx: Cx<'_>, id: &TxnId) -> bool {
        match cx.state.read(names::ACTIVATED) {
            Ok(record) => record.is_some_and(|record| record.get("txn") == Some(id.as_str())),
            Err(_) => true,
        }
    }

    fn to_record(&self) -> Record {
        Record::new()
            .with("txn", &self.txn)
            .with("session", &self.session)
            .with_some("left", self.left.as_ref())
            .with("finished", if self.finished { "yes" } else { "no" })
            .with("uptime", self.uptime.0)
            .with("since", serde_json::to_string(&self.since).unwrap_or_default())
    }

    fn write(&self, cx: Cx<'_>) -> Result<(), Failure> {
        cx.state
            .put(names::ACTIVATED, &self.to_record())
            .map_err(|error| explain("the switch cannot be recorded", &cx.state.path(names::ACTIVATED), &error))
    }
}

/// Makes the release of an open change live and proves that what runs is the new release.
pub fn activate(cx: Cx<'_>, id: &TxnId) -> Answer {
    let answer = run(cx, id).unwrap_or_else(Answer::Failed);
    // What failed because it was ended from outside says nothing about the release. By which signal, the controller knows.
    match answer {
        Answer::Failed(failure) => match super::own(cx, id) {
            Err(taken) => taken,
            Ok(_) if cx.tell.cancelled() => Answer::Failed(Failure { kind: Kind::Cancelled { signal: 15 }, ..failure }),
            Ok(_) => Answer::Failed(failure),
        },
        answer => answer,
    }
}

fn run(cx: Cx<'_>, id: &TxnId) -> Result<Answer, Failure> {
    let Some(_step) = step::take(cx, id)? else {
        return Ok(super::not_ours(cx, id));
    };
    // Told before the mutex is taken: a slow listener must not keep it.
    if let Ok(txn) = super::own(cx, id) {
        cx.tell.step(&format!("switch to {}", txn.release));
    }
    let (txn, story, activated) = match switch(cx, id)? {
        Ok(switched) => switched,
        Err(answer) => return Ok(answer),
    };
    let cancelled = || cx.tell.cancelled() || !super::is_open(cx, id);
    if !activated.finished {
        stop_left(cx, &txn, &story, Some(&activated), &cancelled)?;
        running::activate(cx, &story, &activated.since, &cancelled)?;
        Activated { finished: true, ..activated.clone() }.write(cx)?;
    }
    cx.tell.step("proof");
    let proofs = running::prove(cx, &story, &activated.since, &cancelled);
    for proof in &proofs {
        cx.tell.checked(proof);
    }
    if let Some(broken) = proofs.iter().find(|proof| matches!(proof.verdict, Verdict::Fail | Verdict::Error)) {
        return Ok(Answer::Failed(not_proven(&story, broken)));
    }
    let settles_in = store::remaining(cx.state, &txn).unwrap_or(Seconds(0));
    Ok(Answer::Done(Box::new(Report::Activated { proofs, settles_in })))
}

/// Stops what the release that was left runs by commands of its own. One whose record cannot be read has none that we
/// know.
///
/// # Errors
/// It still runs.
pub fn stop_left(
    cx: Cx<'_>,
    txn: &Txn,
    story: &Story,
    activated: Option<&Activated>,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let left = activated.and_then(|activated| activated.left.as_ref()).or(txn.previous.as_ref());
    match left.filter(|left| **left != txn.release).map(|left| store::story(cx.state, left)) {
        Some(Ok(left)) => running::stop_left(cx, &left, story, cancelled),
        _ => Ok(()),
    }
}

fn not_proven(story: &Story, broken: &CheckResult) -> Failure {
    let (release, service) = (&story.id, &broken.subject);
    // Unreadable is no proof, but it is no fault of the release either.
    let kind = if broken.verdict == Verdict::Error { Kind::Inconclusive } else { Kind::Failed };
    let what = format!("what runs is not proven to be {release}: {service} {}", broken.verdict.word());
    let failure = Failure::new(kind, what).because(broken.saw.clone().expose());
    if broken.method.as_deref() == Some("processes") {
        failure.hint(
            "A unit must start the app through the live link (WorkingDirectory or ExecStart), not through one release.",
        )
    } else {
        failure
    }
}

type Switch = Result<(Txn, Story, Activated), Answer>;

/// The one rename. Refused once the window is over, and before the watchdog has proven itself.
fn switch(cx: Cx<'_>, id: &TxnId) -> Result<Switch, Failure> {
    let held = cx.state.lock()?;
    let txn = match super::own(cx, id) {
        Ok(txn) => txn,
        Err(answer) => return Ok(Err(answer)),
    };
    let story = store::story(cx.state, &txn.release)?;
    let tick = cx.state.read(names::TICK).ok().flatten();
    if tick.as_ref().and_then(|tick| tick.get("txn")) != Some(id.as_str()) {
        return Ok(Err(Answer::Refused(Failure::refused(
            "the watchdog has not proven yet that it could undo this change",
        ))));
    }
    let live = link::read(cx.state, story.settings.link.as_path());
    if let Some(activated) = Activated::read(cx, id)
        && live.release() == Some(&txn.release)
    {
        return Ok(Ok((txn, story, activated)));
    }
    let since = Since::now(&story.settings.checks, cx.state.root(), story.settings.link.as_path());
    let session = cx.session.id.clone();
    // Mostly what is confirmed; another one after a release that had to stay, or a link that was moved by hand.
    let left = live.release().filter(|live| **live != txn.release).or(txn.previous.as_ref()).cloned();
    let activated = Activated { txn: id.clone(), session, left, finished: false, uptime: clock::uptime()?, since };
    // Recorded before the rename: what is written after it decides nothing.
    activated.write(cx)?;
    if txn.with_env {
        environment::put(cx.state, &story, id, "new")?;
    }
    link::point(held.state(), &story.settings.link, id, "new", &txn.release)?;
    drop(held);
    Ok(Ok((txn, story, activated)))
}
