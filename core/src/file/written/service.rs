//! Services.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{Restart, UnitName};

/// One service: a unit of systemd (`unit`), or three commands of your own (`name`, `start`, `stop`, `status`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct Service {
    /// The unit; a bare name means a service. Name the socket unit too when there is one: then no request is lost.
    #[schemars(with = "Option<String>")]
    pub(in crate::file) unit: Option<UnitName>,
    /// How the unit takes the new release. Default: `restart`.
    pub(in crate::file) how: Option<Restart>,
    /// What a service of your own is called in logs.
    pub(in crate::file) name: Option<String>,
    /// Starts the service and returns; run by `sh` in the release's folder as the deploy user.
    pub(in crate::file) start: Option<String>,
    /// Stops the service, run in the folder of the release that is left; succeeds when it does not run.
    pub(in crate::file) stop: Option<String>,
    /// Exits with 0 while the service runs.
    pub(in crate::file) status: Option<String>,
}
