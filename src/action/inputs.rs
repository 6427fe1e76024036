//! The inputs: their names, what they mean, and reading them out of `INPUT_*`. Every mistake is told at once; a name
//! that is not known is told with the nearest right one.

use std::collections::BTreeMap;
use std::str::FromStr;

use rollback_deploy_core::file::{Address, nearest, parse_hosts};
use rollback_deploy_core::model::{AbsPath, Allow, AppName, EnvironmentName, Failure, UnitName};
use secrecy::SecretString;

use super::values::{boolean, lines, list, port, time, user, word, wrong};
use crate::verb::{SimpleInputs, Verb, Wish};

/// One input or output, for `action.yml` and the reference page.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it means, in one or two sentences.
    pub about: &'static str,
    /// What it is when nothing is written.
    pub default: &'static str,
}

const fn input(name: &'static str, about: &'static str, default: &'static str) -> Described {
    Described { name, about, default }
}

/// All inputs.
pub const INPUTS: [Described; 20] = [
    input(
        "action",
        "What to do: deploy, rollback, plan, status, list, history, health, logs, prune, confirm, abort, setup or validate.",
        "deploy",
    ),
    input(
        "version",
        "Which version: a tag, latest, a part (1.4), a range (^1.4), a branch (as a snapshot), for a rollback a release of the hosts. Empty: the tag of the run; on a branch push a snapshot; for a rollback the previous proven release.",
        "",
    ),
    input("environment", "Which environment of the deploy file. Empty: the only one there.", ""),
    input(
        "config",
        "The deploy file, relative to the repository. Empty: .github/rollback-deploy.yml, if it is there.",
        "",
    ),
    input("app", "What the app is called on the hosts. Empty: the name of the repository.", ""),
    input(
        "hosts",
        "Where to: user@host:port, one a line; label=user@host:port gives a host the name that logs and outputs show.",
        "",
    ),
    input("user", "The user on hosts that name none.", ""),
    input("port", "The port of hosts that name none. Empty: 22.", ""),
    input("key", "The private key (OpenSSH or PEM, also as base64). Keep it in a secret.", ""),
    input("passphrase", "What opens the private key. Keep it in a secret.", ""),
    input(
        "known-hosts",
        "The host keys: lines of known_hosts, or SHA256: fingerprints, one a line. Required for hosts over SSH: a key that is not known is refused.",
        "",
    ),
    input("jump-host", "user@host:port of a host that all connections go through.", ""),
    input("root", "The app's folder on each host, such as /var/www/diary.d.", ""),
    input("services", "The units of systemd that run the app, restarted and watched.", ""),
    input(
        "health-url",
        "A URL that must answer with 200 after the switch, asked on the host itself; takes the place of the HTTP checks of the deploy file.",
        "",
    ),
    input(
        "source",
        "Where the files come from: archive (the archive of the tag from GitHub), a folder of the workspace such as dist/, or a git URL. Empty: what the deploy file says, else archive.",
        "",
    ),
    input(
        "allow",
        "Overrides, each named by the refusal that it lifts: unproven, known-bad, drift, one-way, unchecked, weak-watchdog.",
        "",
    ),
    input(
        "wait",
        "How long to wait for somebody else's change on a host: 90s, 10m. Empty: what the deploy file says.",
        "",
    ),
    input("with-env", "With a rollback: bring the environment file of that release back as well.", "false"),
    input("token", "For GitHub's API: tags, the archive, the deploy file.", "${{ github.token }}"),
];

/// All outputs, in the order in which they are written.
pub const OUTPUTS: [Described; 8] = [
    input(
        "outcome",
        "How it ended, as a word of docs/reference/exit-codes.md: done, already-live, refused, failed …",
        "",
    ),
    input("exit-code", "The same as a number.", ""),
    input("version", "The version that this run was about, resolved.", ""),
    input("previous-version", "What ran before; empty when targets differed or nothing ran.", ""),
    input("rollback-target", "Where a rollback would go now; empty when there is none or targets differ.", ""),
    input(
        "recovered-seconds",
        "After an undo or a rollback: seconds until what works ran again and passed its checks.",
        "",
    ),
    input("failed-requests", "Requests that failed while the release was switched, where they were counted.", ""),
    input("incident", "The incident that was opened, if one was.", ""),
];

/// The variable of an input: GitHub's runner changes the case and nothing else for names like ours.
#[must_use]
pub fn variable(name: &str) -> String {
    format!("INPUT_{}", name.to_ascii_uppercase())
}

/// What was read.
#[derive(Debug)]
pub struct Read {
    /// What is wished for; absent when something is wrong.
    pub wish: Option<Wish>,
    /// Every mistake.
    pub failures: Vec<Failure>,
    /// Names that mean nothing here.
    pub warnings: Vec<String>,
}

/// Reads the inputs out of the environment of the step; `by` says who asks.
#[must_use]
pub fn read(env: &BTreeMap<String, String>, by: String) -> Read {
    let mut form = Form { env, failures: Vec::new() };
    let verb = form.of("action", |name, text| word(name, text, &verbs(), Verb::word)).unwrap_or(Verb::Deploy);
    let simple = SimpleInputs {
        app: form.of("app", parsed::<AppName>),
        hosts: form.many("hosts", |_, text| parse_hosts(text)),
        user: form.of("user", user),
        port: form.of("port", port),
        known_hosts: form.text("known-hosts").map(|text| lines(text).map(str::to_owned).collect()).unwrap_or_default(),
        jump_host: form.of("jump-host", parsed::<Address>),
        root: form.of("root", parsed::<AbsPath>),
        services: form.many("services", each(parsed::<UnitName>)),
        health_url: form.of("health-url", health_url),
        source: form.text("source").map(str::to_owned),
    };
    let wish = Wish {
        verb,
        version: form.text("version").map(str::to_owned),
        environment: form.of("environment", parsed::<EnvironmentName>),
        config: form.of("config", repository_path),
        simple,
        allow: form.many("allow", each(|name, text| word(name, text, &Allow::ALL, Allow::word))),
        wait: form.of("wait", time),
        with_env: form.of("with-env", boolean).unwrap_or(false),
        key: form.secret("key"),
        passphrase: form.secret("passphrase"),
        token: form.secret("token"),
        by,
    };
    if wish.with_env && wish.verb != Verb::Rollback {
        form.failures.push(wrong("with-env", "only a rollback brings an environment file back").hint("Leave it out."));
    }
    let failures = form.failures;
    Read { wish: failures.is_empty().then_some(wish), failures, warnings: unknown(env) }
}

/// The verbs of this face: writing a first deploy file is for a person at a terminal.
fn verbs() -> Vec<Verb> {
    Verb::ALL.into_iter().filter(|verb| *verb != Verb::Init).collect()
}

/// The secrets among the inputs, as given: they are masked before anything else is said.
pub fn secrets(env: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
    ["key", "passphrase", "token"].into_iter().filter_map(|name| Some(env.get(&variable(name))?.as_str()))
}

/// Names that mean nothing here, each with the nearest right one.
fn unknown(env: &BTreeMap<String, String>) -> Vec<String> {
    let known = |name: &str| INPUTS.iter().any(|input| input.name == name) || matches!(name, "entrypoint" | "args");
    env.keys()
        .filter_map(|variable| variable.strip_prefix("INPUT_"))
        .map(str::to_ascii_lowercase)
        .filter(|name| !known(name))
        .map(|name| match nearest(&name, INPUTS.iter().map(|input| input.name)) {
            Some(near) => format!("the input {name} is not known and is not used: did you mean {near}?"),
            None => format!("the input {name} is not known and is not used"),
        })
        .collect()
}

/// Reads one input after the other and keeps every mistake.
struct Form<'a> {
    env: &'a BTreeMap<String, String>,
    failures: Vec<Failure>,
}

impl Form<'_> {
    /// The text without white space around it; empty is the same as missing.
    fn text(&self, name: &str) -> Option<&str> {
        self.env.get(&variable(name)).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// The text as given: the last line break of a key belongs to it.
    fn secret(&self, name: &str) -> Option<SecretString> {
        let text = self.env.get(&variable(name))?;
        (!text.trim().is_empty()).then(|| SecretString::from(text.as_str()))
    }

    fn of<T>(&mut self, name: &str, parse: impl Fn(&str, &str) -> Result<T, Failure>) -> Option<T> {
        parse(name, self.text(name)?).map_err(|failure| self.failures.push(failure)).ok()
    }

    fn many<T>(&mut self, name: &str, parse: impl Fn(&str, &str) -> Result<Vec<T>, Vec<Failure>>) -> Vec<T> {
        let Some(text) = self.text(name) else { return Vec::new() };
        parse(name, text).unwrap_or_else(|failures| {
            self.failures.extend(failures);
            Vec::new()
        })
    }
}

/// A type that checks its own text.
fn parsed<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| wrong(name, error.to_string()))
}

/// The words of a list, each parsed.
fn each<T>(parse: impl Fn(&str, &str) -> Result<T, Failure>) -> impl Fn(&str, &str) -> Result<Vec<T>, Vec<Failure>> {
    move |name, text| {
        let (good, bad): (Vec<_>, Vec<_>) = list(text).map(|item| parse(name, item)).partition(Result::is_ok);
        let failures: Vec<Failure> = bad.into_iter().filter_map(Result::err).collect();
        if failures.is_empty() { Ok(good.into_iter().flatten().collect()) } else { Err(failures) }
    }
}

fn health_url(name: &str, text: &str) -> Result<String, Failure> {
    let example = "Write for instance http://127.0.0.1:8000/health: it is asked on the host.";
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text.to_owned()),
        Ok(_) => Err(wrong(name, format!("{text:?} is neither http nor https")).hint(example)),
        Err(error) => Err(wrong(name, format!("{text:?} is not a URL: {error}")).hint(example)),
    }
}

/// A file of the repository: it may be read through the API, where there is no workspace.
fn repository_path(name: &str, text: &str) -> Result<String, Failure> {
    let plain = text.strip_prefix("./").unwrap_or(text);
    if plain.is_empty() || plain.starts_with('/') || plain.split('/').any(|part| part == "..") {
        let failure = wrong(name, format!("{text:?} is not a path below the root of the repository"));
        return Err(failure.hint("Write for instance .github/rollback-deploy.yml."));
    }
    Ok(plain.to_owned())
}

#[cfg(test)]
mod tests;
