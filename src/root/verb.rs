//! What root can be asked for: each argument a checked name.

use rollback_deploy_core::model::{Failure, ReleaseId, UnitName};

/// Where reading a journal goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Parses journald's own text.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=;_-".contains(&byte);
        let valid = text.starts_with("s=") && text.len() <= 512 && text.bytes().all(plain);
        valid.then(|| Self(text.to_owned()))
    }

    /// The text for journalctl.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One thing that root does for an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Queue a restart; the caller follows it.
    Restart(UnitName),
    /// Queue a reload.
    Reload(UnitName),
    /// Queue a start.
    Start(UnitName),
    /// Queue a stop.
    Stop(UnitName),
    /// Forget failures and the count of starts.
    ResetFailed(UnitName),
    /// `systemctl status`, for people and evidence.
    Status(UnitName),
    /// Lines of the journal.
    Log {
        /// Of this unit.
        unit: UnitName,
        /// The last ones, so many at most.
        lines: u32,
        /// Not older than this, in microseconds of the wall clock.
        since_us: Option<u64>,
        /// Only what came after this.
        after: Option<Cursor>,
    },
    /// The processes of a unit and the releases they run from, as JSON.
    Processes(UnitName),
    /// All processes that run from a release of this app, whoever started them, as JSON.
    Users,
    /// `nginx -t`.
    NginxTest,
    /// Test, then reload nginx.
    NginxReload,
    /// Have systemd read its unit files again.
    DaemonReload,
    /// Say whether a verb would be carried out, without doing so.
    Check(Box<Verb>),
    /// Remove a release's folder with the files of other users in it.
    Prune(ReleaseId),
}

impl Verb {
    /// Parses the words of a command line.
    ///
    /// # Errors
    /// They are no verb.
    pub fn parse(words: &[&str]) -> Result<Self, Failure> {
        let unit = |text: &str| UnitName::new(text).map_err(|error| Failure::input(error.to_string()));
        let number = |text: &str| text.parse().map_err(|_| Failure::input(format!("{text:?} is not a number")));
        Ok(match words {
            ["restart", name] => Self::Restart(unit(name)?),
            ["reload", name] => Self::Reload(unit(name)?),
            ["start", name] => Self::Start(unit(name)?),
            ["stop", name] => Self::Stop(unit(name)?),
            ["reset-failed", name] => Self::ResetFailed(unit(name)?),
            ["status", name] => Self::Status(unit(name)?),
            ["processes", name] => Self::Processes(unit(name)?),
            ["log", name, lines, since, after] => Self::Log {
                unit: unit(name)?,
                lines: lines.parse().map_err(|_| Failure::input(format!("{lines:?} is not a number")))?,
                since_us: if *since == "-" { None } else { Some(number(since)?) },
                after: if *after == "-" {
                    None
                } else {
                    Some(Cursor::new(after).ok_or_else(|| Failure::input("the journal's cursor is not valid"))?)
                },
            },
            ["users"] => Self::Users,
            ["nginx-test"] => Self::NginxTest,
            ["nginx-reload"] => Self::NginxReload,
            ["daemon-reload"] => Self::DaemonReload,
            ["check", rest @ ..] if rest.first() != Some(&"check") => Self::Check(Box::new(Self::parse(rest)?)),
            ["prune", release] => {
                Self::Prune(ReleaseId::new(*release).map_err(|error| Failure::input(error.to_string()))?)
            }
            _ => return Err(Failure::input(format!("the root face does not know {:?}", words.join(" ")))),
        })
    }

    /// The words that [`Self::parse`] reads.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![self.word().to_owned()];
        match self {
            Self::Users | Self::NginxTest | Self::NginxReload | Self::DaemonReload => {}
            Self::Log { unit, lines, since_us, after } => words.extend([
                unit.to_string(),
                lines.to_string(),
                since_us.map_or("-".to_owned(), |since| since.to_string()),
                after.as_ref().map_or("-", Cursor::as_str).to_owned(),
            ]),
            Self::Check(verb) => words.extend(verb.words()),
            Self::Prune(release) => words.push(release.to_string()),
            other => words.extend(other.unit().map(UnitName::full)),
        }
        words
    }

    /// Its first word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Restart(_) => "restart",
            Self::Reload(_) => "reload",
            Self::Start(_) => "start",
            Self::Stop(_) => "stop",
            Self::ResetFailed(_) => "reset-failed",
            Self::Status(_) => "status",
            Self::Log { .. } => "log",
            Self::Processes(_) => "processes",
            Self::Users => "users",
            Self::NginxTest => "nginx-test",
            Self::NginxReload => "nginx-reload",
            Self::DaemonReload => "daemon-reload",
            Self::Check(_) => "check",
            Self::Prune(_) => "prune",
        }
    }

    /// The unit it is about.
    #[must_use]
    pub fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::Restart(unit)
            | Self::Reload(unit)
            | Self::Start(unit)
            | Self::Stop(unit)
            | Self::ResetFailed(unit)
            | Self::Status(unit)
            | Self::Processes(unit)
            | Self::Log { unit, .. } => Some(unit),
            Self::Check(verb) => verb.unit(),
            Self::Users | Self::NginxTest | Self::NginxReload | Self::DaemonReload | Self::Prune(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for text in [
            "restart web.service",
            "reset-failed web.socket",
            "log web.service 10 - -",
            "log web.service 10 17000000 s=ab;i=1f;b=0_-",
            "users",
            "nginx-test",
            "check restart web@1.service",
            "prune v1.2.3",
        ] {
            let verb = Verb::parse(&text.split(' ').collect::<Vec<_>>()).unwrap();
            assert!(verb.words().join(" ").starts_with(text.split(" s=").next().unwrap()), "{text}");
            let words = verb.words();
            assert_eq!(Verb::parse(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap(), verb);
        }
    }

    #[test]
    fn hostile_words_are_refused() {
        for words in [
            &["restart"][..],
            &["restart", "-H.service"],
            &["restart", "../../x"],
            &["restart", "a b"],
            &["restart", "web", "sshd"],
            &["log", "web", "10", "-", "--file=/etc/shadow"],
            &["log", "web", "-1", "-", "-"],
            &["check", "check", "nginx-test"],
            &["prune", ".."],
            &["prune", "a/b"],
            &["exec", "sh"],
            &[],
        ] {
            assert!(Verb::parse(words).is_err(), "{words:?}");
        }
    }
}
