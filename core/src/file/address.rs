//! `user@host:port`, and lists of them. May use the model and the resolved types.
//!
//! What is accepted here ends up as arguments of the user's own `ssh`: nothing that could be read as an option or as
//! shell text gets through.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::model::{Failure, Label, Place};

use super::mistake::quoted;
use super::resolved::{Address, Host};

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing is there.
    #[error("the address is empty")]
    Empty,
    /// The user's name cannot be one.
    #[error("the user {} is not valid: letters, digits and ._-, starting with a letter or _", quoted(.0))]
    User(String),
    /// The host's name cannot be one.
    #[error("the host {} is not valid: a name such as web-1.example.com, or an address", quoted(.0))]
    Host(String),
    /// The port is no number from 1 to 65535.
    #[error("the port {} is not valid: a number from 1 to 65535", quoted(.0))]
    Port(String),
    /// Colons that can be read in two ways.
    #[error("{} is not valid: write IPv6 with a port as [2001:db8::1]:22", quoted(.0))]
    Brackets(String),
    /// A URL.
    #[error("{} is a URL: write user@host:port without anything before or after", quoted(.0))]
    Url(String),
}

/// Whether this can be a user on a host.
pub(super) fn is_user(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.contains("://") {
            return Err(AddressError::Url(text.to_owned()));
        }
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) if is_user(user) => (Some(user.to_owned()), rest),
            Some((user, _)) => return Err(AddressError::User(user.to_owned())),
            None => (None, text),
        };
        let (host, port) = split_port(rest)?;
        let port = match port {
            None => None,
            Some(digits) => Some(
                digits
                    .parse()
                    .ok()
                    .filter(|port| *port != 0 && !digits.starts_with('+'))
                    .ok_or_else(|| AddressError::Port(digits.to_owned()))?,
            ),
        };
        Ok(Self { user, host: host.to_owned(), port })
    }
}

/// The host, without brackets, and the port.
fn split_port(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    let brackets = || AddressError::Brackets(text.to_owned());
    if let Some(inside) = text.strip_prefix('[') {
        let (host, rest) = inside.split_once(']').ok_or_else(brackets)?;
        host.parse::<Ipv6Addr>().map_err(|_| AddressError::Host(host.to_owned()))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(brackets()),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, None));
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    if port.is_some_and(|port| port.contains(':')) {
        return Err(brackets());
    }
    if is_host(host) { Ok((host, port)) } else { Err(AddressError::Host(host.to_owned())) }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

/// Reads the hosts of an input: one in a line or after a comma, each `address` or `label=address`; lines that begin
/// with `#` are left out. Without labels they are `host-1`, `host-2` …, never the address.
///
/// # Errors
/// Every mistake at once; the place is the input `hosts`.
pub fn parse_hosts(text: &str) -> Result<Vec<Host>, Vec<Failure>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let items = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|item| !item.is_empty());
    let mut hosts = Vec::new();
    let mut failures = Vec::new();
    for (n, item) in items.enumerate() {
        match parse_host(item, n + 1) {
            Ok(host) => hosts.push(host),
            Err(what) => failures.push(wrong_hosts(what).hint("Write user@host:port, or label=user@host:port.")),
        }
    }
    failures.extend(doubles(&hosts).into_iter().map(|(_, what)| wrong_hosts(what)));
    if failures.is_empty() { Ok(hosts) } else { Err(failures) }
}

fn wrong_hosts(what: String) -> Failure {
    Failure::input(what).at(Place::Input("hosts".to_owned()))
}

fn parse_host(item: &str, n: usize) -> Result<Host, String> {
    let (label, address) = match item.split_once('=') {
        Some((label, address)) => (label.trim().to_owned(), address.trim()),
        None => (format!("host-{n}"), item),
    };
    let label = Label::new(label).map_err(|error| error.to_string())?;
    let address = address.parse().map_err(|error: AddressError| error.to_string())?;
    Ok(Host { label, address })
}

/// Hosts that are there twice, by label or by address: two changes of one host would wait for each other.
pub(super) fn doubles(hosts: &[Host]) -> Vec<(usize, String)> {
    let mut labels = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    let mut doubles = Vec::new();
    for (n, host) in hosts.iter().enumerate() {
        if labels.insert(host.label.as_str(), n).is_some() {
            doubles.push((n, format!("the label {} is used twice", quoted(host.label.as_str()))));
        }
        let same_machine = (host.address.host.to_lowercase(), host.address.port.unwrap_or(22));
        if let Some(first) = addresses.insert(same_machine, &host.label) {
            doubles.push((
                n,
                format!("{} is the same machine as {}", quoted(host.label.as_str()), quoted(first.as_str())),
            ));
        }
    }
    doubles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip() {
        for text in
            ["web-1", "deploy@192.0.2.10", "deploy@web.example.com:2222", "[::1]:22", "a_b@[2001:db8::1]", "host_1:1"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text, "{text}");
        }
        let address: Address = "deploy@2001:db8::1".parse().unwrap();
        assert_eq!((address.host.as_str(), address.port), ("2001:db8::1", None));
    }

    #[test]
    fn hostile_addresses_are_refused() {
        for text in [
            "",
            "@",
            "@host",
            "-oProxyCommand=x",
            "user@-oProxyCommand=x",
            "-u@host",
            "a b",
            "host;id",
            "$(id)",
            "`id`",
            "host:",
            "host:0",
            "host:65536",
            "host:+22",
            "host:22:22",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[host]:22",
            "::1]:22",
            "ssh://host",
            "user@host/path",
            "host\n",
            "u@v@host",
            "[fe80::1%eth0]",
            "ホスト",
            "%h",
            "[-o]",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn lists_of_hosts() {
        let hosts = parse_hosts("deploy@192.0.2.1, web-2 = deploy@192.0.2.2:2222\n\n# old: x\n[::1]:22\r\n").unwrap();
        let shown: Vec<_> = hosts.iter().map(|host| format!("{}={}", host.label, host.address)).collect();
        assert_eq!(shown, ["host-1=deploy@192.0.2.1", "web-2=deploy@192.0.2.2:2222", "host-3=[::1]:22"]);
        assert_eq!(parse_hosts(" \n,").unwrap(), []);
    }

    #[test]
    fn all_wrong_hosts_are_told() {
        let failures = parse_hosts("a:x\nb@:1\nx=1.1.1.1\nx=2.2.2.2\ny=1.1.1.1:22").unwrap_err();
        let what: Vec<_> = failures.iter().map(|failure| failure.what.as_str()).collect();
        assert_eq!(
            what,
            [
                "the port `x` is not valid: a number from 1 to 65535",
                "the host `` is not valid: a name such as web-1.example.com, or an address",
                "the label `x` is used twice",
                "`y` is the same machine as `x`",
            ]
        );
    }
}
