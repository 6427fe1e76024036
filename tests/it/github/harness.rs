//! The runner harness: it understands what GitHub's runner understands, and ends a step as that does.

use std::path::PathBuf;
use std::time::Duration;

use crate::world::command::say;
use crate::world::github::{GitHub, TOKEN};
use crate::world::runner::{Go, Program, Runner, Stage, pairs, variable};

/// A program that stands where the action will stand.
fn script(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.path().join("action");
    std::fs::write(&file, format!("#!/usr/bin/env bash\n{text}")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

fn ran(text: &str) -> crate::world::runner::Ended {
    let folder = tempfile::TempDir::new().unwrap();
    Runner::new(Program::File(script(&folder, text))).run(Stage::Main)
}

#[test]
fn commands_are_found_where_the_runner_finds_them() {
    let ended = ran(r"
printf '  ::warning title=a%%2Cb,file=x.yml,line=3::one%%0Atwo\n'
printf 'progress 10%%%%\r::error::after a lone return\n'
printf 'web-1 | foo ##[error]anywhere\n'
printf '::unknown::x\n::error no end\n'
printf '::stop-commands::a-long-token\n::error::stopped\nx ##[error]stopped\n::a-long-token::\n::notice::on again\n'
");
    assert_eq!(ended.console.annotated("error"), ["after a lone return", "anywhere"], "{:?}", ended.console);
    assert_eq!(ended.console.annotated("warning"), ["one\ntwo"]);
    let warning = ended.console.annotations.iter().find(|found| found.name == "warning").unwrap();
    assert_eq!((warning.properties["title"].as_str(), warning.properties["line"].as_str()), ("a,b", "3"));
    assert_eq!(ended.console.annotated("notice"), ["on again"]);
    assert!(ended.console.text().contains("::unknown::x\n::error no end"));
    assert!(!ended.console.text().contains("a-long-token::"), "the token is masked");
    assert!(ended.success());
    // By itself: nobody orders two streams.
    let ended = ran("echo '::error::on the other stream' >&2");
    assert_eq!(ended.console.annotated("error"), ["on the other stream"]);
}

#[test]
fn masks_hide_what_they_name_and_annotations_have_an_end() {
    let ended = ran(&format!(
        "
echo '::add-mask::line one%0Aline two'
echo 'a line one b line two c'
echo 'token {TOKEN}'
for i in $(seq 12); do echo \"::error::number $i\"; done
"
    ));
    assert!(ended.console.masks("line two"));
    assert!(ended.console.text().starts_with("a *** b *** c\ntoken ***\n"), "{}", ended.console.text());
    assert_eq!(ended.console.annotated("error").len(), 10);
    assert_eq!(ended.console.commands.iter().filter(|command| command.name == "error").count(), 12);
}

#[test]
fn files_are_read_by_the_runners_rules() {
    let read = pairs("a=1=2\n\nb<<END\none\n\ntwo\nEND\nc<<X\nX\nd=<<e\n").unwrap();
    let expected = [("a", "1=2"), ("b", "one\n\ntwo"), ("c", ""), ("d", "<<e")];
    assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    for wrong in ["no value\n", "b<<END\nnever\n", "=x\n", "<<END\nEND\n", "b<<\n\n"] {
        assert!(pairs(wrong).is_err(), "{wrong:?}");
    }
    let ended = ran("echo 'stray text' >>\"$GITHUB_OUTPUT\"");
    assert_eq!((ended.code, ended.success()), (Some(0), false), "a malformed file fails the step");
}

#[test]
fn a_step_gets_inputs_and_context_and_its_post_stage_the_state() {
    assert_eq!(variable("health-url"), "INPUT_HEALTH-URL");
    let folder = tempfile::TempDir::new().unwrap();
    let github = GitHub::start();
    let mut runner = Runner::new(Program::File(script(
        &folder,
        r#"
if [ -n "${STATE_phase-}" ]; then echo "post after $STATE_phase"; exit; fi
printenv 'INPUT_HEALTH-URL' GITHUB_REF_NAME GITHUB_EVENT_NAME
pwd
cat "$GITHUB_EVENT_PATH"; echo
echo "answer=42" >>"$GITHUB_OUTPUT"
echo "phase=main" >>"$GITHUB_STATE"
echo "Summary" >>"$GITHUB_STEP_SUMMARY"
[ "$HOME" != /root ] && [ -z "${SECRET_OF_THE_MACHINE-}" ]
"#,
    )));
    runner.at(&github);
    runner.input("health-url", "http://localhost/health");
    runner.triggered("push", "refs/tags/v1.0.0", &"a".repeat(40));
    std::fs::write(runner.workspace().join("file"), "x").unwrap();
    let ended = runner.run(Stage::Main);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let log = ended.console.text();
    assert!(log.starts_with("http://localhost/health\nv1.0.0\npush\n"), "{log}");
    assert!(log.contains("\"full_name\":\"org/diary\""), "{log}");
    assert_eq!((ended.outputs["answer"].as_str(), ended.summary.as_str()), ("42", "Summary\n"));
    assert_eq!(ended.state["phase"], "main");
    assert_eq!(runner.run(Stage::Post).console.text(), "post after main");
    runner.keeps_state = false;
    assert!(runner.run(Stage::Post).console.text().starts_with("http://localhost/health"), "no state, as under act");
}

#[test]
fn a_cancelled_step_is_interrupted_and_a_killed_one_is_gone() {
    let on = |word: &'static str, go: Go| move |line: &str| if line == word { go } else { Go::On };
    let folder = tempfile::TempDir::new().unwrap();
    let clean = "trap 'echo undone; exit 130' INT\necho ready\nwhile :; do sleep 0.05; done";
    let mut runner = Runner::new(Program::File(script(&folder, clean)));
    let ended = runner.run_watched(Stage::Main, &mut on("ready", Go::Cancel));
    assert_eq!((ended.code, ended.console.text().as_str()), (Some(130), "ready\nundone"));
    assert!(ended.settled_in.is_some_and(|time| time < Duration::from_millis(7500)), "{ended:?}");
    let ended = runner.run_watched(Stage::Main, &mut on("ready", Go::Kill));
    assert_eq!((ended.code, ended.signal), (None, Some(9)), "{ended:?}");
}

#[test]
#[ignore = "world: github"]
fn a_step_that_ignores_its_end_is_killed_after_ten_seconds() {
    let folder = tempfile::TempDir::new().unwrap();
    let deaf = "trap 'echo int' INT; trap 'echo term' TERM\necho ready\nwhile :; do sleep 0.05; done";
    let mut runner = Runner::new(Program::File(script(&folder, deaf)));
    let ended = runner.run_watched(Stage::Main, &mut |line| if line == "ready" { Go::Cancel } else { Go::On });
    assert_eq!(ended.console.text(), "ready\nint\nterm");
    assert_eq!(ended.signal, Some(9));
    assert!(ended.settled_in.is_some_and(|time| time >= Duration::from_secs(10)), "{ended:?}");
}

#[test]
#[ignore = "world: github"]
fn in_a_container_paths_are_translated_and_nothing_is_left() {
    // Any program of the base image stands for the action: `env` as both stages' entrypoint.
    let mut runner = Runner::new(Program::Image("debian:bookworm-slim".to_owned()));
    runner.at(&GitHub::start());
    runner.input("path", &runner.workspace().join("a/b").display().to_string());
    runner.input("text", "two\nlines and 'quotes' $HOME");
    runner.stand_in = Some("/usr/bin/env".to_owned());
    let ended = runner.run(Stage::Main);
    let log = ended.console.text();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in [
        "INPUT_PATH=/github/workspace/a/b",
        "INPUT_TEXT=two\nlines and 'quotes' $HOME",
        "HOME=/github/home",
        "GITHUB_EVENT_PATH=/github/workflow/event.json",
        "RUNNER_TEMP=/github/runner_temp",
        "CI=true",
        "GITHUB_OUTPUT=/github/file_commands/set_output_0a1b",
    ] {
        assert!(log.contains(line), "{line} is missing in\n{log}");
    }
    assert!(!log.contains("SHELL="), "nothing of this machine goes along");
    drop(runner);
    let left = say("docker", &["ps", "-aq", "--filter", &format!("name=action-{}-", std::process::id())], b"");
    assert_eq!(left.out, "");
}

#[test]
#[ignore = "world: github"]
fn a_container_reaches_github_and_is_interrupted_as_a_step_is() {
    let mut runner = Runner::new(Program::Image("debian:bookworm-slim".to_owned()));
    let github = GitHub::start();
    runner.at(&github);
    let text = r#"#!/bin/bash
trap 'echo undone; exit 130' INT
address=${GITHUB_API_URL#http://}
exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
printf 'GET /repos/org/none HTTP/1.0\r\nUser-Agent: x\r\n\r\n' >&3
head -n 1 <&3
echo ready
while :; do sleep 0.05; done
"#;
    let file = runner.workspace().join("action");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    runner.stand_in = Some("/github/workspace/action".to_owned());
    let ended = runner.run_watched(Stage::Main, &mut |line| if line == "ready" { Go::Cancel } else { Go::On });
    assert_eq!(ended.console.text(), "HTTP/1.0 404 Not Found\nready\nundone");
    assert_eq!(ended.code, Some(130));
    assert!(ended.settled_in.is_some_and(|time| time < Duration::from_millis(7500)), "{ended:?}");
    assert_eq!(github.seen()[0].asked.path, "/repos/org/none");
}
