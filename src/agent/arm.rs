//! Arm: no switch before the watchdog has proven, in its own context, that it could undo it.

use std::thread;
use std::time::Duration;

use rollback_deploy_core::model::{AbsPath, Allow, Failure, TxnId, WatchdogKind};
use rollback_deploy_core::wire::{Answer, Report};

use super::cx::Cx;
use super::store::names;
use super::{clock, setup, store, watchdog};

/// What to say where there is only a detached watchdog and nobody allowed that.
#[must_use]
pub fn too_weak(root: &AbsPath) -> Failure {
    Failure::liftable(
        Allow::WeakWatchdog,
        "the only watchdog here is a detached process: it does not survive a restart of the host",
    )
    .on_host(root)
    .hint("As a user with sudo, once: `rollback-deploy setup`; or start cron on the host.")
}

/// How long a watchdog may take to notice a change, in seconds.
fn patience(kind: WatchdogKind) -> u64 {
    match kind {
        WatchdogKind::Systemd | WatchdogKind::Detached => 30,
        WatchdogKind::Crontab => 90,
    }
}

/// Waits for the watchdog's tick; starts a detached watchdog where there is no other.
pub fn arm(cx: Cx<'_>, id: &TxnId) -> Answer {
    armed(cx, id).unwrap_or_else(Answer::Refused)
}

fn armed(cx: Cx<'_>, id: &TxnId) -> Result<Answer, Failure> {
    let txn = match super::own(cx, id) {
        Ok(txn) => txn,
        Err(answer) => return Ok(answer),
    };
    let settings = store::story(cx.state, &txn.release)?.settings;
    let kind = setup::installed(&settings).unwrap_or(WatchdogKind::Detached);
    if kind == WatchdogKind::Detached {
        if !txn.weak_watchdog {
            return Err(too_weak(cx.state.root()));
        }
        watchdog::detach(cx)?;
    }
    let limit = clock::uptime()?.0.saturating_add(patience(kind));
    loop {
        let tick = cx.state.read(names::TICK).ok().flatten();
        if let Some(tick) = tick.filter(|tick| tick.get("txn") == Some(id.as_str())) {
            let watchdog = [WatchdogKind::Systemd, WatchdogKind::Crontab]
                .into_iter()
                .find(|kind| tick.get("watchdog") == Some(kind.word()))
                .unwrap_or(WatchdogKind::Detached);
            return Ok(Answer::Done(Box::new(Report::Armed { watchdog })));
        }
        if let Err(answer) = super::own(cx, id) {
            return Ok(answer);
        }
        if clock::uptime()?.0 > limit || cx.tell.cancelled() {
            return Err(Failure::refused(format!("the watchdog ({}) did not say that it could undo this change", kind.word()))
                .on_host(cx.state.root())
                .hint("On the host, `journalctl -u 'rollback-deploy-*'` shows why; `rollback-deploy setup --check` shows what is missing.")
                .hint(format!("Without a watchdog that survives a restart: allow: {}.", Allow::WeakWatchdog)));
        }
        thread::sleep(Duration::from_millis(50));
    }
}
