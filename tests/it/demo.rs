//! The demo, as a newcomer starts it: it shows what it says, and nothing of it is left.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The demo, with all that it makes below this folder.
fn start(folder: &TempDir) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rollback-deploy"))
        .arg("demo")
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Neither a file nor a process that works below the folder.
fn assert_nothing_left(folder: &Path) {
    let files: Vec<_> = folder.read_dir().unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(files.is_empty(), "{files:?}");
    let below = folder.to_str().unwrap();
    let lines = Path::new("/proc").read_dir().unwrap().flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    let processes: Vec<_> = lines.filter(|line| line.contains(below)).collect();
    assert!(processes.is_empty(), "{processes:?}");
}

#[test]
fn all_of_it_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let ended = start(&folder).wait_with_output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    let happened = [
        "first deploy: v1.0.0 confirmed",
        "next deploy: v1.1.0 confirmed",
        "bad deploy: v1.2.0 went back by itself",
        "rollback on request: v1.0.0 confirmed",
        "runner killed: the host went back to v1.0.0 alone",
    ];
    for row in happened {
        let line = said.lines().find(|line| line.starts_with(row)).unwrap_or_else(|| panic!("{row}: {said}"));
        let failed = line.split_whitespace().last();
        assert_eq!(failed, Some("0"), "{line}");
    }
    assert!(said.lines().count() <= 40, "{said}");
    assert_nothing_left(folder.path());
}

#[test]
fn stopped_in_the_middle_it_tidies_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = start(&folder);
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("next deploy"))).unwrap().unwrap();
    kill_process(Pid::from_child(&demo), Signal::TERM).unwrap();
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let ended = demo.wait().unwrap();
    assert_eq!(ended.code(), Some(143), "{rest:?}");
    assert_nothing_left(folder.path());
}
