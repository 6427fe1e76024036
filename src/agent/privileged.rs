//! How the agent has something done that needs root: through the root face, asked and never killed. Uses root and ask.

use rollback_deploy_core::model::failure::Kind;
use rollback_deploy_core::model::{AbsPath, AppName, Failure, Foreign, Seconds, Settings, UnitName};

use crate::ask::command::{Spec, take};
use crate::ask::unit::{UnitState, program};
use crate::ask::{Hands, ProcessInfo, Since, processes};
use crate::root::{Cursor, PROGRAM, Policy, Verb, perform, refused_code};

/// How long the root face may take: longer than it gives its own children.
const LIMIT: Seconds = Seconds(40);

/// The way to the root face for one app.
#[derive(Debug, Clone)]
pub struct Privileged {
    app: AppName,
    root: AbsPath,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    /// We are root: the verbs are carried out here, within the settings' own units.
    Direct(Box<Policy>),
    /// Through sudo, within the policy of the host.
    Sudo,
}

/// Where sudo may lie.
#[must_use]
pub(crate) fn sudo() -> Option<&'static str> {
    program(&["/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo"])
}

impl Privileged {
    /// The way for this app.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let way = if rustix::process::geteuid().is_root() {
            Way::Direct(Box::new(Policy::for_settings(settings, "root", None)))
        } else {
            Way::Sudo
        };
        Self { app: settings.app.clone(), root: settings.root.clone(), way }
    }

    /// Has a verb carried out; what it printed.
    ///
    /// # Errors
    /// It is not permitted, or it failed.
    pub fn call(&self, verb: &Verb) -> Result<String, Failure> {
        match &self.way {
            Way::Direct(policy) => perform(verb, policy),
            Way::Sudo => self.through_sudo(verb),
        }
    }

    /// Proves that a verb would be carried out without a password, by having the root face asked: what `sudo -l` says
    /// is no proof.
    ///
    /// # Errors
    /// It would not.
    pub fn permitted(&self, verb: &Verb) -> Result<(), Failure> {
        self.call(&Verb::Check(Box::new(verb.clone()))).map(drop)
    }

    /// Lines of a unit's journal, and where to go on reading.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn log(
        &self,
        unit: &UnitName,
        lines: u32,
        since: Option<&Since>,
        after: Option<Cursor>,
    ) -> Result<(String, Option<Cursor>), Failure> {
        let since_us = since.and_then(|since| u64::try_from(since.wall.as_microsecond()).ok());
        let text = self.call(&Verb::Log { unit: unit.clone(), lines, since_us, after: after.clone() })?;
        let (text, cursor) = match text.rsplit_once("-- cursor: ") {
            Some((text, cursor)) => (text.to_owned(), Cursor::new(cursor.trim())),
            None => (text, None),
        };
        Ok((text, cursor.or(after)))
    }

    fn through_sudo(&self, verb: &Verb) -> Result<String, Failure> {
        let sudo = sudo().ok_or_else(|| not_set_up(&self.app).because("this host has no sudo"))?;
        let mut argv =
            vec![sudo.to_owned(), "-n".into(), "--".into(), PROGRAM.into(), "root".into(), self.app.to_string()];
        argv.extend(verb.words());
        let ended = take(&Spec::program(argv).apart().only_asked().within(LIMIT))
            .map_err(|error| Failure::failed("sudo could not be started").because(error.to_string()))?;
        if ended.ok() {
            return Ok(String::from_utf8_lossy(&ended.whole).into_owned());
        }
        let what = format!("root {}", verb.words().join(" "));
        match ended.code {
            Some(1) => Err(not_set_up(&self.app).because(ended.tail)),
            Some(code) if code == refused_code() => {
                Err(Failure::refused(format!("the root face does not do this: {what}"))
                    .because(ended.tail)
                    .hint("Run rollback-deploy setup again: it writes the units that the deploy file names."))
            }
            Some(9) => Err(Failure::new(Kind::No, what).because(ended.tail)),
            _ => Err(Failure::failed(format!("{what} {}", ended.words())).because(ended.tail)),
        }
    }
}

/// sudo itself ends with 1 when it wants a password or finds no program.
fn not_set_up(app: &AppName) -> Failure {
    Failure::refused(format!("the root face may not act for {app} without a password"))
        .hint("Run rollback-deploy setup once on this host, as a user who may use sudo.")
}

impl Hands for Privileged {
    fn journal(&self, unit: &UnitName, since: Option<&Since>, lines: u32) -> Result<String, Failure> {
        self.log(unit, lines, since, None).map(|(text, _)| text)
    }

    fn processes(&self, unit: &UnitName) -> Result<Vec<ProcessInfo>, Failure> {
        let state = UnitState::of(unit)?;
        let releases = self.root.as_path().join("releases");
        // An app of the same user can be read without root.
        if let Ok(found) = processes::of_group(state.get("ControlGroup"), state.main_pid(), &releases)
            && !found.is_empty()
            && !processes::hidden()
            && found.iter().all(|process| !process.unreadable)
        {
            return Ok(found);
        }
        let text = self.call(&Verb::Processes(unit.clone()))?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::failed("the root face answered something else than processes").because(error.to_string())
        })
    }

    fn nginx_test(&self) -> Result<Foreign, Failure> {
        self.call(&Verb::NginxTest).map(Foreign::new)
    }
}
