//! The agent under strace: what its threads change, and faults at single calls of its main thread.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::root::Root;

/// System calls that change what lies on a disk, where they have something to do with it.
const CHANGING: [&str; 24] = [
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "openat",
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "syncfs",
    "ftruncate",
    "fchmod",
    "fchown",
    "copy_file_range",
    "sendfile",
];

/// What a plain trace shows.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    /// Changing calls of the main thread: the name → which ones, counted among all calls of that name.
    pub(crate) main: BTreeMap<String, Vec<usize>>,
    /// Changing calls of other threads: there may be none.
    pub(crate) others: Vec<String>,
    /// How many threads were seen.
    pub(crate) threads: usize,
}

/// A fault at one call of the main thread.
#[derive(Debug, Clone)]
pub(crate) struct Injection {
    pub(crate) call: String,
    pub(crate) fault: &'static str,
    pub(crate) nth: usize,
}

/// What can happen to a call: killed before it, or told that it failed.
pub(crate) const FAULTS: [&str; 3] = ["signal=KILL", "error=ENOSPC", "error=EIO"];

/// strace with these options, then the program; the agent's arguments follow.
fn strace(root: &Root, options: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(options).arg("--").arg(root.program());
    command
}

/// Follows all threads and children; one file each, `PREFIX.TID`.
pub(crate) fn plainly(root: &Root, prefix: &Path) -> Command {
    let calls: Vec<String> = CHANGING.iter().map(|call| format!("?{call}")).collect();
    let trace = format!("trace=execve,clone,clone3,{}", calls.join(","));
    strace(root, &["-I2", "-ff", "-y", "-q", "-s", "8", "-e", &trace, "-o", prefix.to_str().unwrap()])
}

/// Follows the main thread only: its calls are counted, whatever others do meanwhile.
pub(crate) fn with_fault(root: &Root, injection: &Injection, log: &Path) -> Command {
    let Injection { call, fault, nth } = injection;
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:{fault}:when={nth}");
    strace(root, &["-y", "-q", "-s", "8", "-e", &trace, "-e", &inject, "-o", log.to_str().unwrap()])
}

/// Whether the fault came about.
pub(crate) fn fired(log: &Path) -> bool {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.contains("(INJECTED)") || text.contains("killed by SIGKILL")
}

fn name_of(line: &str) -> &str {
    line.split('(').next().unwrap_or_default()
}

/// A call that changes something below this folder, or tried to.
fn changes(line: &str, below: &str) -> bool {
    let name = name_of(line);
    CHANGING.contains(&name) && line.contains(below) && (name != "openat" || line.contains("O_CREAT"))
}

/// Reads what a plain trace of this face wrote.
pub(crate) fn read(root: &Root, prefix: &Path, face: &str) -> Plain {
    let name = format!("{}.", prefix.file_name().unwrap().to_str().unwrap());
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for entry in fs::read_dir(prefix.parent().unwrap()).unwrap().flatten() {
        if let Some(tid) = entry.file_name().to_str().and_then(|file| file.strip_prefix(&name)) {
            files.insert(tid.to_owned(), fs::read_to_string(entry.path()).unwrap());
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let below = root.path().to_str().unwrap().to_owned();
    let face = format!("\"{face}\"");
    let starts = |text: &String| text.lines().any(|line| line.starts_with("execve(") && line.contains(&face));
    let main = files.iter().find(|(_, text)| starts(text)).map(|(tid, _)| tid.clone()).expect("it was traced");
    let mut plain = Plain::default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in files[&main].lines() {
        let count = counts.entry(name_of(line).to_owned()).or_default();
        *count += 1;
        if changes(line, &below) {
            plain.main.entry(name_of(line).to_owned()).or_default().push(*count);
        }
    }
    // Threads of the agent, not the programs that it starts; threads of threads too.
    let mut threads = vec![main.clone()];
    let mut at = 0;
    while let Some(thread) = threads.get(at).cloned() {
        at += 1;
        for line in files.get(&thread).map(String::as_str).unwrap_or_default().lines() {
            if line.starts_with("clone") && line.contains("CLONE_THREAD") {
                threads.extend(line.rsplit("= ").next().map(|tid| tid.trim().to_owned()));
            }
            if thread != main && changes(line, &below) {
                plain.others.push(line.to_owned());
            }
        }
    }
    plain.threads = threads.len();
    plain
}
