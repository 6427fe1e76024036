//! Hosts.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::resolved::Address;

/// One host.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct Host {
    /// Name or address, with user and port when wanted: `user@host:port`. IPv6 with a port needs brackets:
    /// `user@[2001:db8::1]:22`.
    #[schemars(with = "String")]
    pub(in crate::file) address: Address,
    /// The user to log in as, when the address does not name one. Default: the input `user`, or your ssh configuration.
    pub(in crate::file) user: Option<String>,
    /// The port, when the address does not name one. Default: `22`, or your ssh configuration.
    pub(in crate::file) port: Option<u16>,
}
