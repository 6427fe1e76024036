//! What root does for one app: a file that only root can write.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::{
    AbsPath, AppName, Digest, Failure, LogSource, Question, Record, Service, Settings, UnitName,
};
use rustix::fs::{Mode, OFlags};

/// Where the policies lie.
pub const POLICIES: &str = "/etc/rollback-deploy";

/// The policy of one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The app.
    pub app: AppName,
    /// Its root.
    pub root: AbsPath,
    /// Its live link.
    pub link: AbsPath,
    /// Who deploys.
    pub user: String,
    /// The units that may be touched, by their full names; their sockets come with them.
    pub units: BTreeSet<String>,
    /// Units whose journal may be read, and nothing more.
    pub logs: BTreeSet<String>,
    /// The program that was installed with it; absent in a policy that was never written.
    pub program: Option<Digest>,
}

impl Policy {
    /// The policy that some settings need.
    #[must_use]
    pub fn for_settings(settings: &Settings, user: &str, program: Option<Digest>) -> Self {
        Self {
            app: settings.app.clone(),
            root: settings.root.clone(),
            link: settings.link.clone(),
            user: user.to_owned(),
            units: service_units(settings).map(UnitName::full).collect(),
            logs: log_units(settings).map(UnitName::full).collect(),
            program,
        }
    }

    /// Where the policy of an app lies.
    #[must_use]
    pub fn path(app: &AppName) -> PathBuf {
        Path::new(POLICIES).join(format!("{app}.policy"))
    }

    /// Reads the policy of an app, which only root can have written.
    ///
    /// # Errors
    /// There is none, somebody else could have written it, or it is not one.
    pub fn read(app: &AppName) -> Result<Self, Failure> {
        Self::read_in(Path::new(POLICIES), app, 0)
    }

    fn read_in(folder: &Path, app: &AppName, owner: u32) -> Result<Self, Failure> {
        let path = folder.join(format!("{app}.policy"));
        let refuse = |what: String| Failure::refused(what).on_host(path.display());
        let open = |path: &Path, flags| {
            let file =
                rustix::fs::open(path, flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
            file.map(File::from).map_err(|error| {
                refuse(format!("the policy of {app} cannot be read: {error}"))
                    .hint("Run rollback-deploy setup once on this host, as a user who may use sudo.")
            })
        };
        let folder = open(folder, OFlags::DIRECTORY)?;
        let mut file = open(&path, OFlags::NONBLOCK)?;
        for (what, file) in [("folder", &folder), ("file", &file)] {
            let stat = rustix::fs::fstat(file).map_err(|error| refuse(format!("it cannot be looked at: {error}")))?;
            if stat.st_uid != owner || stat.st_mode & 0o022 != 0 {
                return Err(refuse(format!("the policy's {what} is not root's alone")));
            }
        }
        let mut text = String::new();
        let read = (&mut file).take(rollback_deploy_core::model::record::LARGEST as u64).read_to_string(&mut text);
        read.map_err(|error| refuse(format!("the policy of {app} cannot be read: {error}")))?;
        let policy = Self::from_text(&text).map_err(|error| refuse(format!("the policy of {app}: {error}")))?;
        if policy.app != *app {
            return Err(refuse(format!("the policy of {app} is for {}", policy.app)));
        }
        Ok(policy)
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        Record::new()
            .with("app", &self.app)
            .with("root", &self.root)
            .with("link", &self.link)
            .with("user", &self.user)
            .with("units", self.units.iter().cloned().collect::<Vec<_>>().join(" "))
            .with("logs", self.logs.iter().cloned().collect::<Vec<_>>().join(" "))
            .with_some("program", self.program.as_ref())
            .to_text()
    }

    fn from_text(text: &str) -> Result<Self, rollback_deploy_core::model::record::RecordError> {
        let record = Record::from_text(text)?;
        let list = |key: &str| {
            let units = record.get(key).unwrap_or_default().split_whitespace();
            let units: Result<BTreeSet<String>, _> =
                units.map(|unit| UnitName::new(unit).map(|unit| unit.full())).collect();
            units.map_err(|error| rollback_deploy_core::model::record::RecordError::value(key, error))
        };
        Ok(Self {
            app: record.parse("app")?,
            root: record.parse("root")?,
            link: record.parse("link")?,
            user: record.parse("user")?,
            units: list("units")?,
            logs: list("logs")?,
            program: record.parse_some("program")?,
        })
    }

    /// Whether everything that `wanted` allows is allowed here, for the same app, root and user.
    #[must_use]
    pub fn covers(&self, wanted: &Self) -> bool {
        (&self.app, &self.root, &self.link, &self.user) == (&wanted.app, &wanted.root, &wanted.link, &wanted.user)
            && wanted.units.is_subset(&self.units)
            && wanted.logs.iter().all(|unit| self.logs.contains(unit) || self.units.contains(unit))
    }
}

/// The units of an app's services: they may be touched.
fn service_units(settings: &Settings) -> impl Iterator<Item = &UnitName> {
    settings.services.iter().filter_map(|service| match service {
        Service::Systemd { unit, .. } => Some(unit),
        Service::Commands { .. } => None,
    })
}

/// The units whose journal a check reads.
fn log_units(settings: &Settings) -> impl Iterator<Item = &UnitName> {
    settings.checks.iter().filter_map(|check| match &check.question {
        Question::Errors { log: LogSource::Unit(unit), .. } => Some(unit),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests write the files that they read")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn policy() -> Policy {
        Policy {
            app: AppName::new("diary").unwrap(),
            root: AbsPath::new("/srv/diary").unwrap(),
            link: AbsPath::new("/srv/diary/current").unwrap(),
            user: "deploy".into(),
            units: ["web.service".to_owned()].into(),
            logs: ["sshd.service".to_owned()].into(),
            program: Some(Digest::of(b"x")),
        }
    }

    #[test]
    fn only_what_its_owner_alone_can_write_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let us = rustix::process::geteuid().as_raw();
        let path = folder.path().join("diary.policy");
        let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let read = |owner| Policy::read_in(folder.path(), &policy().app, owner);
        assert!(read(us).is_err());
        std::fs::write(&path, policy().to_text()).unwrap();
        mode(&path, 0o644);
        mode(folder.path(), 0o755);
        assert_eq!(read(us).unwrap(), policy());
        assert!(read(us + 1).is_err());
        mode(&path, 0o664);
        assert!(read(us).is_err());
        mode(&path, 0o644);
        mode(folder.path(), 0o777);
        assert!(read(us).is_err());
        mode(folder.path(), 0o755);
        std::fs::rename(&path, folder.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", &path).unwrap();
        assert!(read(us).is_err(), "a link is not followed");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, policy().to_text().replace("app=diary", "app=other")).unwrap();
        assert!(read(us).is_err(), "another app's policy");
    }

    #[test]
    fn a_policy_covers_fewer_units_only() {
        let mut more = policy();
        more.units.insert("worker.service".into());
        assert!(more.covers(&policy()) && !policy().covers(&more));
        let mut other = policy();
        other.user = "root".into();
        assert!(!other.covers(&policy()));
    }
}
