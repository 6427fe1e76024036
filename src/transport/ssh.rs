//! Links to hosts over OpenSSH: one run's keys and configuration, and a way to each of its hosts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use rollback_deploy_core::file::resolved::{Address, Host};
use rollback_deploy_core::model::{AbsPath, Failure, Label, Place};
use rollback_deploy_core::wire::Hello;
use secrecy::SecretString;
use tempfile::TempDir;

use super::config::{self, Config, Mode};
use super::key_file::{KeyFile, private};
use super::known_hosts::{KnownHosts, ON_THE_CONSOLE};
use super::master::{Master, MasterError, Options};
use super::programs::Programs;
use super::remote;
use super::words::{self, Attempt, Trouble};
use super::{Channel, Link, folder};

/// What a run knows about its hosts.
#[derive(Debug)]
pub struct SshWish {
    /// Who logs in.
    pub login: Login,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The host that all connections go through.
    pub jump: Option<Address>,
    /// The user where an address names none.
    pub user: Option<String>,
    /// Lines of `known_hosts`, or `SHA256:` fingerprints.
    pub known_hosts: Vec<String>,
}

/// Who logs in.
#[derive(Debug)]
pub enum Login {
    /// The action: this key, and nothing else.
    Key {
        /// The private key, as pasted.
        key: SecretString,
        /// Its passphrase.
        passphrase: Option<SecretString>,
    },
    /// A person, with their own configuration, agent and known hosts.
    Person,
}

/// One run's keys and configuration, in a private folder that goes away with it.
#[derive(Debug)]
pub struct SshRun {
    folder: TempDir,
    wish: Wish,
    known: KnownHosts,
    key: Option<KeyFile>,
}

/// What is left of a [`SshWish`] without its secrets.
#[derive(Debug)]
struct Wish {
    is_person: bool,
    hosts: Vec<Host>,
    jump: Option<Address>,
    user: Option<String>,
}

impl SshRun {
    /// Checks everything that can be checked without a connection, and writes the files that ssh needs.
    ///
    /// # Errors
    /// What is wrong with key, known hosts or addresses.
    pub async fn prepare(wish: SshWish) -> Result<Arc<Self>, Failure> {
        let SshWish { login, hosts, jump, user, known_hosts } = wish;
        let known = KnownHosts::parse(&known_hosts)?;
        let is_person = matches!(login, Login::Person);
        if known.is_empty() && !is_person {
            return Err(Failure::input("known-hosts is missing: without it nobody can tell the host from an impostor")
                .at(Place::Input("known-hosts".into()))
                .hint(ON_THE_CONSOLE));
        }
        let cannot = |error: std::io::Error| {
            Failure::failed("the private folder for SSH could not be written").because(error.to_string())
        };
        let folder = folder::private("rd-run").map_err(cannot)?;
        let inside = |name: &str| folder.path().join(name);
        let key = match &login {
            Login::Key { key, passphrase } => Some(KeyFile::write(key, passphrase.as_ref(), folder.path()).await?),
            Login::Person => None,
        };
        let lines = known.file();
        let config = Config {
            mode: key.as_ref().map_or(Mode::Person, |key| Mode::Action { key: key.path.clone() }),
            hosts: hosts.iter().map(|host| (host.label.to_string(), host.address.clone())).collect(),
            jump: jump.clone(),
            user: user.clone(),
            known_hosts: (!lines.is_empty()).then(|| inside("known_hosts")),
            // A person may have a program of that kind already: only pins are worth replacing it.
            pin_script: (!is_person || !known.pins().is_empty()).then(|| inside("pins")),
            notes: inside("seen"),
        };
        let text = config.render()?;
        std::fs::DirBuilder::new().create(inside("seen")).map_err(cannot)?;
        for (name, text) in [("config", &text), ("known_hosts", &lines), ("pins", &known.pin_script())] {
            private(&inside(name), 0o600, text).map_err(cannot)?;
        }
        Ok(Arc::new(Self { folder, wish: Wish { is_person, hosts, jump, user }, known, key }))
    }

    /// The way to one of the hosts.
    ///
    /// # Errors
    /// No host has this label, or its address is none.
    pub fn link(
        self: &Arc<Self>,
        label: &Label,
        root: AbsPath,
        programs: Arc<Programs>,
        hello: Hello,
    ) -> Result<SshLink, Failure> {
        let host = self.wish.hosts.iter().find(|host| host.label == *label);
        let host = host.ok_or_else(|| Failure::bug(format!("no host has the label {label}")))?.clone();
        let options = self.options(&host)?;
        Ok(SshLink { run: Arc::clone(self), host, root, programs, hello, options })
    }

    fn options(&self, host: &Host) -> Result<Options, Failure> {
        let mut extra = Vec::new();
        // A person's host goes by its own name, so that their own entries for it count.
        let destination =
            if self.wish.is_person { config::host_name(&host.address.host)? } else { host.label.as_str() };
        let destination = destination.to_owned();
        if self.wish.is_person {
            if let Some(user) = host.address.user.as_deref().or(self.wish.user.as_deref()) {
                extra.extend(["-l".into(), config::user_name(user)?.into()]);
            }
            if let Some(port) = host.address.port {
                extra.extend(["-p".into(), port.to_string().into()]);
            }
            if let Some(jump) = &self.wish.jump {
                config::host_name(&jump.host)?;
                jump.user.as_deref().map(config::user_name).transpose()?;
                extra.extend(["-J".into(), jump.to_string().into()]);
            }
        }
        let config = self.folder.path().join("config");
        Ok(Options { config, extra, destination, is_person: self.wish.is_person })
    }

    /// The host keys that were shown, in the order of time.
    fn offered(&self, label: &str) -> Vec<String> {
        let notes: PathBuf = self.folder.path().join("seen").join(label);
        let text = std::fs::read_to_string(notes).unwrap_or_default();
        let mut seen = BTreeSet::new();
        text.lines().filter(|line| seen.insert(*line)).map(str::to_owned).collect()
    }
}

/// A way to the agent on one host.
#[derive(Debug)]
pub struct SshLink {
    run: Arc<SshRun>,
    host: Host,
    root: AbsPath,
    programs: Arc<Programs>,
    hello: Hello,
    options: Options,
}

/// Key types, one after the other, for pins that do not say theirs.
const KEY_TYPES: [(&str, &str); 3] = [
    ("ssh-ed25519", "HostKeyAlgorithms=ssh-ed25519"),
    ("ecdsa-", "HostKeyAlgorithms=ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"),
    ("ssh-rsa", "HostKeyAlgorithms=rsa-sha2-512,rsa-sha2-256"),
];

impl SshLink {
    /// One attempt to log in; for pinned fingerprints one for each type of key that the host may have.
    async fn log_in(&self) -> Result<Master, MasterError> {
        let first = Master::open(self.options.clone()).await;
        let Err(MasterError::Said(log)) = &first else { return first };
        if Trouble::of(log) != Trouble::HostKey || self.run.known.pins().is_empty() {
            return first;
        }
        for (kind, option) in KEY_TYPES {
            if self.run.offered(self.alias()).iter().any(|seen| seen.starts_with(kind)) {
                continue;
            }
            let mut options = self.options.clone();
            options.extra.extend(["-o".into(), option.into()]);
            if let Ok(master) = Master::open(options).await {
                return Ok(master);
            }
        }
        first
    }

    /// The name of the file in which shown keys are noted.
    fn alias(&self) -> &str {
        if self.run.wish.is_person { &self.host.address.host } else { self.host.label.as_str() }
    }

    async fn master(&self) -> Result<Master, Failure> {
        // Before anything is changed, and for any connection: a login changes nothing, so it may be tried again.
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(3)
            .with_jitter();
        let is_passing = |error: &MasterError| match error {
            MasterError::Late => true,
            MasterError::Said(log) => Trouble::of(log).is_passing(),
            MasterError::Program(_) | MasterError::Folder(_) => false,
        };
        let tried = (|| self.log_in()).retry(backoff).when(is_passing).await;
        match tried {
            Ok(master) => Ok(master),
            Err(error) => Err(match self.at_the_jump_host().await {
                Some(failure) => failure,
                None => self.explain(&error),
            }),
        }
    }

    fn explain(&self, error: &MasterError) -> Failure {
        let log = error.to_string();
        let trouble = match error {
            MasterError::Program(_) => {
                return Failure::failed("the program ssh could not be started where the controller runs")
                    .hint("Install OpenSSH's client (Debian: apt-get install openssh-client).")
                    .because(log);
            }
            MasterError::Folder(_) => {
                return Failure::failed("there is no room for the SSH connection's files").because(log);
            }
            MasterError::Late | MasterError::Said(_) => Trouble::of(&log),
        };
        let whose = format!("{} ({})", self.host.label, self.host.address);
        self.describe_trouble(trouble, &whose, &self.host.address, self.alias(), &log)
    }

    /// When a connection through a jump host did not come about: what the jump host itself says. (Inside the whole
    /// connection its words go to nowhere: ssh closes the standard error of its proxy.)
    async fn at_the_jump_host(&self) -> Option<Failure> {
        let jump = self.run.wish.jump.as_ref().filter(|_| !self.run.wish.is_person)?;
        let options = Options { extra: Vec::new(), destination: config::JUMP.to_owned(), ..self.options.clone() };
        match Master::open(options).await {
            Ok(master) => {
                master.close().await;
                None
            }
            Err(error) => {
                let log = error.to_string();
                let whose = format!("the jump host {jump}");
                Some(self.describe_trouble(Trouble::of(&log), &whose, jump, config::JUMP, &log))
            }
        }
    }

    fn describe_trouble(&self, trouble: Trouble, whose: &str, address: &Address, alias: &str, log: &str) -> Failure {
        let offered = self.run.offered(alias);
        let expected = self.run.known.expected(&address.host, address.port.unwrap_or(22));
        let attempt = Attempt {
            host: whose,
            user: address.user.as_deref().or(self.run.wish.user.as_deref()),
            key: self.run.key.as_ref().map(|key| key.name.as_str()),
            expected: &expected,
            offered: &offered,
            log,
        };
        words::failure(trouble, &attempt)
    }
}

#[async_trait]
impl Link for SshLink {
    fn describe(&self) -> String {
        format!("{}, {}", self.host.address, self.root)
    }

    async fn connect(&self) -> Result<Box<dyn Channel>, Failure> {
        let master = self.master().await?;
        let whose = self.host.label.as_str();
        Ok(Box::new(remote::open(master, &self.root, &self.programs, &self.hello, whose).await?))
    }
}

#[cfg(test)]
#[path = "ssh_tests.rs"]
mod tests;
