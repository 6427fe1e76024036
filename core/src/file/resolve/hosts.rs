//! Hosts and their keys.

use super::super::address::{doubles, is_user};
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
                if !is_known_host(line) {
                    let what = format!("{} is neither a line of known_hosts nor a SHA256 fingerprint", quoted(line));
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

fn is_known_host(line: &str) -> bool {
    let base64 = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
    if let Some(digest) = line.strip_prefix("SHA256:") {
        // 32 bytes in base64; OpenSSH leaves the padding out.
        let digest = digest.strip_suffix('=').unwrap_or(digest);
        return digest.len() == 43 && base64(digest);
    }
    let mut words = line.split_whitespace().peekable();
    words.next_if(|word| word.starts_with('@'));
    matches!((words.next(), words.next(), words.next()), (Some(_), Some(kind), Some(key))
        if kind.contains('-') && key.len() >= 16 && base64(key))
}

#[cfg(test)]
mod tests {
    use super::is_known_host;

    #[test]
    fn host_keys() {
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIGtleWtleWtleWtleWtleWtleWtleWtleWtleWtleWtl";
        for line in [
            format!("web-1 ssh-ed25519 {key}"),
            format!("[192.0.2.1]:2222 ecdsa-sha2-nistp256 {key} comment"),
            format!("@cert-authority *.example.com ssh-ed25519 {key}"),
            format!("SHA256:{}", "a".repeat(43)),
            format!("SHA256:{}=", "a".repeat(43)),
        ] {
            assert!(is_known_host(&line), "{line}");
        }
        for line in ["web-1", "SHA256:abc", "ssh-ed25519 AAAA", "MD5:aa:bb", "web-1 ssh-ed25519 $(id)"] {
            assert!(!is_known_host(line), "{line}");
        }
    }
}
