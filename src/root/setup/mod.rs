//! Sets a host up for one app, as root: each part is looked at first and made only when it is not as it should be.

use std::io::Read;

use rollback_deploy_core::model::{AppName, Digest, Failure, Question, Service, Settings};
use rollback_deploy_core::wire::SetupMode;
use rollback_deploy_core::wire::act::SetupStep;
use serde::{Deserialize, Serialize};

mod file;
mod folder;
mod item;
mod program;
mod sudoers;
mod units;

pub use file::OwnedFile;
pub(crate) use item::{Item, Now, go};

use super::{PROGRAM, Policy};

/// The most that an order may hold, in bytes.
const LARGEST: u64 = 4 << 20;

/// What root shall set up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// How far to go.
    pub mode: SetupMode,
    /// The app.
    pub settings: Settings,
    /// Who deploys.
    pub user: String,
    /// Whether systemd's units keep the promise.
    pub watchdog: bool,
}

impl Order {
    /// Whether anything that this app needs can be had by the root face only.
    #[must_use]
    pub fn root_face(settings: &Settings) -> bool {
        let service = |service: &Service| matches!(service, Service::Systemd { .. });
        let needs = |question: &Question| {
            matches!(question, Question::Nginx)
                || matches!(question, Question::Errors { log: rollback_deploy_core::model::LogSource::Unit(_), .. })
        };
        settings.services.iter().any(service) || settings.checks.iter().any(|check| needs(&check.question))
    }
}

/// Reads an order, carries it out, and gives its steps as JSON.
pub(super) fn from_stdin() -> Result<String, Failure> {
    let mut text = Vec::new();
    let read = std::io::stdin().lock().take(LARGEST).read_to_end(&mut text);
    read.map_err(|error| Failure::input(format!("the order for set-up cannot be read: {error}")))?;
    let order: Order = serde_json::from_slice(&text)
        .map_err(|error| Failure::input(format!("the order for set-up is not valid: {error}")))?;
    let steps = run(&order)?;
    serde_json::to_string(&steps).map_err(|error| Failure::bug("steps cannot be written").because(error.to_string()))
}

/// Carries out an order: everything below is root's, except the app's own folder.
///
/// # Errors
/// A part could not be made as it should be; what was made before it stays, and doing it again goes on from there.
pub fn run(order: &Order) -> Result<Vec<SetupStep>, Failure> {
    go(&items(order, Eyes::Root)?, order.mode)
}

/// What root would do, as an ordinary user sees it: sudoers files cannot be read, so the caller proves them; a policy
/// that allows more and a program of another version do as well.
///
/// # Errors
/// The order is not valid.
pub fn look(order: &Order) -> Result<Vec<SetupStep>, Failure> {
    let items: Vec<_> = items(order, Eyes::User)?.into_iter().filter(|item| !item.hidden).collect();
    go(&items, if order.mode == SetupMode::Plan { SetupMode::Plan } else { SetupMode::Check })
}

/// Whether root's part left anything for this app.
#[must_use]
pub fn anything_there(app: &AppName) -> bool {
    Policy::path(app).exists() || units::any_there(app)
}

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eyes {
    /// Root, who makes everything exactly as it should be.
    Root,
    /// A user, who can only say whether it will do.
    User,
}

/// The program that runs now.
///
/// # Errors
/// It cannot be read.
pub(crate) fn own_program() -> Result<Vec<u8>, Failure> {
    std::fs::read("/proc/self/exe")
        .map_err(|error| Failure::failed("our own program cannot be read").because(error.to_string()))
}

fn items(order: &Order, eyes: Eyes) -> Result<Vec<Item>, Failure> {
    sudoers::checked_user(&order.user)?;
    let mut items = vec![folder::item(order)];
    if !Order::root_face(&order.settings) && !order.watchdog {
        return Ok(items);
    }
    let bytes = own_program()?;
    let digest = Digest::of(&bytes);
    let policy = Policy::for_settings(&order.settings, &order.user, Some(digest));
    // The last app to go takes the program along.
    if order.mode != SetupMode::Remove || !program::others(&order.settings.app) {
        items.push(program::item(bytes, eyes == Eyes::User));
    }
    let mut file = Item::file(
        &format!("the policy: units {}", policy.units.iter().cloned().collect::<Vec<_>>().join(", ")),
        OwnedFile::new(Policy::path(&policy.app), policy.to_text().into_bytes(), 0o644),
    );
    if eyes == Eyes::User {
        let exactly = file.now;
        file.now = Box::new(move || match Policy::read(&policy.app) {
            Ok(found) if found.covers(&policy) => Ok(Now::Right),
            _ => exactly(),
        });
    }
    items.push(file);
    if order.user != "root" {
        items.push(sudoers::item(&order.settings.app, &order.user));
    }
    if order.watchdog {
        items.extend(units::items(&order.settings, &order.user)?);
    }
    Ok(items)
}

/// What the installed program is, if there is one.
#[must_use]
pub fn installed_program() -> Option<Digest> {
    std::fs::read(PROGRAM).ok().map(|bytes| Digest::of(&bytes))
}

/// Whether systemd's units for this app lie there as they should, and run.
#[must_use]
pub fn watchdog_stands(settings: &Settings, user: &str) -> bool {
    units::items(settings, user).is_ok_and(|items| items.iter().all(|item| matches!((item.now)(), Ok(Now::Right))))
}
