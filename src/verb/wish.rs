//! What was asked for, and how it ended: what a face gives to a verb and gets back.
use std::fmt;
use std::sync::Arc;

use rollback_deploy_core::file::{Address, Host};
use rollback_deploy_core::model::{AbsPath, Allow, AppName, EnvName, EnvironmentName, Outcome, Seconds, UnitName};
use secrecy::SecretString;

use crate::engine::Events;
use crate::engine::perform::Stop;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Bring a version.
    Deploy,
    /// Go back to the previous proven version, or to a named one.
    Rollback,
    /// Say what a deploy would do on each target.
    Plan,
    /// What runs now, what is open.
    Status,
    /// The releases.
    List,
    /// The changes.
    History,
    /// Ask the checks of what runs now.
    Health,
    /// Show logs.
    Logs,
    /// Remove releases that nothing needs.
    Prune,
    /// Decide a held change: keep it.
    Confirm,
    /// Decide an open change: undo it.
    Abort,
    /// Set the hosts up.
    Setup,
    /// Read the deploy file and tell every mistake.
    Validate,
    /// Write a first deploy file.
    Init,
}

impl Verb {
    /// All of them, in the order of the reference page.
    pub const ALL: [Self; 14] = [
        Self::Deploy,
        Self::Rollback,
        Self::Plan,
        Self::Status,
        Self::List,
        Self::History,
        Self::Health,
        Self::Logs,
        Self::Prune,
        Self::Confirm,
        Self::Abort,
        Self::Setup,
        Self::Validate,
        Self::Init,
    ];

    /// The word a person writes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Plan => "plan",
            Self::Status => "status",
            Self::List => "list",
            Self::History => "history",
            Self::Health => "health",
            Self::Logs => "logs",
            Self::Prune => "prune",
            Self::Confirm => "confirm",
            Self::Abort => "abort",
            Self::Setup => "setup",
            Self::Validate => "validate",
            Self::Init => "init",
        }
    }

    /// The verb of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word() == word)
    }

    /// Whether it opens a change that a run which dies would leave open.
    #[must_use]
    pub fn opens_a_change(self) -> bool {
        matches!(self, Self::Deploy | Self::Rollback)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What somebody asked for, parsed; nothing is resolved yet.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What.
    pub verb: Verb,
    /// The version as written: a tag, `latest`, a part, a range; absent means the default of the face.
    pub version: Option<String>,
    /// Which environment; absent means the only one.
    pub environment: Option<EnvironmentName>,
    /// The deploy file, relative to the repository; absent means the usual place.
    pub config: Option<String>,
    /// The simple case without any file; what is said here wins over the file.
    pub simple: SimpleInputs,
    /// Overrides.
    pub allow: Vec<Allow>,
    /// How long to wait for somebody else's change; absent means what the file says.
    pub wait: Option<Seconds>,
    /// Bring the environment file of the release back with it.
    pub with_env: bool,
    /// The private key as given, normalised by nobody yet.
    pub key: Option<SecretString>,
    /// What opens it.
    pub passphrase: Option<SecretString>,
    /// For GitHub's API.
    pub token: Option<SecretString>,
    /// Who asks: goes into the records of the hosts.
    pub by: String,
}

/// What inputs or options alone can say of an environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SimpleInputs {
    /// The app; absent means the repository's name.
    pub app: Option<AppName>,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The user, for hosts that name none.
    pub user: Option<String>,
    /// The port, for hosts that name none.
    pub port: Option<u16>,
    /// Lines of `known_hosts`, or `SHA256:` fingerprints.
    pub known_hosts: Vec<String>,
    /// The host that all connections go through.
    pub jump_host: Option<Address>,
    /// The app's folder on each host.
    pub root: Option<AbsPath>,
    /// Units of systemd.
    pub services: Vec<UnitName>,
    /// A URL that must answer with 200, asked on the host.
    pub health_url: Option<String>,
    /// `archive`, a folder of the workspace, or a git URL.
    pub source: Option<String>,
}

/// How a verb ended, and what a report says of it beside its events.
#[derive(Debug, Clone)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// The app, once it was known.
    pub app: Option<AppName>,
    /// The environment, once it was known.
    pub environment: Option<EnvironmentName>,
    /// Where the configuration came from, in words.
    pub config: Option<String>,
    /// Overrides in force, of wish and file together.
    pub allow: Vec<Allow>,
    /// What else was done or should be known.
    pub notes: Vec<String>,
    /// Artifacts of the run, with their addresses.
    pub artifacts: Vec<(String, Option<String>)>,
}

impl Ended {
    /// An end with nothing more to say.
    #[must_use]
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            app: None,
            environment: None,
            config: None,
            allow: Vec::new(),
            notes: Vec::new(),
            artifacts: Vec::new(),
        }
    }
}

/// What a face lends to a verb while it runs.
#[derive(Clone)]
pub struct Stage {
    /// Where facts are told. The verb tells `Began` and everything after it; the face tells `Ended`.
    pub events: Events,
    /// Asks everything under way to end.
    pub stop: Stop,
    /// Where `${env:NAME}` is read.
    pub secrets: Arc<dyn Secrets>,
}

/// Secrets of the run, and what must not be shown.
pub trait Secrets: Send + Sync {
    /// The value of `${env:NAME}`, masked from now on.
    fn named(&self, name: &EnvName) -> Option<SecretString>;

    /// Masks a secret that was derived: a signature inside a URL, a key without its passphrase.
    fn learn(&self, secret: &str);
}
