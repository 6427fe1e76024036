use std::cell::Cell;

use super::super::clock::{millis_since, monotonic};
use super::*;

fn said(spec: &Spec<'_>) -> (Ended, Vec<String>) {
    let mut lines = Vec::new();
    let ended = run(spec, &mut |line| lines.push(line.to_owned()), &|| false).unwrap();
    (ended, lines)
}

fn alive(pid: &str) -> bool {
    // A zombie has no command line any more.
    std::fs::read(format!("/proc/{}/cmdline", pid.trim())).is_ok_and(|line| !line.is_empty())
}

#[test]
fn lines_of_both_streams_code_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let spec = Spec::script("pwd; echo err >&2; printf half; cat; exit 3").in_folder(&path);
    let (ended, lines) = said(&spec);
    assert_eq!(lines, [path.to_str().unwrap(), "err", "half"]);
    assert_eq!((ended.code, ended.ok()), (Some(3), false));
    assert_eq!(ended.tail.expose(), lines.join("\n"));
}

#[test]
fn the_environment_is_ours() {
    let (_, lines) = said(&Spec::program(["/usr/bin/env"]).with("GIVEN", "a b"));
    let mut names: Vec<_> = lines.iter().filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["GIVEN", "HOME", "LC_ALL", "PATH"]);
    assert!(lines.contains(&"GIVEN=a b".to_owned()));
}

#[test]
fn input_is_given_and_no_descriptor_is_inherited() {
    let lock = tempfile::Builder::new().prefix("a-lock-of-ours").tempfile().unwrap();
    let mut spec = Spec::script("cat; ls -l /proc/self/fd | grep -c a-lock-of-ours");
    spec.input = Some(b"hello\n");
    assert_eq!(said(&spec).1, ["hello", "0"]);
    drop(lock);
}

#[test]
fn what_is_left_behind_is_neither_waited_for_nor_ended() {
    let spec = Spec::script("sleep 300 & echo $!").within(Seconds(60));
    let start = monotonic();
    let (ended, lines) = said(&spec);
    assert!(ended.ok(), "{ended:?}");
    assert!(millis_since(start) < 30_000, "it waited for the end of output");
    assert!(alive(&lines[0]));
    let pid = Pid::from_raw(lines[0].trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn what_outlives_its_starter_can_print_on() {
    // With a closed pipe the second echo would end the loop by SIGPIPE.
    let folder = tempfile::tempdir().unwrap();
    let script = "(while [ ! -e go ]; do sleep 0.05; done; echo more; echo more; echo fine > done) & echo started";
    let (ended, lines) = said(&Spec::script(script).in_folder(folder.path()).outlived());
    assert!(ended.ok());
    assert_eq!(lines, ["started"]);
    File::create(folder.path().join("go")).unwrap();
    let limit = Deadline::after(Seconds(20));
    while !folder.path().join("done").exists() {
        assert!(!limit.passed(), "it was ended by its own output");
        std::thread::sleep(TICK);
    }
}

#[test]
fn at_the_limit_the_whole_group_ends() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > child; while :; do sleep 1; done' & wait; sleep 300";
    let (ended, _) = said(&Spec::script(script).in_folder(folder.path()).within(Seconds(1)));
    assert!(ended.timed_out && !ended.ok());
    assert_eq!(ended.signal, Some(9));
    let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
    let limit = Deadline::after(Seconds(10));
    while alive(&child) {
        assert!(!limit.passed(), "the child lives on");
        std::thread::sleep(TICK);
    }
}

#[test]
fn a_cancel_ends_it_and_one_that_may_only_be_asked_is_asked() {
    let asked = Cell::new(false);
    let spec = Spec::script("trap 'echo bye; exit 7' TERM; echo on; while :; do sleep 0.05; done").only_asked();
    let mut lines = Vec::new();
    let mut hear = |line: &str| {
        asked.set(true);
        lines.push(line.to_owned());
    };
    let ended = run(&spec, &mut hear, &|| asked.get()).unwrap();
    assert!(ended.cancelled);
    assert_eq!(ended.code, Some(7));
    assert_eq!(lines, ["on", "bye"]);
}

#[test]
fn endless_output_is_bounded() {
    let (ended, _) = said(&Spec::script("yes").within(Seconds(1)));
    assert!(ended.timed_out);
    assert!(ended.tail.expose().len() <= Foreign::LONGEST);
    assert!(ended.whole.len() <= WHOLE_BYTES);
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    assert!(take(&Spec::program(["/no/such/program"])).is_err());
}

#[test]
fn streams_taken_apart() {
    let (ended, lines) = said(&Spec::script("echo a warning >&2; echo '{}'").apart());
    assert_eq!(lines, ["{}"]);
    assert_eq!((ended.whole.as_slice(), ended.tail.expose()), (&b"{}\n"[..], "a warning"));
}
