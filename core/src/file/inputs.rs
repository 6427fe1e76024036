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
            if services.iter().any(|other| matches!(other, Service::Systemd { unit: o, .. } if o.full() == unit.full()))
            {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn simple() -> Simple {
        Simple {
            app: AppName::new("diary").unwrap(),
            environment: EnvironmentName::new("production").unwrap(),
            hosts: vec![(Label::new("web-1").unwrap(), "deploy@192.0.2.1".parse().unwrap())],
            root: AbsPath::new("/srv/diary").unwrap(),
            services: vec![UnitName::new("diary").unwrap()],
            health_url: Some("http://127.0.0.1:8000/health".into()),
            source: None,
        }
    }

    #[test]
    fn the_same_as_a_file_that_says_the_same() {
        let text = "version: 1\napp: diary\nenvironments:\n  production:\n    root: /srv/diary\n    \
            hosts: { web-1: deploy@192.0.2.1 }\n    services: [diary]\n    \
            health: [http: \"http://127.0.0.1:8000/health\"]\n";
        let file = super::super::load(text, "x").unwrap();
        assert_eq!(simple().environment().unwrap(), file.environment(None).unwrap());
    }

    #[test]
    fn empty_inputs_are_missing_inputs() {
        let empty = Simple { health_url: Some(String::new()), source: Some(" ".into()), ..simple() };
        let missing = Simple { health_url: None, source: None, ..simple() };
        assert_eq!(empty.environment().unwrap(), missing.environment().unwrap());
    }

    #[test]
    fn all_wrong_inputs_are_told() {
        let twice = simple().hosts.into_iter().chain(simple().hosts).collect();
        let units = ["web", "web.service"].map(|unit| UnitName::new(unit).unwrap()).to_vec();
        let wrong = Simple {
            hosts: twice,
            services: units,
            health_url: Some("127.0.0.1".into()),
            source: Some("../up".into()),
            ..simple()
        };
        let places: Vec<_> = wrong.environment().unwrap_err().into_iter().filter_map(|failure| failure.place).collect();
        let inputs = ["hosts", "hosts", "services", "health-url", "source"];
        assert_eq!(places, inputs.map(|name| Place::Input(name.to_owned())));
    }
}
