//! Checks.

use std::collections::BTreeMap;

use crate::model::check::Http;
use crate::model::{Amount, Check, CheckFrom, LogSource, Question, RelPath, Seconds};

use super::super::mistake::quoted;
use super::super::written::amount::{Spelled, Time};
use super::super::written::health::{
    Check as Written, CommandCheck, EnvironmentCheck, ErrorsCheck, HttpCheck, PortCheck, ProcessCheck,
};
use super::super::written::placed::Placed;
use super::{Resolver, defaults};

/// How many percent are free at least, when nothing is said.
const FREE: Amount = Amount::Percent(defaults::FREE_PERCENT);

fn within(time: Option<Time>, default: Seconds) -> Seconds {
    time.map_or(default, |time| time.0)
}

/// Why a URL cannot be asked.
pub(in crate::file) fn wrong_url(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(authority) = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default()) else {
        return Some("the URL must begin with http:// or https://");
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    match () {
        // It would stand in records and logs.
        () if authority.contains('@') => Some("the URL has a user or a password in it"),
        () if url.chars().any(|c| c.is_whitespace() || c.is_control()) => Some("the URL has a space in it"),
        () if host.is_empty() => Some("the URL has no host"),
        () if port.is_some_and(|port| !is_port(port)) => Some("the port of the URL is not a number from 1 to 65535"),
        () => None,
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

impl Resolver<'_> {
    /// The checks asked on the host, and those asked from the runner.
    pub(super) fn health(
        &mut self,
        written: &[Placed<Written>],
        environment_file: Option<&RelPath>,
    ) -> (Vec<Check>, Vec<Check>) {
        let checks = written.iter().filter_map(|check| self.check(check, environment_file)).collect::<Vec<_>>();
        checks.into_iter().partition(|check| check.from == CheckFrom::Host)
    }

    fn check(&mut self, check: &Placed<Written>, environment_file: Option<&RelPath>) -> Option<Check> {
        let (question, within, from) = match check.value.clone() {
            Written::Service(it) => (Question::Service { unit: it.unit }, within(it.within, defaults::WITHIN), None),
            Written::Process(it) => (self.process(&it), within(it.within, defaults::WITHIN), None),
            Written::Port(it) => (self.port(&it), within(it.within, defaults::WITHIN), it.from),
            Written::Http(it) => (self.http(&it), within(it.within, defaults::WITHIN), it.from),
            Written::Command(it) => (self.command(&it), within(it.within, defaults::ONCE), None),
            Written::Disk(it) => {
                let free = it.free.map_or(FREE, |free| free.0);
                (Question::Disk { path: it.path, free }, within(it.within, defaults::ONCE), None)
            }
            Written::Inodes(it) => {
                let free = it.free.map_or(FREE, |free| free.0);
                (Question::Inodes { path: it.path, free }, within(it.within, defaults::ONCE), None)
            }
            Written::Memory(it) => {
                let free = it.free.map_or(FREE, |free| free.0);
                (Question::Memory { free }, within(it.within, defaults::ONCE), None)
            }
            // Asking again cannot turn a no into a yes: neither has a time.
            Written::Errors(it) => (self.errors(check.node, &it)?, defaults::ONCE, None),
            Written::Environment(it) => (self.names(check.node, &it, environment_file)?, defaults::ONCE, None),
            Written::Nginx(it) => (Question::Nginx, within(it.within, defaults::ONCE), None),
        };
        Some(Check { question, within, from: from.unwrap_or(defaults::FROM) })
    }

    fn process(&mut self, it: &ProcessCheck) -> Question {
        self.text(&it.name, true);
        let at_least = it.at_least.as_ref().map_or(1, |at_least| {
            if at_least.value == 0 {
                self.wrong(at_least.node, "`at-least: 0` is always true: at least 1");
            }
            at_least.value
        });
        Question::Process { name: it.name.value.clone(), at_least }
    }

    fn port(&mut self, it: &PortCheck) -> Question {
        if it.number.value == 0 {
            self.wrong(it.number.node, "the port 0 is not valid: a number from 1 to 65535");
        }
        match &it.address {
            Some(address) if !is_address(&address.value) => {
                self.wrong(address.node, format!("{} is not a name or an address", quoted(&address.value)));
            }
            None if it.from == Some(CheckFrom::Runner) => {
                let hint = "Name the host's address: `address: web-1.example.com`.";
                self.wrong_hint(it.number.node, "a port asked `from: runner` needs `address`", hint);
            }
            _ => {}
        }
        let address = it.address.as_ref().map_or(defaults::PORT_ADDRESS, |address| &address.value);
        Question::Port { address: address.to_owned(), number: it.number.value }
    }

    fn http(&mut self, it: &HttpCheck) -> Question {
        if let Some(what) = wrong_url(&it.url.value) {
            self.wrong_hint(it.url.node, what, "For instance `http://127.0.0.1:8000/health`.");
        }
        let status = it.status.as_ref().map_or(defaults::STATUS, |status| {
            if !(100..=599).contains(&status.value) {
                self.wrong(status.node, format!("{} is not an HTTP status", status.value));
            }
            status.value
        });
        for name in it.header.keys() {
            let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if !plain {
                self.wrong(it.url.node, format!("{} is not the name of a header", quoted(name)));
            }
        }
        let texts = |map: &BTreeMap<String, Spelled>| map.iter().map(|(k, v)| (k.clone(), v.0.clone())).collect();
        Question::Http(Http {
            status,
            header: texts(&it.header),
            text: it.text.clone(),
            json: texts(&it.json),
            timeout: self.time(it.timeout.as_ref(), defaults::HTTP_TIMEOUT, 1),
            ..defaults::http(it.url.value.clone())
        })
    }

    fn command(&mut self, it: &CommandCheck) -> Question {
        self.text(&it.run, false);
        let timeout = self.time(it.timeout.as_ref(), defaults::COMMAND_TIMEOUT, 1);
        Question::Command { run: it.run.value.clone(), timeout }
    }

    fn errors(&mut self, node: usize, it: &ErrorsCheck) -> Option<Question> {
        for pattern in &it.patterns {
            self.text(pattern, true);
        }
        let log = match (&it.unit, &it.file) {
            (Some(unit), None) => LogSource::Unit(unit.clone()),
            (None, Some(file)) => {
                self.log_file(file);
                LogSource::File(file.value.clone())
            }
            (None, None) if self.unsure_about(&["unit", "file", "errors"]) => return None,
            _ => {
                let hint =
                    "`- errors: { unit: web }` or `- errors: { file: logs/app.log }`; write two checks for both.";
                self.wrong_hint(node, "`errors` reads one log: a `unit` or a `file`", hint);
                return None;
            }
        };
        let patterns = if it.patterns.is_empty() {
            defaults::ERROR_PATTERNS.map(str::to_owned).to_vec()
        } else {
            it.patterns.iter().map(|pattern| pattern.value.clone()).collect()
        };
        Some(Question::Errors { log, patterns, at_most: it.at_most.unwrap_or(0) })
    }

    /// A relative one stays below the release; an absolute one is plain.
    fn log_file(&mut self, file: &Placed<String>) {
        let valid = match file.value.strip_prefix('/') {
            Some(below) => RelPath::new(below),
            None => RelPath::new(&file.value),
        };
        if let Err(error) = valid {
            let what = format!("the log file {} is not valid: {}", quoted(&file.value), error.rule);
            self.wrong_hint(file.node, what, "Write `logs/app.log` for a file of the release, or `/var/log/app.log`.");
        }
    }

    fn names(&mut self, node: usize, it: &EnvironmentCheck, default: Option<&RelPath>) -> Option<Question> {
        if it.names.value.is_empty() && !self.unsure_about(&["names", "environment"]) {
            self.wrong(it.names.node, "this check names nothing that must be there");
        }
        let file = it.file.as_ref().or(default).cloned();
        if file.is_none() && !self.unsure_about(&["shared", "path", "seed", "environment-file", "file"]) {
            let hint = "Add `.env` to `shared`, or say which: `environment: { file: config/app.env, names: […] }`.";
            self.wrong_hint(node, "this check has no file to read: there is no environment file", hint);
        }
        Some(Question::Environment { file: file?, names: it.names.value.clone() })
    }
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
        || (text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::wrong_url;

    #[test]
    fn urls_to_ask() {
        for url in [
            "http://a",
            "https://a.example.com:8443/x?y=z#w",
            "http://[::1]/",
            "http://[::1]:80/",
            "http://127.0.0.1:8000",
        ] {
            assert_eq!(wrong_url(url), None, "{url}");
        }
        for url in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http://:80",
            "http:///x",
            "http://a:0",
            "http://a:x",
            "http://a:65536",
            "http://u@a",
            "http://u:p@a",
            "http://a b",
        ] {
            assert!(wrong_url(url).is_some(), "{url}");
        }
    }
}
