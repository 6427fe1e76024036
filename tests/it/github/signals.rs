//! A run that is cancelled or killed at each step: the host is settled, or the post step settles it.

use std::time::Duration;

use crate::world::github::Trouble;
use crate::world::runner::{Ended, Go, Runner, Stage};

use super::scene::{FIRST, SECOND, SICK, Scene};

/// Disturbs a deploy when its log comes to a step.
fn disturbed(runner: &mut Runner, step: &str, go: Go) -> Ended {
    let group = format!("::group::{step}");
    runner.run_watched(Stage::Main, &mut |line| if line == group { go } else { Go::On })
}

/// The sick release is asked again and again: its checks last.
fn version_for(step: &str) -> &'static str {
    if step == "verify" { SICK } else { SECOND }
}

fn post(runner: &mut Runner) -> Ended {
    let ended = runner.run(Stage::Post);
    assert_eq!(ended.code, Some(0), "{}", ended.console.text());
    assert!(!ended.summary.contains("is live"), "{}", ended.summary);
    ended
}

#[test]
#[ignore = "world: github"]
fn a_run_cancelled_at_any_step_settles_its_host_in_time() {
    let scene = Scene::new();
    scene.deployed(FIRST);
    for step in ["inspect", "recover", "stage", "begin", "arm", "activate", "verify", "confirm", "prune"] {
        let mut runner = scene.step("deploy", version_for(step));
        let ended = disturbed(&mut runner, step, Go::Cancel);
        let text = ended.console.text();
        let settled = ended.settled_in.unwrap_or_else(|| panic!("{step} was never reached:\n{text}"));
        assert!(settled <= Duration::from_secs(7), "{step}: {settled:?}\n{text}");
        assert_eq!(ended.problems, Vec::<String>::new(), "{step}");
        post(&mut runner);
        let (live, closed) = scene.settled();
        assert!(closed, "{step}: a change is open\n{text}");
        match ended.code {
            Some(130) => {
                assert_eq!(ended.outputs["outcome"], "cancelled", "{step}");
                assert!(ended.summary.starts_with("🚫 **The deploy of "), "{step}: {}", ended.summary);
                assert_eq!(live.as_deref(), Some(FIRST), "{step}: {text}");
            }
            // The rename of the confirmation came first: then it is live, and the run says so.
            Some(0) if matches!(step, "confirm" | "prune") => assert_eq!(live.as_deref(), Some(SECOND), "{text}"),
            // Handed over in time: the post step has settled it, one way or the other.
            Some(6) => assert_eq!(ended.outputs["outcome"], "unknown", "{step}"),
            other => panic!("{step} ended with {other:?}:\n{text}"),
        }
        if live.as_deref() == Some(SECOND) {
            assert!(scene.step("rollback", "").run(Stage::Main).success(), "{step}");
        }
        assert_eq!(scene.serves(), FIRST, "{step}");
    }
    // Cancelled releases are free to be tried again.
    scene.deployed(SECOND);
}

#[test]
#[ignore = "world: github"]
fn a_run_that_waits_for_github_ends_at_once_and_has_touched_nothing() {
    let scene = Scene::new();
    // Longer than the runner waits for a cancelled step.
    scene.github.trouble("/tarball", 1, Trouble::RateLimit(60));
    let mut runner = scene.step("deploy", FIRST);
    let github = &scene.github;
    let asked = || github.seen().iter().any(|seen| seen.asked.path.contains("/tarball"));
    let ended = runner.run_watched(Stage::Main, &mut |_| if asked() { Go::Cancel } else { Go::On });
    assert_eq!(ended.code, Some(130), "{}", ended.console.text());
    assert_eq!(ended.outputs["outcome"], "cancelled");
    assert_eq!(scene.settled(), (None, true));
    post(&mut runner);
}

#[test]
#[ignore = "world: github"]
fn after_a_killed_run_its_post_step_settles_the_host() {
    let scene = Scene::new();
    scene.deployed(FIRST);
    for (step, keeps_state) in [("stage", true), ("activate", true), ("activate", false), ("verify", false)] {
        let mut runner = scene.step("deploy", version_for(step));
        runner.keeps_state = keeps_state;
        let ended = disturbed(&mut runner, step, Go::Kill);
        assert_eq!(ended.signal, Some(9), "{step}: {}", ended.console.text());
        let ended = post(&mut runner);
        assert_eq!(scene.settled(), (Some(FIRST.to_owned()), true), "{step}: {}", ended.console.text());
        assert_eq!(scene.serves(), FIRST, "{step}");
    }

    // Another job's post step touches nobody else's change.
    let mut runner = scene.step("deploy", SICK);
    disturbed(&mut runner, "verify", Go::Kill);
    let mut other = scene.step("deploy", SICK);
    other.context.insert("GITHUB_JOB".to_owned(), "other".to_owned());
    post(&mut other);
    assert!(!scene.settled().1, "it is still open, and its watchdog is at it");
    post(&mut runner);
    assert_eq!(scene.settled(), (Some(FIRST.to_owned()), true));
}
