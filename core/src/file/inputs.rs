//! One environment from inputs alone, for a deploy without any file. May use the resolved types and the defaults.

use crate::model::{
    AbsPath, AppName, Check, CheckFrom, EnvironmentName, Failure, Label, Place, Question, Restart, Service, UnitName,
};

use super::address::doubles;
use super::resolve::health::wrong_url;
use super::resolve::{defaults, source};
use super::resolved::{Address, Environment, Host, Setup, SourceChoice};

/// All that the simple case needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simple {
    /// The app.
    pub app: AppName,
    /// The environment.
    pub environment: EnvironmentName,
    /// The hosts; empty: this machine.
    pub hosts: Vec<(Label, Address)>,
    /// The app's folder on each host.
    pub root: AbsPath,
    /// Units of systemd.
    pub services: Vec<UnitName>,
    /// A URL that must answer with 200, asked on the host.
    pub health_url: Option<String>,
    /// `archive`, a folder of the workspace, or a git URL.
    pub source: Option<String>,
}

impl Simple {
    /// The environment, with the same defaults as a deploy file.
    ///
    /// # Errors
    /// Every mistake at once; the places are the inputs.
    pub fn environment(self) -> Result<Environment, Vec<Failure>> {
        let wrong = |input: &str, what: String| Failure::input(what).at(Place::Input(input.to_owned()));
        let mut failures = Vec::new();
        let hosts: Vec<Host> = self.hosts.into_iter().map(|(label, address)| Host { label, address }).collect();
        failures.extend(doubles(&hosts).into_iter().map(|(_, what)| wrong("hosts", what)));
        let mut services: Vec<Service> = Vec::new();
        for unit in self.services {
            if services.iter().any(|other| matches!(other, Service::Systemd { unit: o, .. } if o.full() == unit.full())) {
                failures.push(wrong("services", format!("the service `{unit}` is listed twice")));
            }
            services.push(Service::Systemd { unit, how: Restart::default() });
        }
        let url = self.health_url.filter(|url| !url.trim().is_empty());
        if let Some(what) = url.as_deref().and_then(wrong_url) {
            let example = "For instance http://127.0.0.1:8000/health; it is asked on the host.";
            failures.push(wrong("health-url", what.to_owned()).hint(example));
        }
        let source = source::from_input(self.source.as_deref().unwrap_or_default()).unwrap_or_else(|what| {
            failures.push(wrong("source", what).hint("Write archive, a folder such as dist/, or a git URL."));
            SourceChoice::Archive { exclude: Vec::new() }
        });
        let link = defaults::link(&self.root);
        if link.is_none() {
            failures.push(wrong("root", "the path is too long".to_owned()));
        }
        let Some(link) = link.filter(|_| failures.is_empty()) else { return Err(failures) };
        let mut settings = defaults::settings(self.app, self.environment.clone(), self.root, link);
        settings.services = services;
        settings.checks.extend(url.map(|url| Check {
            question: Question::Http(defaults::http(url)),
            within: defaults::WITHIN,
            from: CheckFrom::Host,
        }));
        Ok(Environment {
            name: self.environment,
            hosts,
            jump_host: None,
            known_hosts: Vec::new(),
            settings,
            runner_checks: Vec::new(),
            allow: Vec::new(),
            source,
            tag_prefix: defaults::TAG_PREFIX.to_owned(),
            wait: defaults::WAIT,
            hold: None,
            watchdog: None,
            setup: Setup::Auto,
        })
    }
}
