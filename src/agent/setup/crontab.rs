//! The watchdog by crontab: two marked lines of ours, and no other line is touched.

use rollback_deploy_core::model::{Failure, Seconds, Settings, WatchdogKind};

use super::launcher;
use crate::ask::command::{Ended, Spec, take};
use crate::ask::processes;
use crate::ask::unit::program;
use crate::root::setup::{Item, Now};

const CRONTAB: [&str; 2] = ["/usr/bin/crontab", "/bin/crontab"];

/// The lines for an app.
pub(super) fn lines(settings: &Settings) -> [String; 2] {
    let command = format!(
        "{} watchdog {} --kind {} >/dev/null 2>&1 {}",
        word(&launcher::path(settings).display().to_string()),
        word(settings.root.as_str()),
        WatchdogKind::Crontab.word(),
        mark(settings)
    );
    [format!("@reboot {command}"), format!("* * * * * {command}")]
}

fn mark(settings: &Settings) -> String {
    format!("# rollback-deploy {}", settings.app)
}

/// One word for sh, inside a crontab: there `%` ends the command.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''").replace('%', r"\%"))
}

/// The text with our lines and no older ones of ours, or without any.
fn edited(text: &str, settings: &Settings, ours: &[String]) -> String {
    let mark = mark(settings);
    let others = text.lines().filter(|line| !line.ends_with(&mark));
    let all: Vec<&str> = others.chain(ours.iter().map(String::as_str)).collect();
    if all.is_empty() { String::new() } else { all.join("\n") + "\n" }
}

/// Whether a crontab can be had, and something runs what it says.
pub(super) fn works() -> bool {
    Crontab { user: None }.read().is_ok() && ["cron", "crond", "fcron"].iter().any(|name| runs(name))
}

/// Not a process that only mentions the name.
fn runs(name: &str) -> bool {
    let Ok(all) = processes::all() else { return false };
    all.iter().any(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name))
}

/// The crontab of a user.
#[derive(Debug, Clone)]
pub(super) struct Crontab {
    /// Named only by root, for somebody else.
    user: Option<String>,
}

impl Crontab {
    pub(super) fn of(user: &str) -> Self {
        let foreign = rustix::process::geteuid().is_root() && user != "root";
        Self { user: foreign.then(|| user.to_owned()) }
    }

    fn call(&self, word: &str, input: Option<&str>) -> Result<Ended, Failure> {
        let program = program(&CRONTAB).ok_or_else(|| Failure::refused("this host has no crontab"))?;
        let user = self.user.iter().flat_map(|user| ["-u", user.as_str()]);
        let mut spec = Spec::program([program].into_iter().chain(user).chain([word])).apart().within(Seconds(15));
        spec.input = input.map(str::as_bytes);
        take(&spec).map_err(|error| Failure::failed("crontab could not be started").because(error.to_string()))
    }

    fn read(&self) -> Result<String, Failure> {
        let ended = self.call("-l", None)?;
        // Having none is said with an error code; being forbidden is too.
        let none = ended.code == Some(1) && ended.tail.expose().to_lowercase().contains("no crontab");
        if ended.ok() || none {
            Ok(String::from_utf8_lossy(&ended.whole).into_owned())
        } else {
            Err(Failure::refused("this user may not have a crontab").because(ended.tail))
        }
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        let ended = if text.is_empty() { self.call("-r", None)? } else { self.call("-", Some(text))? };
        if ended.ok() { Ok(()) } else { Err(Failure::failed("the crontab could not be written").because(ended.tail)) }
    }

    pub(super) fn stands(&self, settings: &Settings) -> bool {
        let ours = lines(settings);
        launcher::path(settings).exists()
            && works()
            && self.read().is_ok_and(|text| ours.iter().all(|ours| text.lines().any(|line| line == ours)))
    }

    pub(super) fn has_lines(&self, settings: &Settings) -> bool {
        self.read().is_ok_and(|text| text.lines().any(|line| line.ends_with(&mark(settings))))
    }

    pub(super) fn item(&self, settings: &Settings) -> Item {
        let [look, make, unmake] = [(); 3].map(|()| (self.clone(), settings.clone()));
        Item {
            what: "crontab: two lines, after each start of the host and every minute".to_owned(),
            now: Box::new(move || {
                let (tab, settings) = &look;
                let text = tab.read()?;
                Ok(if text == edited(&text, settings, &lines(settings)) {
                    Now::Right
                } else if tab.has_lines(settings) {
                    Now::Wrong("the lines are other ones".into())
                } else {
                    Now::Missing
                })
            }),
            make: Box::new(move || make.0.write(&edited(&make.0.read()?, &make.1, &lines(&make.1)))),
            unmake: Some(Box::new(move || unmake.0.write(&edited(&unmake.0.read()?, &unmake.1, &[])))),
            hidden: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::services::tests::settings;

    #[test]
    fn only_our_own_lines_are_touched() {
        let mut ours = settings("/srv/50% of it's");
        ours.app = "diary".parse().unwrap();
        let wanted = lines(&ours);
        assert!(wanted[1].starts_with(r"* * * * * '/srv/50\% of it'\''s/.rollback-deploy/agent/launcher' watchdog "));
        assert!(wanted[0].contains("it'\\''s' --kind crontab >"), "the tick says which promise it is: {}", wanted[0]);
        let before =
            "MAILTO=x\n@daily backup\n@reboot old # rollback-deploy diary\n1 * * * * y # rollback-deploy diary2\n";
        let after = edited(before, &ours, &wanted);
        assert_eq!(
            after,
            format!("MAILTO=x\n@daily backup\n1 * * * * y # rollback-deploy diary2\n{}\n{}\n", wanted[0], wanted[1])
        );
        assert_eq!(edited(&after, &ours, &wanted), after, "again changes nothing");
        assert_eq!(edited(&wanted.join("\n"), &ours, &[]), "");
    }
}
