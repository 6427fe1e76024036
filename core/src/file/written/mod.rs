//! The deploy file as it is written: one type for each map, each field documented for the reference page.
//! May use the model. What the values mean together is checked in `resolve`.
//!
//! The names of these types are the names of the schema's definitions, and the keys of the tables in `vocabulary`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{AbsPath, Allow, AppName, EnvironmentName, Label, RelPath};

pub(super) mod amount;
pub(super) mod health;
pub(super) mod host;
pub(super) mod placed;
pub(super) mod release;
pub(super) mod service;

use amount::Time;
use health::Check;
use host::Host;
use placed::{Named, Placed};
use release::{Commands, Migrate, Shared, Source, Strategy};
use service::Service;

/// The deploy file: what is deployed, to where, and how it is told to be healthy. It lies at
/// `.github/rollback-deploy.yml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    /// The version of this format: `1`.
    #[schemars(required)]
    pub(super) version: Option<FormatVersion>,
    /// The name of the app. A folder on a host that belongs to another app is refused.
    #[schemars(required, with = "String")]
    pub(super) app: Option<AppName>,
    /// The environments, by name: `production`, `staging`.
    #[schemars(required)]
    pub(super) environments: Option<Named<EnvironmentName, Environment>>,
}

/// The version of this format.
#[derive(Debug)]
pub(super) struct FormatVersion;

impl<'de> Deserialize<'de> for FormatVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "1" => Ok(Self),
            _ => Err(serde::de::Error::custom("this rollback-deploy reads version 1 of the format only")),
        }
    }
}

impl JsonSchema for FormatVersion {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FormatVersion".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": 1 })
    }
}

/// One environment: its hosts, and how a release runs on them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Environment {
    /// The hosts, by label. The label is what logs, outputs and artifacts call a host; its address is never shown there.
    /// Without hosts, the machine that runs rollback-deploy is meant.
    pub(super) hosts: Option<Named<Label, Host>>,
    /// A host that all connections go through.
    pub(super) jump_host: Option<Placed<Host>>,
    /// The host keys that are trusted: lines as in `known_hosts`, or fingerprints such as `SHA256:…`.
    #[serde(default)]
    pub(super) known_hosts: Vec<Placed<String>>,
    /// The app's folder on each host. Releases, shared files and records live below it.
    #[schemars(required, with = "String")]
    pub(super) root: Option<Placed<AbsPath>>,
    /// The link that points to the live release; services and web servers use this path. It must be on the same file
    /// system as the root. Default: `current` in the root.
    #[schemars(with = "Option<String>")]
    pub(super) link: Option<Placed<AbsPath>>,
    /// How a release becomes live. Default: `symlink`.
    pub(super) strategy: Option<Strategy>,
    /// How many proven releases stay on a host. Default: `5`.
    pub(super) keep: Option<Placed<u32>>,
    /// Files and folders that outlive a release. A trailing `/` says that it is a folder. Files are linked before the
    /// build and must exist on the host; folders are made when missing and linked after the build.
    #[serde(default)]
    pub(super) shared: Vec<Placed<Shared>>,
    /// Folders, such as compiled style sheets, in which names of the old release stay reachable in the new one.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) assets: Vec<Placed<RelPath>>,
    /// Commands that finish the release on the host, in order, run by `sh` in its final folder before it is live.
    pub(super) build: Option<Commands>,
    /// The time limit of each build command. Default: `15m`.
    pub(super) build_timeout: Option<Placed<Time>>,
    /// The migration of the database, run after the build and before the switch.
    pub(super) migrate: Option<Migrate>,
    /// What runs the release: restarted with each change, watched, and proven to run the new release.
    #[serde(default)]
    pub(super) services: Vec<Placed<Service>>,
    /// What must be true of a release that is live. Otherwise the old release comes back.
    #[serde(default)]
    pub(super) health: Vec<Placed<Check>>,
    /// The shared file that holds the app's environment; each confirmed release keeps a copy. Default: `.env`, when that
    /// is shared.
    #[schemars(with = "Option<String>")]
    #[expect(clippy::struct_field_names, reason = "this is the key people write")]
    pub(super) environment_file: Option<Placed<RelPath>>,
    /// How long a change may stay open without a sign of life of the run that made it; then the host goes back by
    /// itself. Default: `120s`.
    pub(super) window: Option<Placed<Time>>,
    /// How long a change may stay open at all. Default: `30m`.
    pub(super) hard_limit: Option<Placed<Time>>,
    /// The time limit of stopping or starting one service. Default: `90s`.
    pub(super) activate_timeout: Option<Placed<Time>>,
    /// Overrides that are always granted here; each lifts one refusal and is named in every summary.
    #[serde(default)]
    pub(super) allow: Vec<Allow>,
    /// Where releases come from. Default: `archive`.
    pub(super) source: Option<Placed<Source>>,
    /// What stands before the number in a tag; `""` for tags such as `1.4.0`. Default: `v`.
    pub(super) tag_prefix: Option<Placed<String>>,
    /// How long to wait for somebody else's change; `0`: not at all. Default: `0`.
    pub(super) wait: Option<Time>,
    /// How long an undecided change is held for a person. Default: it is undone.
    pub(super) hold: Option<Time>,
    /// The watchdog wanted. Default: the strongest that the host can have.
    pub(super) watchdog: Option<Watchdog>,
    /// Whether the first deploy may set the host up. Default: `auto`.
    pub(super) setup: Option<Setup>,
}

/// What brings a host back when nobody else is there.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Watchdog {
    /// Units of systemd: they work after a restart of the host too.
    Systemd,
    /// Entries of crontab: once a minute, and after a restart of the host.
    Crontab,
    /// A detached process: gone after a restart of the host. Needs `allow: [weak-watchdog]`.
    Detached,
}

/// Whether the first deploy may set the host up.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Setup {
    /// When the host needs it and the user may.
    Auto,
    /// Only by the verb `setup`.
    Manual,
}
