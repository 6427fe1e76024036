//! One `ssh_config` per run, rendered from checked values. Pure.
//!
//! In the action nothing is read from `HOME`: the runner sets one that ssh does not use. A person's own configuration,
//! agent and known hosts are included after our lines; ssh takes the first value it finds.

use std::path::{Path, PathBuf};

use rollback_deploy_core::file::resolved::Address;
use rollback_deploy_core::model::Failure;

/// What a run's configuration needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whose configuration else counts.
    pub mode: Mode,
    /// The hosts with their aliases.
    pub hosts: Vec<(String, Address)>,
    /// The host that all connections go through.
    pub jump: Option<Address>,
    /// The user where an address names none.
    pub user: Option<String>,
    /// Our own file of known hosts, when there are lines for it.
    pub known_hosts: Option<PathBuf>,
    /// The program that compares pinned fingerprints.
    pub pin_script: Option<PathBuf>,
    /// Where it notes what a host showed, one file per alias.
    pub notes: PathBuf,
}

/// Whose configuration else counts.
#[derive(Debug, Clone)]
pub enum Mode {
    /// Nobody's: only this key, only these known hosts.
    Action {
        /// The private key's file.
        key: PathBuf,
    },
    /// The person's own.
    Person,
}

/// The alias of the jump host: no label begins like this.
pub(super) const JUMP: &str = "_jump";

const ALWAYS: &[&str] = &[
    "StrictHostKeyChecking yes",
    "UpdateHostKeys no",
    "BatchMode yes",
    "ConnectTimeout 10",
    "ConnectionAttempts 1",
    "ServerAliveInterval 5",
    "ServerAliveCountMax 3",
    "LogLevel ERROR",
    "ForwardAgent no",
    "ForwardX11 no",
    "ClearAllForwardings yes",
    "PermitLocalCommand no",
    "RequestTTY no",
    "RemoteCommand none",
    "EscapeChar none",
    "Compression no",
];

const ACTION: &[&str] = &[
    "IdentitiesOnly yes",
    "IdentityAgent none",
    "PreferredAuthentications publickey",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "GSSAPIAuthentication no",
    "HostbasedAuthentication no",
    "AddKeysToAgent no",
    "CanonicalizeHostname no",
    "CheckHostIP no",
    "VerifyHostKeyDNS no",
    "GlobalKnownHostsFile none",
];

impl Config {
    /// The text of the file.
    ///
    /// # Errors
    /// A value that could be read as more than a value.
    pub fn render(&self) -> Result<String, Failure> {
        let mut lines = Vec::new();
        if let Mode::Action { .. } = &self.mode {
            for (alias, address) in &self.hosts {
                self.block(&mut lines, alias, address)?;
                if self.jump.is_some() {
                    lines.push(format!("    ProxyJump {JUMP}"));
                }
            }
            if let Some(jump) = &self.jump {
                self.block(&mut lines, JUMP, jump)?;
            }
        }
        lines.push("Host *".to_owned());
        lines.extend(ALWAYS.iter().map(|line| format!("    {line}")));
        match &self.mode {
            Mode::Action { key } => {
                lines.extend(ACTION.iter().map(|line| format!("    {line}")));
                lines.push(format!("    IdentityFile {}", quoted(key)?));
                let file = self.known_hosts.as_deref().map_or_else(|| Ok("none".to_owned()), quoted)?;
                lines.push(format!("    UserKnownHostsFile {file}"));
            }
            Mode::Person => {
                if let Some(ours) = &self.known_hosts {
                    let ours = quoted(ours)?;
                    lines.push(format!("    UserKnownHostsFile {ours} ~/.ssh/known_hosts ~/.ssh/known_hosts2"));
                }
                if let Some(script) = &self.pin_script {
                    // `%n` is the name that the person gave: ours to know afterwards.
                    lines.push(self.ask(script, "%n")?);
                }
                lines.push("    Include ~/.ssh/config".to_owned());
                lines.push("    Include /etc/ssh/ssh_config".to_owned());
            }
        }
        lines.push(String::new());
        Ok(lines.join("\n"))
    }

    fn block(&self, lines: &mut Vec<String>, alias: &str, address: &Address) -> Result<(), Failure> {
        let user = address.user.as_deref().or(self.user.as_deref()).ok_or_else(|| {
            Failure::input(format!("nobody says as which user to log in at {}", address.host))
                .hint("Give the input user, or write the host as user@host.")
        })?;
        lines.push(format!("Host {}", alias_name(alias)?));
        lines.push(format!("    HostName {}", host_name(&address.host)?));
        lines.push(format!("    Port {}", address.port.unwrap_or(22)));
        lines.push(format!("    User {}", user_name(user)?));
        if let Some(script) = &self.pin_script {
            lines.push(self.ask(script, alias)?);
        }
        Ok(())
    }

    fn ask(&self, script: &Path, alias: &str) -> Result<String, Failure> {
        let (script, notes) = (quoted(script)?, quoted(&self.notes)?);
        Ok(format!("    KnownHostsCommand /bin/sh {script} {notes} {alias} %f %H %t %K"))
    }
}

/// A value that is one word of plain characters and no option.
fn plain<'a>(what: &str, text: &'a str, extra: &str, hint: &str) -> Result<&'a str, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    if text.is_empty() || text.len() > 255 || text.starts_with('-') || !text.chars().all(is_plain) {
        let shown: String = text.chars().take(80).collect();
        return Err(Failure::input(format!("{shown:?} is not {what}")).hint(hint));
    }
    Ok(text)
}

fn alias_name(text: &str) -> Result<&str, Failure> {
    plain("a host label", text, "._+-", "Use letters, digits and ._+-, starting with a letter or digit.")
}

/// A host's name or address.
pub(super) fn host_name(text: &str) -> Result<&str, Failure> {
    plain("a host name or address", text, "._-:", "Use a DNS name (in its ASCII form), an IPv4 or an IPv6 address.")
}

/// A user's name.
pub(super) fn user_name(text: &str) -> Result<&str, Failure> {
    plain("a user name", text, "._-@+", "Use the name of an ordinary user of the host, such as deploy.")
}

/// A path of ours inside double quotes: `%` would be a token, `"` would end it.
fn quoted(path: &Path) -> Result<String, Failure> {
    match path.to_str() {
        Some(text) if !text.chars().any(|c| c.is_control() || "\"%\\${}~".contains(c)) => Ok(format!("\"{text}\"")),
        _ => Err(Failure::failed("the temporary folder has a name that ssh cannot be told")
            .hint("Use a temporary folder of letters, digits and slashes.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(user: Option<&str>, host: &str, port: Option<u16>) -> Address {
        Address { user: user.map(str::to_owned), host: host.to_owned(), port }
    }

    fn action() -> Config {
        Config {
            mode: Mode::Action { key: "/tmp/rd-x/key".into() },
            hosts: vec![
                ("web-1".into(), address(None, "192.0.2.10", None)),
                ("web-2".into(), address(Some("ops"), "2001:db8::1", Some(2222))),
            ],
            jump: Some(address(None, "jump.example.org", None)),
            user: Some("deploy".into()),
            known_hosts: Some("/tmp/rd-x/known_hosts".into()),
            pin_script: Some("/tmp/rd-x/pins".into()),
            notes: "/tmp/rd-x/seen".into(),
        }
    }

    #[test]
    fn the_file_of_an_action() {
        insta::assert_snapshot!(action().render().unwrap());
    }

    #[test]
    fn the_file_of_a_person() {
        let config = Config { mode: Mode::Person, known_hosts: None, ..action() };
        insta::assert_snapshot!(config.render().unwrap());
    }

    #[test]
    fn no_value_becomes_a_line_an_option_or_a_command() {
        for text in [
            "",
            "-oProxyCommand=touch FILE",
            "a b",
            "a\nProxyCommand x",
            "a\"b",
            "$(x)",
            "`x`",
            "%h",
            "a;b",
            "*",
            "?",
            "a,b",
            "!a",
            "a#b",
            "a\\b",
            "a\0b",
            "münchen.example",
            "a'b",
            "~x",
            "${x}",
        ] {
            let mut config = action();
            config.hosts[0].1.host = text.into();
            assert!(config.render().is_err(), "host {text:?}");
            let mut config = action();
            config.hosts[0].1.user = Some(text.into());
            assert!(config.render().is_err(), "user {text:?}");
            let mut config = action();
            config.hosts[0].0 = text.into();
            assert!(config.render().is_err(), "alias {text:?}");
            let mut config = action();
            config.jump = Some(address(None, text, None));
            assert!(config.render().is_err(), "jump {text:?}");
        }
        let mut config = action();
        config.user = None;
        assert!(config.render().unwrap_err().what.contains("which user"));
    }
}
