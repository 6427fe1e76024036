//! A deploy, a bad release, a rollback, by the runner's exact contract: log, summary, outputs and artifact by content.

use crate::world::github::{Artifact, Trouble};
use crate::world::runner::{Ended, Stage};

use super::scene::{FIRST, SECOND, SICK, Scene, unpacked};

fn output<'a>(ended: &'a Ended, name: &str) -> &'a str {
    ended.outputs.get(name).map_or("(missing)", String::as_str)
}

fn outputs(ended: &Ended) -> [&str; 5] {
    ["outcome", "exit-code", "version", "previous-version", "rollback-target"].map(|name| output(ended, name))
}

/// A snapshot without what differs from run to run.
fn shown(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    for (pattern, stands_for) in [
        (r"\b[0-9]+(\.[0-9])? (s|ms)\b", "[time]"),
        (r"\b[0-9]{14}-[0-9a-f]{12}\b", "[txn]"),
        (r"\b[0-9a-f]{64}\b", "[sha256]"),
        (r"\b[0-9a-f]{40}\b", "[commit]"),
        (r"commit [0-9a-f]{7}\b", "commit [short]"),
        (r"2000-01-01T[0-9:.]+", "[moment]"),
        (r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.+Z-]+", "[at]"),
        (r"172\.[0-9]+\.[0-9]+\.[0-9]+", "[address]"),
        (r"#deploy\.[0-9a-f]{12}", "#deploy.[word]"),
        (r"[0-9.]+ (KiB|MiB|GiB|B)\b", "[amount]"),
        (r"\b(pid|PID|process) [0-9]+", "process [n]"),
        (r"artifacts/[0-9]+", "artifacts/[id]"),
        (r"\([0-9]+ tries\)", "([n] tries)"),
        (r"[0-9]+ tries&#41;", "[n] tries&#41;"),
        (r"\([0-9a-f]{12}\)", "([commit])"),
    ] {
        settings.add_filter(pattern, stands_for);
    }
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn backup_of<'a>(artifacts: &'a [Artifact], version: &str) -> &'a Artifact {
    let name = format!("deployment-backup-production-{version}-web-1-7-1");
    artifacts.iter().find(|artifact| artifact.name == name).unwrap_or_else(|| {
        panic!("no {name} among {:?}", artifacts.iter().map(|artifact| &artifact.name).collect::<Vec<_>>())
    })
}

#[test]
#[ignore = "world: github"]
fn a_deploy_a_bad_release_and_a_rollback_are_told_by_content() {
    let scene = Scene::new();

    // The first deploy, by a pushed tag, which also sets the host up.
    let mut runner = scene.runner(super::scene::program());
    runner.triggered("push", &format!("refs/tags/{FIRST}"), &scene.sample.commit(FIRST));
    let first = runner.run(Stage::Main);
    assert!(first.success(), "{}\n{:?}", first.console.text(), first.problems);
    assert_eq!(outputs(&first), ["done", "0", FIRST, "", ""], "{}", first.summary);
    assert!(
        first.summary.starts_with(&format!("✅ **{FIRST} of diary is live in production, confirmed.**")),
        "{}",
        first.summary
    );
    assert_eq!(scene.serves(), FIRST);
    assert_eq!(scene.host.get(&scene.app, "/greeting").1, super::scene::CANARY, "the app has its environment");
    scene.assert_no_secret_left(&first);
    assert_eq!(runner.run(Stage::Post).console.text(), "The step ended by itself: nothing is left to do.");

    // The same again restarts nothing.
    let process = scene.host.get(&scene.app, "/pid").1;
    let again = scene.step("deploy", FIRST).run(Stage::Main);
    assert_eq!(outputs(&again), ["already-live", "0", FIRST, FIRST, ""], "{}", again.console.text());
    assert_eq!(scene.host.get(&scene.app, "/pid").1, process);

    // What a deploy would do, from the real state.
    let plan = scene.step("plan", SECOND).run(Stage::Main);
    assert!(plan.success(), "{}", plan.console.text());
    shown("plan_log", &plan.console.text());
    assert_eq!(scene.serves(), FIRST);

    // A release that is not well goes back by itself.
    let sick = scene.step("deploy", SICK).run(Stage::Main);
    assert_eq!(sick.code, Some(4), "{}", sick.console.text());
    assert_eq!(outputs(&sick)[..4], ["failed", "4", SICK, FIRST], "{}", sick.summary);
    assert!(output(&sick, "recovered-seconds").parse::<u64>().is_ok(), "{:?}", sick.outputs);
    assert!(
        sick.summary.starts_with(&format!(
            "❌ **The deploy of {SICK} of diary to production failed; {FIRST} runs and is healthy again"
        )),
        "{}",
        sick.summary
    );
    assert!(sick.summary.contains("the database schema is too old"), "what the check saw: {}", sick.summary);
    assert!(
        sick.console.annotated("error").iter().any(|text| text.contains("the database schema is too old")),
        "{:?}",
        sick.console.annotations
    );
    assert_eq!(scene.serves(), FIRST);
    scene.assert_no_secret_left(&sick);
    shown("failed_summary", &sick.summary);
    shown("failed_log", &sick.console.text());

    // The next good one: the way back is what ran before, with its command.
    let second = scene.deployed(SECOND);
    assert_eq!(outputs(&second), ["done", "0", SECOND, FIRST, FIRST]);
    assert!(
        second.summary.starts_with(&format!(
            "✅ **{SECOND} of diary is live in production, confirmed.** **Rollback target: {FIRST}.**"
        )),
        "{}",
        second.summary
    );
    assert!(second.summary.contains("gh workflow run rollback.yml --repo org/diary\n"), "{}", second.summary);
    shown("deploy_log", &second.console.text());
    shown("deploy_summary", &second.summary);
    scene.assert_no_secret_left(&second);

    // Back without a version.
    let back = scene.step("rollback", "").run(Stage::Main);
    assert!(back.success(), "{}", back.console.text());
    assert_eq!(outputs(&back)[..4], ["done", "0", FIRST, SECOND], "{}", back.summary);
    assert!(
        back.summary.starts_with(&format!("✅ **diary in production went back to {FIRST} in ")),
        "{}",
        back.summary
    );
    assert!(output(&back, "recovered-seconds").parse::<u64>().is_ok(), "{:?}", back.outputs);
    assert_eq!(scene.serves(), FIRST);
    shown("rollback_summary", &back.summary);
    scene.assert_no_secret_left(&back);

    // Questions have their answer in log and summary.
    for (action, words) in [
        ("status", FIRST),
        ("list", SECOND),
        ("history", SECOND),
        ("health", "1 of 1 check passed"),
        ("logs", "listens on"),
    ] {
        let ended = scene.step(action, "").run(Stage::Main);
        assert!(ended.success(), "{action}: {}", ended.console.text());
        assert!(ended.console.text().contains(words), "{action}: {}", ended.console.text());
        assert!(action == "logs" || ended.summary.contains(words), "{action}: {}", ended.summary);
        scene.assert_no_secret_left(&ended);
    }

    // The backups of what was confirmed, and of nothing else.
    let artifacts = scene.github.artifacts();
    assert_eq!(artifacts.len(), 2, "{:?}", artifacts.iter().map(|artifact| &artifact.name).collect::<Vec<_>>());
    let files = unpacked(backup_of(&artifacts, SECOND));
    let text = |path: &str| {
        let names = || files.iter().map(|(name, _)| name).collect::<Vec<_>>();
        &files.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("no {path} in {:?}", names())).1
    };
    assert!(text("release").ends_with("end=1\n") && text("release").contains(SECOND));
    assert!(text("manifest").contains("app.py"));
    assert!(text("systemd/etc/systemd/system/webapp.service").contains("WorkingDirectory="));
    assert!(files.iter().any(|(path, text)| path.starts_with("nginx/") && text.contains("proxy_pass")), "{files:?}");
    assert_eq!(text("previous-version"), &format!("{FIRST}\n"));
    assert!(files.iter().all(|(path, _)| !path.contains("shared") && !path.contains(".env")), "{files:?}");
    assert!(second.summary.contains(&format!("deployment-backup-production-{SECOND}-web-1-7-1")), "{}", second.summary);
    scene.github.assert_no_token_left_the_api();
}

#[test]
#[ignore = "world: github"]
fn a_backup_that_cannot_be_kept_is_a_warning() {
    let scene = Scene::new();

    let mut public = scene.step("deploy", FIRST);
    public.event["repository"]["private"] = false.into();
    let ended = public.run(Stage::Main);
    assert!(ended.success(), "{}", ended.console.text());
    let warned =
        |ended: &Ended, words: &str| ended.console.annotated("warning").iter().any(|text| text.contains(words));
    assert!(warned(&ended, "the repository is public"), "{:?}", ended.console.annotations);
    assert!(ended.summary.contains("the repository is public"), "{}", ended.summary);

    // Neither do the logs of its services leave a host for everybody.
    let mut public = scene.step("logs", "");
    public.event["repository"]["private"] = false.into();
    let ended = public.run(Stage::Main);
    assert_eq!(ended.code, Some(3), "{}", ended.console.text());
    assert!(!ended.console.text().contains("listens on"), "{}", ended.console.text());
    assert!(!ended.summary.contains("listens on"), "{}", ended.summary);

    let mut without = scene.step("deploy", SECOND);
    without.context.retain(|name, _| !name.starts_with("ACTIONS_"));
    let ended = without.run(Stage::Main);
    assert!(ended.success(), "{}", ended.console.text());
    assert!(warned(&ended, "artifacts are not available here"), "{:?}", ended.console.annotations);

    scene.github.trouble("ArtifactService", 50, Trouble::Forbidden);
    let ended = scene.step("deploy", FIRST).run(Stage::Main);
    assert!(ended.success(), "{}", ended.console.text());
    assert!(warned(&ended, "was not uploaded"), "{:?}", ended.console.annotations);
    assert_eq!(scene.github.artifacts().len(), 0);
    assert_eq!(scene.serves(), FIRST);
}
