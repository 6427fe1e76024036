//! The services of a release: started, stopped, and proven to run it. Uses privileged, root and ask.

use std::path::Path;

use rollback_deploy_core::model::{CheckResult, Failure, Service, Settings};

use super::privileged::Privileged;
use crate::ask::Since;

mod inspect;
mod own;
mod proof;
mod steady;
mod systemd;

pub use inspect::inspect;

/// What acting on the services of one release takes.
#[derive(Clone, Copy)]
pub struct ServiceCx<'a> {
    /// The release's own settings.
    pub settings: &'a Settings,
    /// Its folder.
    pub release_dir: &'a Path,
    /// Its version, for checks that name it.
    pub version: &'a str,
    /// When it was switched to; needed by the proof.
    pub switched: Option<&'a Since>,
    /// The way to the root face.
    pub privileged: &'a Privileged,
    /// Whether to end as soon as that is safe.
    pub cancelled: &'a dyn Fn() -> bool,
    /// Hears what happens, line by line.
    pub say: &'a dyn Fn(&str),
}

/// Has all services run this release, which the live link leads to by now; each is waited for.
///
/// # Errors
/// One of them did not come up in time; the others after it were not touched.
pub fn activate(cx: &ServiceCx<'_>) -> Result<(), Failure> {
    cx.settings.services.iter().try_for_each(|service| match service {
        Service::Systemd { unit, how } => systemd::activate(cx, unit, *how),
        Service::Commands { name, start, stop, status } => {
            // What an activation that died before had started.
            own::stop(cx, name, stop, status)?;
            own::start(cx, name, start, status)
        }
    })
}

/// Stops all services of this release, by its own record and in its own folder, wherever the live link leads. The last
/// one first.
///
/// # Errors
/// One of them did not end; the others were still stopped.
pub fn stop(cx: &ServiceCx<'_>) -> Result<(), Failure> {
    let results = cx.settings.services.iter().rev().map(|service| match service {
        Service::Systemd { unit, .. } => systemd::stop(cx, unit),
        Service::Commands { name, stop, status, .. } => own::stop(cx, name, stop, status),
    });
    // All of them are stopped before the first failure is told.
    results.collect::<Vec<_>>().into_iter().collect()
}

/// Proves of each service that what runs is the release. One answer a service, each with its method.
#[must_use]
pub fn prove(cx: &ServiceCx<'_>) -> Vec<CheckResult> {
    cx.settings.services.iter().map(|service| proof::prove(cx, service)).collect()
}

/// Whether all services stay as they are for 10 s: what is asked when no checks are configured.
#[must_use]
pub fn steady(cx: &ServiceCx<'_>) -> Vec<CheckResult> {
    steady::steady(cx)
}

/// Whether all services stay as they are while something else is asked, and for 3 s at least. Nothing when that says no.
#[must_use]
pub fn steady_during(cx: &ServiceCx<'_>, meanwhile: &mut dyn FnMut() -> bool) -> Vec<CheckResult> {
    steady::steady_during(cx, meanwhile)
}

#[cfg(test)]
pub(crate) mod tests;
