//! A run that is stopped before it has touched a host: it ends at once and says so.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn while_git_waits_for_a_silent_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/diary.git", server.local_addr().unwrap());
    let run = Command::new(env!("CARGO_BIN_EXE_rollback-deploy"))
        .args([
            "--root",
            folder.path().to_str().unwrap(),
            "--allow",
            "unchecked,weak-watchdog",
            "deploy",
            "v1.0.0",
            &url,
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It is asked, and never answers.
    let _asked = server.accept().unwrap();
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(143), "{said}");
    assert!(said.contains("cancelled before anything was changed"), "{said}");
}
