//! The agent's loop: a request, its answer, the next one; until the controller is gone.

use std::io::Read;
use std::process::ExitCode;

use rollback_deploy_core::model::{AbsPath, CheckResult, Failure, Foreign, Operation, TxnId};
use rollback_deploy_core::wire::{Act, Answer, FromAgent, Hello, Report, Request, SetupMode};

use super::cx::{Cx, Session, Tell};
use super::stage::Incoming;
use super::state::State;
use super::store::names;
use super::wire_end::WireEnd;
use super::{
    abort, activate, arm, begin, confirm, inspect, migrate, prune, query, recover, running, setup, stage, store,
};

/// Speaks with the controller through the channel.
struct Voice<'a>(&'a WireEnd);

impl Tell for Voice<'_> {
    fn step(&self, what: &str) {
        self.0.tell(FromAgent::Step(what.to_owned()));
    }
    fn said(&self, line: Foreign) {
        self.0.tell(FromAgent::Said(line));
    }
    fn checked(&self, result: &CheckResult) {
        self.0.tell(FromAgent::Checked(result.clone()));
    }
    fn progress(&self, done: u64, all: u64) {
        self.0.tell(FromAgent::Progress { done, all });
    }
    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl Incoming for &WireEnd {
    fn need(&mut self, entries: Vec<u32>) -> Box<dyn Read + '_> {
        Box::new(WireEnd::need(self, entries))
    }
}

/// Serves one connection.
#[must_use]
pub fn serve(root: &AbsPath, session: &Session, hello: &Hello) -> ExitCode {
    let wire = match WireEnd::start(std::io::stdin(), std::io::stdout(), hello, session.digest.clone()) {
        Ok(wire) => wire,
        Err(error) => {
            tracing::error!(%error, "no controller that this agent understands");
            return ExitCode::FAILURE;
        }
    };
    // Permissions are ours to say, whatever the login shell thought.
    let _before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    while let Some((id, request)) = wire.next() {
        let opened = if is_a_question(&request) { State::look(root) } else { State::open(root) };
        let answer = match opened {
            Ok(state) => {
                let voice = Voice(&wire);
                perform(Cx { state: &state, tell: &voice, session }, &request, &mut &wire)
            }
            Err(failure) => Answer::Refused(failure),
        };
        wire.answer(id, answer);
    }
    wire.finish();
    ExitCode::SUCCESS
}

/// Whether nothing may come into being by asking it, not even the state folder.
fn is_a_question(request: &Request) -> bool {
    match request {
        Request::Ask(_) | Request::Act(Act::Inspect(_)) => true,
        Request::Setup(request) => matches!(request.mode, SetupMode::Plan | SetupMode::Check),
        Request::Act(_) | Request::Confirm(_) => false,
    }
}

/// Carries out one request.
pub fn perform(cx: Cx<'_>, request: &Request, incoming: &mut dyn Incoming) -> Answer {
    let answer = perform_once(cx, request, incoming);
    // A change that is being undone is finished here, where no lock is held; a renewal only wants to know.
    match (&answer, named(request)) {
        (Answer::Busy(holder), Some(id))
            if holder.txn == *id && !matches!(request, Request::Act(Act::Renew { .. })) =>
        {
            match abort::finish(cx) {
                Ok(ending) => Answer::Undone(ending),
                Err(failure) => Answer::Failed(failure),
            }
        }
        _ => answer,
    }
}

/// The change that a request is about.
fn named(request: &Request) -> Option<&TxnId> {
    match request {
        Request::Confirm(proof) => Some(proof.txn()),
        Request::Act(act) => match act {
            Act::Arm(id) | Act::Migrate(id) | Act::Activate(id) | Act::Verify(id) => Some(id),
            Act::Renew { txn, .. } | Act::Hold { txn, .. } | Act::Abort { txn: Some(txn), .. } => Some(txn),
            _ => None,
        },
        _ => None,
    }
}

fn perform_once(cx: Cx<'_>, request: &Request, incoming: &mut dyn Incoming) -> Answer {
    match request {
        Request::Act(act) => perform_act(cx, act, incoming),
        Request::Confirm(proof) => confirm::confirm(cx, proof),
        Request::Ask(query) => query::ask(cx, query),
        Request::Setup(request) => match setup::setup(request) {
            Ok(steps) => Answer::Done(Box::new(Report::Setup(steps))),
            Err(failure) => Answer::Refused(failure),
        },
    }
}

fn perform_act(cx: Cx<'_>, act: &Act, incoming: &mut dyn Incoming) -> Answer {
    match act {
        Act::Inspect(settings) => match inspect::inspect(cx, settings) {
            Ok(facts) => Answer::Done(Box::new(Report::Facts(facts))),
            Err(failure) => Answer::Refused(failure),
        },
        Act::Recover { allow } => recover::recover(cx, allow),
        Act::Prepare(staging) => match stage::stage(cx, staging, incoming) {
            Ok(staged) => Answer::Done(Box::new(Report::Staged(staged))),
            Err(failure) => Answer::Failed(failure),
        },
        Act::Begin(intent) => begin::begin(cx, intent),
        Act::Arm(id) => arm::arm(cx, id),
        Act::Migrate(id) => migrate::migrate(cx, id),
        Act::Activate(id) => activate::activate(cx, id),
        Act::Verify(id) => verify(cx, id).unwrap_or_else(Answer::Failed),
        Act::Renew { txn, window } => begin::renew(cx, txn, *window, names::LEASE),
        Act::Hold { txn, window } => begin::renew(cx, txn, *window, names::HELD),
        Act::Abort { txn, why, fault } => abort::abort(cx, txn.as_ref(), why, *fault),
        Act::Prune { keep } => prune::prune(cx, *keep),
    }
}

/// Asks the checks of an open change's release.
fn verify(cx: Cx<'_>, id: &rollback_deploy_core::model::TxnId) -> Result<Answer, Failure> {
    let txn = match super::own(cx, id) {
        Ok(txn) => txn,
        Err(answer) => return Ok(answer),
    };
    let Some(activated) = activate::Activated::read(cx, id) else {
        return Ok(Answer::Refused(Failure::refused("the release of this change was not activated yet")));
    };
    let story = store::story(cx.state, &txn.release)?;
    let cancelled = || cx.tell.cancelled() || !super::is_open(cx, id);
    let results = match txn.operation {
        Operation::Deploy => running::check_new(cx, &story, &activated.since, &cancelled),
        // Watching never delays a rollback.
        Operation::Rollback => running::check(cx, &story, Some(&activated.since), &cancelled),
    };
    for result in &results {
        cx.tell.checked(result);
    }
    Ok(Answer::Done(Box::new(Report::Checked(results))))
}
