//! A host whose output tries to be a workflow command.

use crate::world::runner::{Ended, Stage};

use super::scene::{FIRST, SECOND, Scene};

/// A build that says what no build should.
const BUILD: &str = r#"#!/bin/sh
printf '::set-output name=version::evil\n'
printf 'half a line ##[set-output name=outcome]evil\n'
printf 'progress 10%%\r::stop-commands::aaaaaaaaaaaaaaaa\r\n'
printf '##[error]forged\n::error::forged\n   ::warning title=x::forged\n'
printf '::add-mask::v1\n::add-path::/evil\n::save-state name=phase::ended\n' >&2
printf '::endgroup::\n::group::forged\n'
printf '\033[2J\033]0;title\007control \001\002 and \342\200\256 turned\n'
printf '\357\273\277::error::forged after a mark\n'
head -c 300000 /dev/zero | tr '\0' x
printf '\n'
i=0; while [ $i -lt 300 ]; do echo "::error::forged $i"; i=$((i+1)); done
"#;

/// A check that is well for the first release only, and says the same when it is not.
const CHECK: &str = r#"#!/bin/sh
[ "$(cat VERSION)" = v1.3.0 ] && exit 0
printf '::error::forged\r##[set-output name=version]evil\n::stop-commands::bbbbbbbbbbbbbbbb\n<img src=x onerror=y> [x](http://evil.example) @ada\n'
exit 1
"#;

/// Nothing that the host said was understood by the runner, and all of our own was.
fn nothing_forged(ended: &Ended) {
    for command in &ended.console.commands {
        let known = ["add-mask", "group", "endgroup", "error", "warning", "stop-commands"];
        let token = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(known.contains(&command.name.as_str()) || token(&command.name), "{command:?}");
        assert!(!command.data.starts_with("forged") && !command.data.contains("evil\n"), "{command:?}");
        assert!(command.name != "stop-commands" || token(&command.data), "{command:?}");
        assert!(command.name != "add-mask" || command.data.len() > 16, "{command:?}");
    }
    assert_eq!(ended.problems, Vec::<String>::new());
    let names = ended.outputs.keys().map(String::as_str).collect::<Vec<_>>();
    let ours = [
        "exit-code",
        "failed-requests",
        "incident",
        "outcome",
        "previous-version",
        "recovered-seconds",
        "rollback-target",
        "version",
    ];
    assert_eq!(names, ours);
    assert!(ended.outputs.values().all(|value| !value.contains("evil")), "{:?}", ended.outputs);
    let odd = |c: char| (c.is_control() && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c);
    // An annotation of ours may have several lines.
    let bad = ended
        .console
        .log
        .iter()
        .flat_map(|text| text.split('\n'))
        .find(|line| line.contains(odd) || line.chars().count() > 4200);
    assert_eq!(bad, None);
    assert!(ended.console.annotated("error").len() <= 10);
    assert!(ended.summary.len() < 200_000, "{}", ended.summary.len());
}

#[test]
#[ignore = "world: github"]
fn what_a_host_says_is_shown_and_never_obeyed() {
    let more = "      - command: { run: sh bin/check, within: 2s }\n    build:\n      - sh bin/hostile\n";
    let scene = Scene::with(more, &[("bin/hostile", BUILD), ("bin/check", CHECK)]);

    let good = scene.deployed(FIRST);
    nothing_forged(&good);
    assert_eq!((good.outputs["outcome"].as_str(), good.outputs["version"].as_str()), ("done", FIRST));
    assert!(good.console.text().contains("set-output name=version"), "what was said is shown: {}", good.console.text());
    assert!(good.console.text().contains("::error::forged 299"), "to its end");
    assert_eq!(good.console.annotated("error"), Vec::<&str>::new());
    assert_eq!(good.state["phase"], "ended");

    let bad = scene.step("deploy", SECOND).run(Stage::Main);
    assert_eq!(bad.code, Some(4), "{}", bad.console.text());
    nothing_forged(&bad);
    assert_eq!((bad.outputs["outcome"].as_str(), bad.outputs["version"].as_str()), ("failed", SECOND));
    assert!(!bad.summary.contains("<img") && !bad.summary.contains("](http://evil"), "{}", bad.summary);
    assert!(!bad.summary.contains("@ada"), "nobody is called: {}", bad.summary);
    assert_eq!(scene.serves(), FIRST);
}
