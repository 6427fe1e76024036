//! Checks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{AbsPath, CheckFrom, EnvName, RelPath, UnitName};

use super::amount::{Count, Size, Spelled, Time};
use super::placed::Placed;

/// One check: one word with its settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::file) enum Check {
    /// Is the unit active?
    Service(ServiceCheck),
    /// Do processes of this name run?
    Process(ProcessCheck),
    /// Does something listen?
    Port(PortCheck),
    /// Does the URL answer as it should?
    Http(HttpCheck),
    /// Does the command exit with 0?
    Command(CommandCheck),
    /// Is there room on the disk?
    Disk(DiskCheck),
    /// Are there free inodes?
    Inodes(InodesCheck),
    /// Is there free memory?
    Memory(MemoryCheck),
    /// Are there few enough error lines since the switch?
    Errors(ErrorsCheck),
    /// Does the environment file have all the names that the app needs?
    Environment(EnvironmentCheck),
    /// Does `nginx -t` succeed?
    Nginx(NginxCheck),
}

/// Is the unit active?
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct ServiceCheck {
    /// The unit; a bare name means a service.
    #[schemars(with = "String")]
    pub(in crate::file) unit: UnitName,
    /// Asked again until yes, at most this long. Default: `30s`.
    pub(in crate::file) within: Option<Time>,
}

/// Do processes of this name run?
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct ProcessCheck {
    /// The command's name, or a part of its command line.
    pub(in crate::file) name: Placed<String>,
    /// How many at least. Default: `1`.
    pub(in crate::file) at_least: Option<Placed<u32>>,
    /// Asked again until yes, at most this long. Default: `30s`.
    pub(in crate::file) within: Option<Time>,
}

/// Does something listen?
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct PortCheck {
    /// The TCP port.
    pub(in crate::file) number: Placed<u16>,
    /// The address to connect to. Default: `127.0.0.1`; needed with `from: runner`.
    pub(in crate::file) address: Option<Placed<String>>,
    /// Asked again until yes, at most this long. Default: `30s`.
    pub(in crate::file) within: Option<Time>,
    /// Where it is asked. Default: `host`.
    pub(in crate::file) from: Option<CheckFrom>,
}

/// Does the URL answer as it should? `{version}` in `header`, `text` and `json` stands for the release's version.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct HttpCheck {
    /// Where to ask: `http://…` or `https://…`.
    pub(in crate::file) url: Placed<String>,
    /// The status wanted. Default: `200`.
    pub(in crate::file) status: Option<Placed<u16>>,
    /// Headers that the answer must have, each with a part of its value.
    #[serde(default)]
    pub(in crate::file) header: BTreeMap<String, Spelled>,
    /// Text that the body must have.
    pub(in crate::file) text: Option<String>,
    /// Values that a JSON body must have, by path: `status: ok`, `data.0.name: x`.
    #[serde(default)]
    pub(in crate::file) json: BTreeMap<String, Spelled>,
    /// The time limit of one request. Default: `10s`.
    pub(in crate::file) timeout: Option<Placed<Time>>,
    /// Asked again until yes, at most this long. Default: `30s`.
    pub(in crate::file) within: Option<Time>,
    /// Where it is asked. Default: `host`, where it guards also when nobody else is there.
    pub(in crate::file) from: Option<CheckFrom>,
}

/// Does the command exit with 0? Run by `sh` in the live release.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct CommandCheck {
    /// The command.
    pub(in crate::file) run: Placed<String>,
    /// Its time limit. Default: `30s`.
    pub(in crate::file) timeout: Option<Placed<Time>>,
    /// Asked again until yes, at most this long. Default: asked once.
    pub(in crate::file) within: Option<Time>,
}

/// Is there room on the disk?
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct DiskCheck {
    /// How much must be free. Default: `10%`.
    pub(in crate::file) free: Option<Size>,
    /// A path on the disk asked about. Default: the root of the app.
    #[schemars(with = "Option<String>")]
    pub(in crate::file) path: Option<AbsPath>,
    /// Asked again until yes, at most this long. Default: asked once.
    pub(in crate::file) within: Option<Time>,
}

/// Are there free inodes?
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct InodesCheck {
    /// How many must be free. Default: `10%`.
    pub(in crate::file) free: Option<Count>,
    /// A path on the disk asked about. Default: the root of the app.
    #[schemars(with = "Option<String>")]
    pub(in crate::file) path: Option<AbsPath>,
    /// Asked again until yes, at most this long. Default: asked once.
    pub(in crate::file) within: Option<Time>,
}

/// Is there free memory?
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct MemoryCheck {
    /// How much must be free. Default: `10%`.
    pub(in crate::file) free: Option<Size>,
    /// Asked again until yes, at most this long. Default: asked once.
    pub(in crate::file) within: Option<Time>,
}

/// Are there few enough error lines since the switch? Name a `unit` or a `file`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct ErrorsCheck {
    /// The unit whose journal is read.
    #[schemars(with = "Option<String>")]
    pub(in crate::file) unit: Option<UnitName>,
    /// The file that is read; a relative one is below the live release, shared folders included.
    pub(in crate::file) file: Option<Placed<String>>,
    /// Text that makes a line an error line; any of them. Default: `ERROR`, `CRITICAL`, `FATAL`, `Traceback`.
    #[serde(default)]
    pub(in crate::file) patterns: Vec<Placed<String>>,
    /// How many such lines are fine. Default: `0`.
    pub(in crate::file) at_most: Option<u32>,
}

/// Does the environment file have all the names that the app needs, each with a value?
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct EnvironmentCheck {
    /// The names.
    #[schemars(with = "Vec<String>")]
    pub(in crate::file) names: Placed<Vec<EnvName>>,
    /// The file, below the release. Default: the `environment-file`.
    #[schemars(with = "Option<String>")]
    pub(in crate::file) file: Option<RelPath>,
}

/// Does `nginx -t` succeed?
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct NginxCheck {
    /// Asked again until yes, at most this long. Default: asked once.
    pub(in crate::file) within: Option<Time>,
}
