//! Sets the host up for one app, as far as this user may: root's part through the root face, the user's own here.
//! Uses root and ask.

use std::os::unix::fs::MetadataExt;

use rollback_deploy_core::model::facts::SetupState;
use rollback_deploy_core::model::{Failure, Seconds, Settings, WatchdogKind};
use rollback_deploy_core::wire::act::SetupStep;
use rollback_deploy_core::wire::{SetupMode, SetupRequest};

use super::privileged::{Privileged, sudo};
use crate::ask::command::{Spec, take};
use crate::ask::unit::systemctl;
use crate::root::setup::{self as by_root, Order, go};
use crate::root::{Policy, SETUP, Verb};

mod crontab;
mod launcher;

use crontab::Crontab;

/// How long root's part may take.
const LIMIT: Seconds = Seconds(180);

/// What this user may do on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    /// We are root.
    Root,
    /// sudo runs anything of ours without a password.
    FullSudo,
    /// Neither.
    Plain,
}

fn rights() -> Rights {
    if rustix::process::geteuid().is_root() {
        return Rights::Root;
    }
    let Some(sudo) = sudo() else { return Rights::Plain };
    // Really run: what `sudo -l` says is no proof.
    match take(&Spec::program([sudo, "-n", "--", "true"]).only_asked().within(Seconds(20))) {
        Ok(ended) if ended.ok() => Rights::FullSudo,
        _ => Rights::Plain,
    }
}

/// Who deploys: this user. Where root works on an app's folder that belongs to somebody else, its owner does.
fn deploy_user(settings: &Settings) -> Result<String, Failure> {
    let own = rustix::process::geteuid().as_raw();
    let uid = match std::fs::symlink_metadata(settings.root.as_path()) {
        Ok(meta) if own == 0 => meta.uid(),
        _ => own,
    };
    let ended = take(&Spec::program(["id", "-un", "--", &uid.to_string()]).apart().within(Seconds(15)));
    let name = ended
        .ok()
        .filter(crate::ask::command::Ended::ok)
        .map(|ended| String::from_utf8_lossy(&ended.whole).trim().to_owned());
    name.ok_or_else(|| Failure::refused(format!("this host knows no name for user {uid}")))
}

/// The watchdog kinds that can be had here, the strongest first.
#[must_use]
pub fn possible() -> Vec<WatchdogKind> {
    possible_with(rights())
}

fn possible_with(rights: Rights) -> Vec<WatchdogKind> {
    let mut kinds = Vec::new();
    if rights != Rights::Plain && systemctl().is_ok() {
        kinds.push(WatchdogKind::Systemd);
    }
    if crontab::works() {
        kinds.push(WatchdogKind::Crontab);
    }
    kinds.push(WatchdogKind::Detached);
    kinds
}

/// The watchdog that is there, or else the strongest that set-up can make; and whether the host is set up.
#[must_use]
pub fn detect(settings: &Settings) -> (Option<WatchdogKind>, SetupState) {
    let root = rustix::process::geteuid().is_root();
    let face_stands = root || !Order::root_face(settings) || face_stands(settings);
    let standing = deploy_user(settings).ok().and_then(|user| standing(settings, &user));
    if standing.is_some() && face_stands {
        return (standing, SetupState::Done);
    }
    // Only now: sudo tells its administrator of each attempt that it refuses.
    let rights = rights();
    let kinds = possible_with(rights);
    let state = if face_stands && kinds == [WatchdogKind::Detached] {
        SetupState::NotNeeded
    } else if rights != Rights::Plain || face_stands {
        SetupState::Possible
    } else {
        SetupState::NeedsRoot
    };
    (standing.or_else(|| kinds.first().copied()), state)
}

/// The watchdog that stands for this app.
#[must_use]
pub fn installed(settings: &Settings) -> Option<WatchdogKind> {
    standing(settings, &deploy_user(settings).ok()?)
}

fn standing(settings: &Settings, user: &str) -> Option<WatchdogKind> {
    if by_root::watchdog_stands(settings, user) {
        Some(WatchdogKind::Systemd)
    } else {
        Crontab::of(user).stands(settings).then_some(WatchdogKind::Crontab)
    }
}

/// Whether the root face acts for this app, for all of its units: proven by having it asked.
fn face_stands(settings: &Settings) -> bool {
    let Ok(user) = deploy_user(settings) else { return false };
    let wanted = Policy::for_settings(settings, &user, None);
    Policy::read(&settings.app).is_ok_and(|policy| policy.covers(&wanted))
        && Privileged::new(settings).permitted(&Verb::DaemonReload).is_ok()
}

/// Has the host set up for the first deploy, or for what a later one needs more, where this user may.
///
/// # Errors
/// It could not be done; the next run goes on from there.
pub fn ensure(settings: &Settings, watchdog: Option<WatchdogKind>) -> Result<Vec<SetupStep>, Failure> {
    setup(&SetupRequest { mode: SetupMode::Apply, settings: settings.clone(), watchdog })
}

/// Goes through the parts of a set-up as far as the request says, for the user that runs it.
///
/// # Errors
/// A part could not be had; what was made before it stays.
pub fn setup(request: &SetupRequest) -> Result<Vec<SetupStep>, Failure> {
    setup_for(request, None)
}

/// The same by root on the host: for the owner of the app's folder, else for the user who called sudo.
///
/// # Errors
/// As [`setup`]; or nobody says who deploys.
pub fn setup_by_root(request: &SetupRequest, called: Option<&str>) -> Result<Vec<SetupStep>, Failure> {
    let owner = deploy_user(&request.settings)?;
    match called {
        Some(called) if owner == "root" => setup_for(request, Some(called)),
        _ => setup_for(request, None),
    }
}

/// The same, for the user who deploys: root may set a host up for somebody else.
///
/// # Errors
/// As [`setup`].
pub fn setup_for(request: &SetupRequest, user: Option<&str>) -> Result<Vec<SetupStep>, Failure> {
    let settings = &request.settings;
    let rights = rights();
    let own = deploy_user(settings)?;
    let user = match user {
        Some(user) if user != own && rights != Rights::Root => {
            return Err(Failure::refused("only root can set a host up for another user").hint("Use sudo."));
        }
        user => user.unwrap_or(&own),
    };
    let removing = request.mode == SetupMode::Remove;
    if removing {
        nothing_open(settings)?;
    }
    let kind = wanted(request, rights, user)?;
    let order = Order {
        mode: request.mode,
        settings: settings.clone(),
        user: user.to_owned(),
        watchdog: kind == WatchdogKind::Systemd || removing && systemctl().is_ok(),
    };
    if removing {
        return Ok([user_part(request, kind, user)?, root_part(&order, rights)?].concat());
    }
    let mut steps = root_part(&order, rights)?;
    steps.extend(user_part(request, kind, user)?);
    if kind == WatchdogKind::Detached {
        let what = format!("the watchdog: nothing to set up ({})", kind.promise());
        steps.push(SetupStep { what, done: true, changed: false });
    }
    Ok(steps)
}

fn wanted(request: &SetupRequest, rights: Rights, user: &str) -> Result<WatchdogKind, Failure> {
    let standing = || standing(&request.settings, user);
    let kinds = possible_with(rights);
    let foreign = rights == Rights::Root && user != "root";
    match request.watchdog {
        Some(WatchdogKind::Crontab) if request.mode == SetupMode::Apply && foreign => {
            Err(Failure::refused(format!("the crontab is {user}'s own")).hint(format!("Run setup as {user}.")))
        }
        Some(kind) if request.mode == SetupMode::Apply && !kinds.contains(&kind) && standing() != Some(kind) => {
            let names: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
            Err(Failure::refused(format!("the watchdog {} cannot be set up here by this user", kind.word()))
                .hint(format!("Possible here: {}.", names.join(", ")))
                .hint("systemd needs sudo once; crontab needs a running cron."))
        }
        Some(kind) => Ok(kind),
        None => {
            let fits = |kind: &&WatchdogKind| !foreign || **kind != WatchdogKind::Crontab;
            Ok(standing().or_else(|| kinds.iter().find(fits).copied()).unwrap_or(WatchdogKind::Detached))
        }
    }
}

/// An open change needs its watchdog.
fn nothing_open(settings: &Settings) -> Result<(), Failure> {
    let state = settings.root.as_path().join(".rollback-deploy");
    for name in ["pending", "aborting"] {
        if std::fs::symlink_metadata(state.join(name)).is_ok() {
            return Err(Failure::refused("a change is open: it needs what set-up made")
                .on_host(state.join(name).display())
                .hint("Confirm or abort it first: rollback-deploy status says which."));
        }
    }
    Ok(())
}

fn root_part(order: &Order, rights: Rights) -> Result<Vec<SetupStep>, Failure> {
    match (rights, order.mode) {
        (Rights::Root, _) => by_root::run(order),
        (Rights::FullSudo, how_far) => {
            // In a folder of his own the user makes it himself: root does not go there.
            let made = how_far == SetupMode::Apply && launcher::own_folder(order)?;
            let mut steps = through_sudo(order)?;
            if let Some(folder) = steps.first_mut() {
                folder.changed |= made;
            }
            Ok(steps)
        }
        (Rights::Plain, SetupMode::Remove) if !by_root::anything_there(&order.settings.app) => Ok(Vec::new()),
        (Rights::Plain, SetupMode::Remove) => Err(needs_root()),
        (Rights::Plain, mode) => as_user(order, mode == SetupMode::Apply),
    }
}

/// Root's part, by somebody who is not root: the app's own folder can be had, the rest has to stand.
fn as_user(order: &Order, apply: bool) -> Result<Vec<SetupStep>, Failure> {
    let made = apply && launcher::own_folder(order)?;
    let mut steps = by_root::look(order)?;
    if let Some(folder) = steps.first_mut() {
        folder.changed = made;
    }
    if Order::root_face(&order.settings) || order.watchdog {
        let what = format!("sudo: {} may have the root face act for {}", order.user, order.settings.app);
        let done = Privileged::new(&order.settings).permitted(&Verb::DaemonReload).is_ok();
        steps.push(SetupStep { what, done, changed: false });
    }
    let missing: Vec<_> = steps.iter().filter(|step| !step.done).map(|step| step.what.clone()).collect();
    if apply && !missing.is_empty() { Err(needs_root().because(missing.join("\n"))) } else { Ok(steps) }
}

fn needs_root() -> Failure {
    Failure::refused("set-up needs root once, and this user may not use sudo without a password")
        .hint("Run rollback-deploy setup on this host as a user who may use sudo.")
}

/// Root's part, by this very program: afterwards the root-owned copy acts.
fn through_sudo(order: &Order) -> Result<Vec<SetupStep>, Failure> {
    let sudo = sudo().ok_or_else(|| Failure::refused("this host has no sudo"))?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed("our own program cannot be found").because(error.to_string()))?;
    let input = serde_json::to_vec(order)
        .map_err(|error| Failure::bug("the order for set-up cannot be written").because(error.to_string()))?;
    let argv = [sudo.as_ref(), "-n".as_ref(), "--".as_ref(), program.as_os_str(), "root".as_ref(), SETUP.as_ref()];
    let mut spec = Spec::program(argv).apart().only_asked().within(LIMIT);
    spec.input = Some(&input);
    let ended = take(&spec).map_err(|error| Failure::failed("sudo could not be started").because(error.to_string()))?;
    if !ended.ok() {
        return Err(Failure::failed(format!("set-up as root {}", ended.words())).because(ended.tail));
    }
    serde_json::from_slice(&ended.whole)
        .map_err(|error| Failure::failed("set-up as root answered something else").because(error.to_string()))
}

/// What needs no root: the crontab and the program that it calls.
fn user_part(request: &SetupRequest, kind: WatchdogKind, user: &str) -> Result<Vec<SetupStep>, Failure> {
    let settings = &request.settings;
    let crontab = Crontab::of(user);
    let lines = || crontab.item(settings);
    match request.mode {
        SetupMode::Remove if crontab.has_lines(settings) => {
            go(&[launcher::item(settings)?, lines()], SetupMode::Remove)
        }
        // Another kind took over: two watchdogs are one too many.
        SetupMode::Apply if kind != WatchdogKind::Crontab && crontab.has_lines(settings) => {
            go(&[lines()], SetupMode::Remove)
        }
        mode if kind == WatchdogKind::Crontab => go(&[launcher::item(settings)?, lines()], mode),
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests;
