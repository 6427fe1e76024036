//! Units of systemd that lie in the repository: what they are called, where they run, which port they take.

use crate::model::{AbsPath, UnitName};

use super::folder::Folder;
use super::words::{is_plain, port, values};

/// A unit that a deploy restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Where it lies in the repository.
    pub path: String,
    /// Its name; a service without `.service`.
    pub name: UnitName,
    /// Whether it is a socket.
    pub socket: bool,
    /// Where it runs.
    pub working_directory: Option<AbsPath>,
    /// The port that it listens on.
    pub port: Option<u16>,
}

/// Sockets first, as they are started first.
pub(super) fn units(folder: &Folder) -> Vec<Unit> {
    let sockets =
        folder.ending(".socket").filter_map(|(path, name)| unit(folder, path, &format!("{name}.socket"), true));
    let services = folder.ending(".service").filter_map(|(path, name)| unit(folder, path, name, false));
    let mut units: Vec<Unit> = Vec::new();
    for unit in sockets.chain(services) {
        if units.len() < 16 && units.iter().all(|other| other.name.full() != unit.name.full()) {
            units.push(unit);
        }
    }
    units
}

fn unit(folder: &Folder, path: &str, name: &str, socket: bool) -> Option<Unit> {
    let text = folder.text(path);
    let once = values(text, "Service", "Type").any(|kind| kind == "oneshot");
    // A template has no instance here, and what runs once is not restarted by a deploy.
    if once || !is_plain(path) || !is_plain(name) {
        return None;
    }
    let settings = ["ExecStart", "Environment"].into_iter().flat_map(|key| values(text, "Service", key));
    let listens = values(text, "Socket", "ListenStream").filter_map(|at| port(&format!("ListenStream {at}")));
    let working_directory = values(text, "Service", "WorkingDirectory").next();
    Some(Unit {
        path: path.to_owned(),
        name: UnitName::new(name).ok()?,
        socket,
        working_directory: working_directory
            .map(|path| path.trim_start_matches('-'))
            .filter(|path| is_plain(path))
            .and_then(|path| AbsPath::new(path).ok()),
        port: listens.chain(settings.filter_map(port)).next(),
    })
}

/// Folders of the system, in which many apps live.
const COMMON: [&str; 6] = ["/usr/local", "/usr/share", "/var/lib", "/var/www", "/var/opt", "/etc/systemd"];

/// Root and link, from where the units run today: what they name stays the path of the live release.
pub(super) fn places(units: &[Unit]) -> Option<(AbsPath, Option<AbsPath>)> {
    let place = units.iter().find_map(|unit| unit.working_directory.as_ref())?;
    let below = place.as_str().split_once("/current/").map(|(root, _)| root);
    if let Some(root) = below.or_else(|| place.as_str().strip_suffix("/current")) {
        let root = AbsPath::new(root).ok().filter(|root| root.as_str().matches('/').count() >= 2)?;
        return Some((root, None));
    }
    let deep = place.as_str().matches('/').count() >= 2;
    let home = place.parent() == std::path::Path::new("/home");
    if !deep || home || COMMON.contains(&place.as_str()) {
        return None;
    }
    Some((AbsPath::new(format!("{place}.d")).ok()?, Some(place.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(directory: &str) -> Option<(String, Option<String>)> {
        let text = format!("[Service]\nWorkingDirectory={directory}\nExecStart=/x -b :8000\n");
        let folder = Folder {
            paths: ["diary.service".to_owned()].into(),
            texts: [("diary.service".to_owned(), text)].into(),
            ..Folder::default()
        };
        let units = units(&folder);
        assert_eq!((units[0].name.as_str(), units[0].port), ("diary", Some(8000)));
        places(&units).map(|(root, link)| (root.to_string(), link.map(|link| link.to_string())))
    }

    #[test]
    fn what_units_name_stays_the_live_path() {
        let own = |root: &str, link: Option<&str>| Some((root.to_owned(), link.map(str::to_owned)));
        for (directory, wanted) in [
            ("/var/www/diary", own("/var/www/diary.d", Some("/var/www/diary"))),
            ("-/opt/diary/", own("/opt/diary.d", Some("/opt/diary"))),
            ("/srv/diary/current", own("/srv/diary", None)),
            ("/srv/diary/current/web", own("/srv/diary", None)),
            ("/srv/currently/x", own("/srv/currently/x.d", Some("/srv/currently/x"))),
            ("/opt", None),
            ("/home/deploy", None),
            ("/var/www", None),
            ("~", None),
            ("/srv/%i", None),
            ("/srv/a b", None),
            ("/srv/../etc", None),
        ] {
            assert_eq!(place(directory), wanted, "{directory}");
        }
    }

    #[test]
    fn what_is_not_restarted_is_no_service() {
        let files = [
            ("job.service", "[Service]\nType=oneshot\n"),
            ("worker@.service", ""),
            ("web.socket", "[Socket]\nListenStream=80\n"),
            ("deploy/web.service", ""),
        ];
        let folder = Folder {
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            texts: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
            ..Folder::default()
        };
        let names: Vec<_> = units(&folder).into_iter().map(|unit| (unit.name.to_string(), unit.port)).collect();
        assert_eq!(names, [("web.socket".to_owned(), Some(80)), ("web".to_owned(), None)]);
    }
}
