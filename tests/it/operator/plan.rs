//! `plan` says what `deploy` then does, and ends with the same exit code.

use std::process::Stdio;
use std::time::Duration;

use super::desk::{Desk, FINE};
use crate::world::command::{Said, await_some};

#[test]
fn what_failed_here_is_refused_by_both_until_it_is_lifted() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0"], &["command: \"grep -q v1.0.0 VERSION\""]);
    desk.ends(0, &["deploy", "v1.0.0"]);
    desk.ends(4, &["deploy", "v1.1.0"]);
    for verb in ["plan", "deploy"] {
        let said = desk.ends(3, &[verb, "v1.1.0"]);
        assert!(said.contains("v1.1.0 was deployed here before and failed"), "{verb}: {said}");
    }
    // Lifted, it gets a name of its own, which the plan says.
    let plan = desk.ends(0, &["plan", "v1.1.0", "--allow", "known-bad"]);
    assert!(plan.contains("stage v1.1.0 under") && plan.contains(", as v1.1.0_2"), "{plan}");
    desk.ends(4, &["deploy", "v1.1.0", "--allow", "known-bad"]);
    assert!(desk.state("v1.1.0_2").contains("state=bad"));
}

#[test]
fn what_is_open_is_refused_by_both_or_waited_for() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0", "v1.2.0"], &[FINE]);
    desk.ends(0, &["deploy", "v1.0.0"]);
    let go = desk.repository().join("go");
    desk.file(&[&format!("command: \"while [ ! -e {} ]; do sleep 0.1; done\"", go.display())], &[]);
    let mut open = desk.command(&desk.repository(), &["deploy", "v1.1.0"]);
    let open = open.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    await_some("v1.1.0 is switched", Duration::from_secs(20), || (desk.live()? == "v1.1.0").then_some(()));
    for verb in ["plan", "deploy"] {
        let said = desk.ends(3, &[verb, "v1.2.0"]);
        assert!(said.contains("a deploy of v1.1.0 is open, by ada@"), "{verb}: {said}");
    }
    let plan = desk.ends(0, &["plan", "v1.2.0", "--wait", "60"]);
    assert!(plan.contains("wait up to 60 s for the open deploy of v1.1.0"), "{plan}");
    std::fs::write(go, "").unwrap();
    let said: Said = open.wait_with_output().unwrap().into();
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

#[test]
fn what_is_staged_is_used_again_and_what_is_old_goes() {
    let desk = Desk::new(&["v1.0.0", "v1.1.0", "v1.2.0"], &[FINE]);
    desk.file(&[FINE], &["keep: 2"]);
    for version in ["v1.0.0", "v1.1.0"] {
        let plan = desk.ends(0, &["plan", version]);
        assert!(plan.contains("send at most 1 KiB in 1 entries") && !plan.contains("would go"), "{plan}");
        desk.ends(0, &["deploy", version]);
    }
    let plan = desk.ends(0, &["plan", "v1.2.0"]);
    assert!(plan.contains("prune to 2 proven releases: v1.0.0 would go"), "{plan}");
    desk.ends(0, &["deploy", "v1.2.0"]);
    assert_eq!(desk.releases(), ["v1.1.0", "v1.2.0"]);
    let plan = desk.ends(0, &["plan", "v1.1.0"]);
    assert!(plan.contains("use v1.1.0 again") && !plan.contains("would go"), "{plan}");
    desk.ends(0, &["deploy", "v1.1.0"]);
    assert_eq!(desk.releases(), ["v1.1.0", "v1.2.0"]);
}
