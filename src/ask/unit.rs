//! What systemd says of a unit. Reading needs no rights.

use std::collections::BTreeMap;
use std::path::Path;

use rollback_deploy_core::model::{Failure, Seconds, UnitName};

use super::command::{Spec, take};

/// Where `systemctl` may lie: never looked for by a PATH that somebody else wrote.
const SYSTEMCTL: [&str; 2] = ["/usr/bin/systemctl", "/bin/systemctl"];

/// The first of these programs that is there.
#[must_use]
pub fn program(candidates: &[&'static str]) -> Option<&'static str> {
    candidates.iter().copied().find(|path| Path::new(path).exists())
}

/// `systemctl`, where systemd runs this machine.
///
/// # Errors
/// It does not.
pub fn systemctl() -> Result<&'static str, Failure> {
    let missing = || {
        Failure::refused("systemd does not run this host")
            .hint("Give services as commands: start, stop and status (see the reference page of the deploy file).")
    };
    if !Path::new("/run/systemd/system").is_dir() {
        return Err(missing());
    }
    program(&SYSTEMCTL).ok_or_else(missing)
}

/// What a unit is and does now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitState {
    all: BTreeMap<String, String>,
}

/// What is asked of each unit.
const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,UnitFileState,Result,MainPID,NRestarts,Job,\
    ControlGroup,TriggeredBy,Triggers,CanReload,ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic,\
    StateChangeTimestampMonotonic,ExecMainStatus,Type,NeedDaemonReload,ReadWritePaths,ReadOnlyPaths,InaccessiblePaths,BindPaths,\
    BindReadOnlyPaths,RootDirectory,WorkingDirectory,User,RemainAfterExit,\
    FragmentPath,DropInPaths";

impl UnitState {
    /// Asks systemd.
    ///
    /// # Errors
    /// There is no systemd, or it does not answer.
    pub fn read(unit: &str) -> Result<Self, Failure> {
        let properties = format!("--property={PROPERTIES}");
        let spec = Spec::program([systemctl()?, "show", &properties, "--", unit]).apart().within(Seconds(15));
        let asked = take(&spec)
            .map_err(|error| Failure::failed("systemctl could not be started").because(error.to_string()))?;
        if !asked.ok() {
            return Err(Failure::failed(format!("systemctl show {}", asked.words())).on_host(unit).because(asked.tail));
        }
        Ok(Self::from_text(&String::from_utf8_lossy(&asked.whole)))
    }

    /// Asks systemd about a unit by its checked name.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of(unit: &UnitName) -> Result<Self, Failure> {
        Self::read(&unit.full())
    }

    /// Reads `NAME=VALUE` lines.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Self { all: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() }
    }

    /// One property; empty when systemd does not know it.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.all.get(name).map_or("", String::as_str)
    }

    /// A property that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }

    /// Names of other units in a property.
    pub fn units<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.get(name).split_whitespace()
    }

    /// Whether it is active and no job is about to change that.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.get("ActiveState") == "active"
    }

    /// Whether a start, stop, restart or reload is still under way.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.number("Job").unwrap_or(0) != 0
            || matches!(self.get("ActiveState"), "activating" | "deactivating" | "reloading")
    }

    /// Its main process, if it has one.
    #[must_use]
    pub fn main_pid(&self) -> Option<u32> {
        self.get("MainPID").parse().ok().filter(|pid| *pid != 0)
    }

    /// Why it cannot be started at all, in words.
    #[must_use]
    pub fn unusable(&self) -> Option<&'static str> {
        match self.get("LoadState") {
            "loaded" => None,
            "not-found" => Some("does not exist"),
            "masked" => Some("is masked"),
            "bad-setting" | "error" => Some("cannot be loaded: its unit file is wrong"),
            _ => Some("is in a state that systemd did not say"),
        }
    }

    /// What it does, in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        if let Some(why) = self.unusable() {
            return why.to_owned();
        }
        let mut words = format!("{} ({})", self.get("ActiveState"), self.get("SubState"));
        if let Some(pid) = self.main_pid() {
            words = format!("{words}, main process {pid}");
        }
        if !matches!(self.get("Result"), "" | "success") {
            words = format!("{words}, result {}, exit status {}", self.get("Result"), self.get("ExecMainStatus"));
        }
        if self.number("NRestarts").unwrap_or(0) > 0 {
            words = format!("{words}, {} restarts", self.get("NRestarts"));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loop_is_moving_and_said_in_words() {
        let text = "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\n\
            ExecMainStatus=1\nMainPID=0\nNRestarts=4\n";
        let unit = UnitState::from_text(text);
        assert!(unit.is_moving() && !unit.is_active());
        assert_eq!(unit.words(), "activating (auto-restart), result exit-code, exit status 1, 4 restarts");
        assert_eq!(unit.main_pid(), None);
    }

    #[test]
    fn what_systemd_did_not_say_is_not_usable() {
        assert!(UnitState::default().unusable().is_some());
        assert!(!UnitState::default().is_active());
        assert_eq!(UnitState::from_text("LoadState=masked").unusable(), Some("is masked"));
    }
}
