//! Which processes run, and which releases they run from. Reads `/proc` only.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What is known of a process of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Its number.
    pub pid: u32,
    /// It is the unit's main process.
    pub main: bool,
    /// The release that its working folder or its program lies in, by the folder's name.
    pub runs_from: BTreeSet<String>,
    /// Releases of which it has files open or mapped.
    pub uses: BTreeSet<String>,
    /// Its folder, program, maps or files may not be looked at. A thread of the kernel has none: that is not this.
    pub unreadable: bool,
}

impl ProcessInfo {
    /// It uses some release, or nobody knows whether it does. The first process of a host is no app, and may be out of
    /// everybody's sight.
    fn matters(&self) -> bool {
        (self.unreadable && self.pid != 1) || !self.runs_from.is_empty() || !self.uses.is_empty()
    }

    /// Why a release that it may use has to stay: cannot be read is in use.
    #[must_use]
    pub fn keeps(&self, release: &str) -> Option<String> {
        if self.runs_from.contains(release) || self.uses.contains(release) {
            return Some(format!("process {} still runs from it", self.pid));
        }
        self.unreadable.then(|| format!("whether process {} still uses it cannot be read", self.pid))
    }
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// The numbers of all processes that can be seen.
///
/// # Errors
/// `/proc` cannot be read.
pub fn all() -> io::Result<Vec<u32>> {
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(names.collect())
}

/// Whether processes of other users are hidden from us.
#[must_use]
pub fn hidden() -> bool {
    fs::read("/proc/1/comm").is_err()
}

/// Processes whose name, program or command line has this text; our own and those that started us do not count.
///
/// # Errors
/// `/proc` cannot be read.
pub fn named(name: &str) -> io::Result<Vec<u32>> {
    let ours = lineage(std::process::id());
    let our_program = fs::read_link("/proc/self/exe").ok();
    let is_ours = |pid: u32| {
        ours.contains(&pid)
            || our_program.is_some() && fs::read_link(format!("/proc/{pid}/exe")).ok() == our_program
            || fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == "rollback-deploy")
    };
    Ok(all()?.into_iter().filter(|pid| matches(*pid, name) && !is_ours(*pid)).collect())
}

fn matches(pid: u32, name: &str) -> bool {
    // A zombie has no command line; neither has a thread of the kernel.
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let words: Vec<_> =
        line.split(|byte| *byte == 0).map(String::from_utf8_lossy).filter(|word| !word.is_empty()).collect();
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    !words.is_empty() && (comm.trim_end() == name || words.join(" ").contains(name))
}

/// A process and those above it.
fn lineage(pid: u32) -> BTreeSet<u32> {
    let mut line = BTreeSet::new();
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|pid| *pid > 1 && line.insert(*pid)) {
        next = stat(pid).and_then(|fields| fields.get(1)?.parse().ok());
    }
    line
}

/// The fields of `/proc/PID/stat` after the name, which may hold anything: state first, then the parent.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// When a process was started, on the monotonic clock of this boot in ticks of 1/100 s; `None`: it is gone.
#[must_use]
pub fn started_ticks(pid: u32) -> Option<u64> {
    stat(pid)?.get(19)?.parse().ok()
}

/// The processes of a unit's control group, with the releases below `releases` that they run from.
///
/// # Errors
/// `/proc` cannot be read.
pub fn of_group(group: &str, main: Option<u32>, releases: &Path) -> io::Result<Vec<ProcessInfo>> {
    let releases = real(releases);
    let pids = all()?.into_iter().filter(|pid| Some(*pid) == main || is_in_group(*pid, group));
    Ok(pids.map(|pid| about(pid, Some(pid) == main, &releases)).filter(|info| !is_gone(info.pid)).collect())
}

/// Processes of any kind that run from a release below `releases`, and those that this user may not look at.
///
/// # Errors
/// `/proc` cannot be read.
pub fn below(releases: &Path) -> io::Result<Vec<ProcessInfo>> {
    let releases = real(releases);
    let ours = lineage(std::process::id());
    let infos = all()?.into_iter().filter(|pid| !ours.contains(pid)).map(|pid| about(pid, false, &releases));
    Ok(infos.filter(ProcessInfo::matters).collect())
}

/// The kernel names folders without links on the way.
fn real(releases: &Path) -> PathBuf {
    releases.canonicalize().unwrap_or_else(|_| releases.to_owned())
}

fn is_gone(pid: u32) -> bool {
    stat(pid).is_none_or(|fields| fields.first().is_some_and(|state| state == "Z" || state == "X"))
}

fn is_in_group(pid: u32, group: &str) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else { return false };
    !matches!(group, "" | "/") && text.lines().any(|line| line_is_in_group(line, group))
}

/// `ID:CONTROLLERS:PATH`; systemd's own hierarchy is the unified one, or the one that is named so.
fn line_is_in_group(line: &str, group: &str) -> bool {
    let mut parts = line.splitn(3, ':');
    let (Some(id), Some(kind), Some(path)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let systemd = kind == "name=systemd" || id == "0" && kind.is_empty();
    systemd && path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn about(pid: u32, main: bool, releases: &Path) -> ProcessInfo {
    let mut info = ProcessInfo { pid, main, runs_from: BTreeSet::new(), uses: BTreeSet::new(), unreadable: false };
    for link in ["cwd", "exe"] {
        match fs::read_link(format!("/proc/{pid}/{link}")) {
            Ok(path) => info.runs_from.extend(release_of(&path, releases)),
            Err(error) => info.unreadable |= is_denied(&error),
        }
    }
    match fs::read(format!("/proc/{pid}/maps")) {
        Ok(text) => {
            let paths = text.split(|byte| *byte == b'\n').filter_map(|line| {
                let at = line.iter().position(|byte| *byte == b'/')?;
                Some(Path::new(std::ffi::OsStr::from_bytes(&line[at..])))
            });
            info.uses.extend(paths.filter_map(|path| release_of(path, releases)));
        }
        Err(error) => info.unreadable |= is_denied(&error),
    }
    match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(open) => {
            let paths = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
            info.uses.extend(paths.filter_map(|path| release_of(&path, releases)));
        }
        Err(error) => info.unreadable |= is_denied(&error),
    }
    info
}

/// The name of the release's folder that a path lies in.
fn release_of(path: &Path, releases: &Path) -> Option<String> {
    let name = path.strip_prefix(releases).ok()?.components().next()?.as_os_str().to_str()?;
    // What the kernel adds to a folder that is gone.
    Some(name.strip_suffix(" (deleted)").unwrap_or(name).to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test takes down what it made")]
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn only_systemds_own_hierarchy_counts() {
        let group = "/system.slice/web.service";
        for (line, is) in [
            ("0::/system.slice/web.service", true),
            ("1:name=systemd:/system.slice/web.service/sub", true),
            ("5:memory:/system.slice/web.service", false),
            ("0::/system.slice/web.service2", false),
            ("0::/", false),
            ("nonsense", false),
        ] {
            assert_eq!(line_is_in_group(line, group), is, "{line}");
        }
    }

    #[test]
    fn a_process_is_found_by_its_folder_and_by_its_name() {
        let root = tempfile::tempdir().unwrap();
        let releases = root.path().join("real");
        fs::create_dir_all(releases.join("v2/sub")).unwrap();
        let link = root.path().join("releases");
        std::os::unix::fs::symlink(&releases, &link).unwrap();
        let mut child = Command::new("/bin/sh")
            .args(["-c", "echo; read x; : a-name-of-ours"])
            .current_dir(link.join("v2/sub"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The line says that it is where it should be.
        let mut ready = [0; 1];
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();

        let found = below(&link).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].pid, child.id());
        assert_eq!(found[0].runs_from, BTreeSet::from(["v2".to_owned()]));
        assert_eq!(named("a-name-of-ours").unwrap(), [child.id()]);
        assert!(started_ticks(child.id()).is_some());

        fs::remove_dir_all(&releases).unwrap();
        assert_eq!(below(&link).unwrap(), [], "the link leads nowhere");
        assert_eq!(about(child.id(), false, &releases).runs_from, BTreeSet::from(["v2".to_owned()]));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(child.id()));
    }

    #[test]
    fn what_may_not_be_looked_at_counts_as_using_everything() {
        let mut info = about(std::process::id(), false, Path::new("/nowhere"));
        assert!(!info.unreadable && !info.matters() && info.keeps("v1").is_none());
        info.unreadable = true;
        assert!(info.matters() && info.keeps("v1").unwrap().contains("cannot be read"));
        info.uses.insert("v1".to_owned());
        assert!(info.keeps("v1").unwrap().contains("still runs from it"));
        for (number, denied) in [(1, true), (13, true), (2, false), (3, false)] {
            assert_eq!(is_denied(&io::Error::from_raw_os_error(number)), denied, "{number}");
        }
    }

    #[test]
    fn what_is_gone_is_not_taken_for_hidden() {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(!about(child.id(), false, Path::new("/nowhere")).unreadable);
    }

    #[test]
    fn we_do_not_find_ourselves() {
        let comm = fs::read_to_string("/proc/self/comm").unwrap();
        assert!(!named(comm.trim()).unwrap().contains(&std::process::id()));
    }
}
