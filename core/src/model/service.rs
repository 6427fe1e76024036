//! What runs a release: units of systemd, or the user's own commands.

use serde::{Deserialize, Serialize};

use super::name::UnitName;

/// One service of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// A unit of systemd.
    Systemd {
        /// The unit; a bare name means a service.
        unit: UnitName,
        /// How it takes the new release.
        how: Restart,
    },
    /// Three commands, run by `sh` in the release's folder as the deploy user.
    Commands {
        /// What it is called in logs.
        name: String,
        /// Starts the service and returns; what it starts outlives it.
        start: String,
        /// Stops the service; succeeds when it does not run.
        stop: String,
        /// Exits with 0 while the service runs.
        status: String,
    },
}

/// How a unit takes the new release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Stop and start. With a socket unit no request is lost.
    #[default]
    Restart,
    /// `systemctl reload`: the main process stays.
    Reload,
}

impl Service {
    /// What it is called in logs.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Systemd { unit, .. } => unit.as_str(),
            Self::Commands { name, .. } => name,
        }
    }
}
