//! Hosts and their keys.

use super::super::address::{doubles, is_user};
use super::super::known_host::KnownHost;
use super::super::mistake::quoted;
use super::super::resolved::{Address, Host};
use super::super::written;
use super::super::written::host::Host as WrittenHost;
use super::super::written::placed::Placed;
use super::Resolver;

impl Resolver<'_> {
    pub(super) fn hosts(&mut self, written: &written::Environment) -> Vec<Host> {
        let Some(named) = &written.hosts else { return Vec::new() };
        let hosts: Vec<Host> =
            named.0.iter().map(|(label, host)| Host { label: label.clone(), address: self.address(host) }).collect();
        for (n, what) in doubles(&hosts) {
            if let Some((_, host)) = named.0.get(n) {
                self.wrong_hint(host.node, what, "List each machine once.");
            }
        }
        hosts
    }

    pub(super) fn address(&mut self, host: &Placed<WrittenHost>) -> Address {
        let WrittenHost { address, user, port } = &host.value;
        if address.user.is_some() && user.is_some() {
            self.wrong(host.node, "the user is given twice: in `address` and in `user`");
        }
        if address.port.is_some() && port.is_some() {
            self.wrong(host.node, "the port is given twice: in `address` and in `port`");
        }
        if let Some(user) = user.as_deref().filter(|user| !is_user(user)) {
            self.wrong(host.node, format!("the user {} is not valid", quoted(user)));
        }
        if *port == Some(0) {
            self.wrong(host.node, "the port 0 is not valid: a number from 1 to 65535");
        }
        Address {
            user: address.user.clone().or_else(|| user.clone()),
            host: address.host.clone(),
            port: address.port.or(*port),
        }
    }

    /// One entry for each line: a block of text may hold several.
    pub(super) fn known_hosts(&mut self, written: &[Placed<String>]) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in written {
            for line in entry.value.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                if let Err(why) = KnownHost::parse(line) {
                    let what =
                        format!("{} is neither a line of known_hosts nor a SHA256 fingerprint: it {why}", quoted(line));
                    self.wrong_hint(
                        entry.node,
                        what,
                        "On the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; compare it on the console.",
                    );
                }
                lines.push(line.to_owned());
            }
        }
        lines
    }
}
