//! Which version a run means, which runs are refused, and a GitHub that is slow, limited, elsewhere or in pages.

use crate::world::github::Trouble;
use crate::world::runner::{Ended, Runner, Stage};

use super::scene::{FIRST, SECOND, Scene};

fn planned(mut runner: Runner) -> String {
    let ended = runner.run(Stage::Main);
    assert!(ended.success(), "{}", ended.console.text());
    ended.outputs["version"].clone()
}

fn refused(mut runner: Runner) -> Ended {
    let ended = runner.run(Stage::Main);
    assert_eq!(ended.code, Some(2), "{}", ended.console.text());
    assert_eq!(ended.outputs["outcome"], "input");
    ended
}

fn triggered(scene: &Scene, action: &str, event: &str, name: &str, commit: &str) -> Runner {
    let mut runner = scene.step(action, "");
    runner.triggered(event, name, commit);
    runner
}

#[test]
#[ignore = "world: github"]
fn a_version_is_resolved_as_written_or_by_the_run() {
    let scene = Scene::new();
    for (written, means) in [("latest", SECOND), ("1.3", FIRST), ("^1.3", SECOND), ("1.5.0", SECOND), ("v1", SECOND)] {
        assert_eq!(planned(scene.step("plan", written)), means, "{written}");
    }
    let (main, first) = (scene.sample.commit("main"), scene.sample.commit(FIRST));
    assert_eq!(planned(triggered(&scene, "plan", "push", &format!("refs/tags/{FIRST}"), &first)), FIRST);
    is_snapshot(&planned(triggered(&scene, "plan", "push", "refs/heads/main", &main)), "main");

    // An Enterprise server has its API below a path; tags come in pages; it stumbles and is busy.
    scene.github.pages_of(2);
    let seen = scene.github.seen().len();
    let mut runner = scene.step("plan", "latest");
    let api = runner.context["GITHUB_API_URL"].clone() + "/api/v3";
    runner.context.insert("GITHUB_API_URL".to_owned(), api);
    runner.context.insert("GITHUB_SERVER_URL".to_owned(), "https://ghe.example".to_owned());
    scene.github.trouble("matching-refs", 2, Trouble::Server(502));
    scene.github.trouble("/tarball", 1, Trouble::RateLimit(1));
    assert_eq!(planned(runner), SECOND);
    let seen = scene.github.seen().split_off(seen);
    let of_api: Vec<_> = seen.iter().filter(|seen| !seen.asked.path.contains("legacy.tar.gz")).collect();
    assert!(of_api.iter().all(|seen| seen.asked.path.starts_with("/api/v3/repos/org/diary/")), "{of_api:?}");
    let tags = of_api.iter().filter(|seen| seen.asked.path.contains("matching-refs"));
    assert!(tags.count() >= 2 + 4, "two stumbles, and several pages of two");
    scene.github.assert_no_token_left_the_api();
    assert_eq!(scene.settled(), (None, true), "a plan changes nothing");
}

/// `main-YYYYMMDD-HHMMSS`?
#[track_caller]
fn is_snapshot(name: &str, branch: &str) {
    let digits = name.strip_prefix(branch).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let shape = |(at, c): (usize, char)| if at == 8 { c == '-' } else { c.is_ascii_digit() };
    assert!(digits.len() == 15 && digits.chars().enumerate().all(shape), "{name:?} is no snapshot of {branch}");
}

#[test]
#[ignore = "world: github"]
fn a_pushed_branch_is_deployed_as_a_snapshot_and_rolled_back() {
    let scene = Scene::new();
    scene.deployed(FIRST);
    let commit = |says: &str| {
        scene.write("VERSION", &format!("{says}\n"));
        scene.sample.git(&["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-qam", says]);
        scene.sample.commit("HEAD")
    };
    let ended = triggered(&scene, "deploy", "push", "refs/heads/main", &commit("of main")).run(Stage::Main);
    assert!(ended.success(), "{}", ended.console.text());
    is_snapshot(&ended.outputs["version"], "main");
    assert_eq!(ended.outputs["rollback-target"], FIRST);
    assert_eq!(scene.serves(), "of main");
    // By its name, with a slash that no folder may have.
    scene.sample.git(&["checkout", "-q", "-b", "feature/login"]);
    commit("of a login");
    let ended = scene.step("deploy", "feature/login").run(Stage::Main);
    assert!(ended.success(), "{}", ended.console.text());
    is_snapshot(&ended.outputs["version"], "feature-login");
    assert_eq!(scene.serves(), "of a login");
    let ended = scene.step("rollback", "").run(Stage::Main);
    assert!(ended.success(), "{}", ended.console.text());
    is_snapshot(&ended.outputs["version"], "main");
    assert_eq!(scene.serves(), "of main");
}

#[test]
#[ignore = "world: github"]
fn what_names_no_release_is_explained_and_pull_requests_are_refused() {
    let scene = Scene::new();
    let (main, first) = (scene.sample.commit("main"), scene.sample.commit(FIRST));
    // Nothing named by hand: three tags, never `latest` by accident.
    let text = refused(scene.step("deploy", "")).console.text();
    assert!(text.contains("v1.5.0, v1.4.0, v1.3.0"), "{text}");
    let text = refused(scene.step("deploy", "v1.5.1")).console.text();
    assert!(text.contains("there is no tag of version v1.5.1") && text.contains("The nearest tags: v1.5.0"), "{text}");
    let text = refused(scene.step("deploy", "realease")).console.text();
    assert!(text.contains("there is no tag realease"), "{text}");
    // A moving tag is never a release.
    let text = refused(triggered(&scene, "deploy", "push", "refs/tags/v1", &first)).console.text();
    assert!(text.contains("v1"), "{text}");

    let before = scene.github.seen().len();
    for (event, name) in [
        ("pull_request", "refs/pull/3/merge"),
        ("pull_request_target", "refs/heads/main"),
        ("pull_request_review", "refs/pull/3/merge"),
        ("workflow_run", "refs/heads/main"),
    ] {
        for action in ["deploy", "rollback", "setup"] {
            let mut runner = triggered(&scene, action, event, name, &main);
            runner.input("version", FIRST);
            runner.event["workflow_run"] = serde_json::json!({"event": "pull_request"});
            let ended = refused(runner);
            assert!(ended.console.text().contains("does not deploy"), "{event}: {}", ended.console.text());
        }
    }
    assert_eq!(scene.github.seen().len(), before, "neither GitHub nor a host was asked");
    assert_eq!(scene.host.try_exec("ls -A /srv/diary").out.trim(), "shared", "nothing was changed on the host");
}
