//! What ssh says, in our words. Pure.

use rollback_deploy_core::model::{Failure, Place};

use super::known_hosts::ON_THE_CONSOLE;

/// What hindered a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The host's key is not trusted, or not any more.
    HostKey,
    /// The host does not let this key in.
    Denied,
    /// Nobody listens there.
    Refused,
    /// No answer.
    Silent,
    /// No way there.
    NoWay,
    /// The name is not known.
    Name,
    /// The name server did not answer.
    NameServer,
    /// Closed before the login.
    Closed,
    /// Something else.
    Other,
}

impl Trouble {
    /// From the log of ssh.
    #[must_use]
    pub fn of(log: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| log.contains(word));
        if says(&["Host key verification failed", "HOST IDENTIFICATION HAS CHANGED"]) {
            Self::HostKey
        } else if says(&["Permission denied (", "Too many authentication failures", "No more authentication methods"]) {
            Self::Denied
        } else if says(&["Temporary failure in name resolution"]) {
            Self::NameServer
        } else if says(&["Could not resolve hostname", "Name or service not known"]) {
            Self::Name
        } else if says(&["Connection refused"]) {
            Self::Refused
        } else if says(&["timed out", "Timeout, server"]) {
            Self::Silent
        } else if says(&["No route to host", "Network is unreachable", "Host is down"]) {
            Self::NoWay
        } else if says(&["Connection reset", "Connection closed", "kex_exchange_identification", "banner exchange"]) {
            Self::Closed
        } else {
            Self::Other
        }
    }

    /// Whether trying again soon can help.
    #[must_use]
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Refused | Self::Silent | Self::NoWay | Self::NameServer | Self::Closed)
    }
}

/// What is known about a connection that did not come about.
#[derive(Debug, Default)]
pub struct Attempt<'a> {
    /// The host, as people know it.
    pub host: &'a str,
    /// The user, where we know it.
    pub user: Option<&'a str>,
    /// The key that was tried: type and fingerprint.
    pub key: Option<&'a str>,
    /// Host keys that are trusted for it.
    pub expected: &'a [String],
    /// Host keys that it showed.
    pub offered: &'a [String],
    /// What ssh wrote.
    pub log: &'a str,
}

/// The failure of an attempt.
#[must_use]
pub fn failure(trouble: Trouble, attempt: &Attempt<'_>) -> Failure {
    let host = attempt.host;
    let place = |failure: Failure| failure.at(Place::Machine(host.to_owned()));
    let firewall = "Check address, port and firewall: from where this runs the host's SSH port has to be reachable.";
    let failure = match trouble {
        Trouble::HostKey => host_key(attempt),
        Trouble::Denied => {
            let user = attempt.user.map(|user| format!(" for the user {user}")).unwrap_or_default();
            let key = attempt.key.map(|key| format!("; tried {key}")).unwrap_or_default();
            place(Failure::input(format!("{host} does not let us in{user}{key}"))).hint(
                "Put the public half of this key into ~/.ssh/authorized_keys of that user on the host \
                 (ssh-keygen -lf ~/.ssh/authorized_keys lists the fingerprints there).",
            )
        }
        Trouble::Refused => place(Failure::failed(format!("{host} refuses the connection: nobody listens there")))
            .hint("Is sshd running, and is the port right?"),
        Trouble::Silent => place(Failure::failed(format!("{host} does not answer"))).hint(firewall),
        Trouble::NoWay => place(Failure::failed(format!("there is no route to {host}"))).hint(firewall),
        Trouble::Name => place(Failure::input(format!("the host name of {host} is not known")))
            .hint("Check its spelling, or give an IP address."),
        Trouble::NameServer => place(Failure::failed(format!("the name of {host} could not be looked up")))
            .hint("The name server where this runs does not answer."),
        Trouble::Closed => place(Failure::failed(format!("{host} closed the connection before the login")))
            .hint("A full sshd (MaxStartups), a ban (fail2ban) or a proxy does that; try again in a minute."),
        Trouble::Other if attempt.log.contains("Bad configuration option") => {
            place(Failure::failed("the program ssh is too old where the controller runs"))
                .hint("OpenSSH 8.5 or newer is needed; the action's image has it.")
        }
        Trouble::Other => place(Failure::failed(format!("the SSH connection to {host} failed"))),
    };
    let log = attempt.log.trim();
    if log.is_empty() { failure } else { failure.because(log) }
}

fn host_key(attempt: &Attempt<'_>) -> Failure {
    let host = attempt.host;
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let what = if attempt.expected.is_empty() {
        let showed = format!("; it showed {}", list(attempt.offered));
        format!("the host key of {host} is not known{}", if attempt.offered.is_empty() { "" } else { &showed })
    } else {
        format!(
            "the host key of {host} is not the expected one: expected {}, it showed {}",
            list(attempt.expected),
            list(attempt.offered)
        )
    };
    let failure = Failure::input(what).at(Place::Input("known-hosts".into())).hint(ON_THE_CONSOLE);
    if attempt.expected.is_empty() {
        failure
    } else {
        failure.hint(
            "Was the host installed anew? Then update known-hosts. If not, somebody may stand between: \
             nothing was sent to it.",
        )
    }
}

#[cfg(test)]
mod tests {
    use rollback_deploy_core::model::Kind;

    use super::*;

    #[test]
    fn what_ssh_says_is_understood() {
        for (log, trouble, is_passing) in [
            ("ssh: connect to host 127.0.0.1 port 2299: Connection refused\r\n", Trouble::Refused, true),
            ("ssh: connect to host 192.0.2.1 port 22: Connection timed out", Trouble::Silent, true),
            ("ssh: connect to host x port 22: No route to host", Trouble::NoWay, true),
            ("ssh: Could not resolve hostname x: Name or service not known", Trouble::Name, false),
            ("ssh: Could not resolve hostname x: Temporary failure in name resolution", Trouble::NameServer, true),
            ("root@127.0.0.1: Permission denied (publickey,password).", Trouble::Denied, false),
            ("Host key verification failed.\r\n", Trouble::HostKey, false),
            ("kex_exchange_identification: Connection closed by remote host", Trouble::Closed, true),
            ("Connection reset by 127.0.0.1 port 22", Trouble::Closed, true),
            ("No user exists for uid 4711", Trouble::Other, false),
        ] {
            assert_eq!((Trouble::of(log), Trouble::of(log).is_passing()), (trouble, is_passing), "{log}");
        }
    }

    #[test]
    fn where_it_is_is_the_host_itself() {
        for trouble in [Trouble::Refused, Trouble::Silent, Trouble::Denied, Trouble::Other] {
            let attempt = Attempt { host: "web-1 (192.0.2.10)", ..Attempt::default() };
            let place = failure(trouble, &attempt).place;
            assert_eq!(place, Some(Place::Machine("web-1 (192.0.2.10)".into())), "{trouble:?}");
        }
    }

    #[test]
    fn a_wrong_host_key_shows_both() {
        let expected = ["ssh-ed25519 SHA256:A".to_owned()];
        let offered = ["ssh-ed25519 SHA256:B".to_owned()];
        let attempt = Attempt { host: "web-1", expected: &expected, offered: &offered, ..Attempt::default() };
        let failure = failure(Trouble::HostKey, &attempt);
        assert!(failure.what.contains("SHA256:A") && failure.what.contains("SHA256:B"), "{}", failure.what);
        assert!(failure.hints[0].contains("ssh-keygen -lf"), "{:?}", failure.hints);
        assert_eq!(failure.kind, Kind::Input);
    }

    #[test]
    fn a_refused_key_is_named() {
        let attempt =
            Attempt { host: "web-1", user: Some("deploy"), key: Some("ssh-rsa SHA256:K"), ..Attempt::default() };
        let failure = failure(Trouble::Denied, &attempt);
        assert!(failure.what.contains("deploy") && failure.what.contains("ssh-rsa SHA256:K"), "{}", failure.what);
    }
}
