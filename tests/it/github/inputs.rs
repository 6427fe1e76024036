//! Inputs by the runner's rules: missing is empty, mistakes come all at once, names that mean nothing are named.

use crate::world::github::GitHub;
use crate::world::runner::{Runner, Stage};

use super::scene::program;

fn runner(inputs: &[(&str, &str)]) -> (GitHub, Runner) {
    let github = GitHub::start();
    let mut runner = Runner::new(program());
    runner.at(&github);
    for (name, value) in inputs {
        runner.input(name, value);
    }
    (github, runner)
}

#[test]
fn missing_and_empty_inputs_are_the_same() {
    let (_github, mut bare) = runner(&[]);
    let bare = bare.run(Stage::Main);
    let empty =
        ["version", "environment", "hosts", "key", "known-hosts", "root", "services", "health-url", "source", "allow"];
    let (_github, mut given) = runner(&empty.map(|name| (name, "")));
    let given = given.run(Stage::Main);
    assert_eq!(bare.code, Some(2), "{}", bare.console.text());
    assert_eq!(bare.console.text(), given.console.text());
    assert_eq!(bare.summary, given.summary);
    let errors = bare.console.annotated("error").join("\n");
    assert!(errors.contains("root is missing") && errors.contains("rollback-deploy.yml"), "{errors}");
    assert_eq!(bare.problems, Vec::<String>::new());
}

#[test]
fn all_mistakes_come_at_once_and_annotations_have_an_end() {
    let wrong = [
        ("action", "deplyo"),
        ("port", "70000"),
        ("hosts", "-oProxyCommand=x, web web, a:b:c, http://x, user name@host"),
        ("root", "relative"),
        ("services", "web;id"),
        ("health-url", "ftp://x"),
        ("config", "../x"),
        ("allow", "drfit everything"),
        ("wait", "soon"),
        ("with-env", "yes"),
        ("known-host", "x"),
    ];
    let (github, mut runner) = runner(&wrong);
    let ended = runner.run(Stage::Main);
    assert_eq!(ended.code, Some(2));
    let said = ended.console.commands.iter().filter(|command| command.name == "error").count();
    assert_eq!(said, 10, "the runner keeps ten: the rest are lines of the log\n{}", ended.console.text());
    for words in
        ["Did you mean deploy?", "70000", "relative", "web;id", "ftp://x", "../x", "Did you mean drift?", "soon", "yes"]
    {
        assert!(ended.console.text().contains(words), "{words} is not in\n{}", ended.console.text());
        assert!(ended.summary.contains(words) || words.contains([':', ';']), "{words} is not in\n{}", ended.summary);
    }
    let warnings = ended.console.annotated("warning").join("\n");
    assert!(warnings.contains("did you mean known-hosts?"), "{warnings}");
    assert_eq!(ended.outputs["exit-code"], "2");
    assert!(ended.summary.starts_with("⛔ **"), "{}", ended.summary);
    assert_eq!(github.seen().len(), 0, "nobody was asked");
}

#[test]
fn a_deploy_file_is_validated_from_the_workspace_or_through_the_api() {
    let wrong = "version: 1\napp: diary\nenvironments:\n  a: { root: relative }\n  b: { rot: /srv/b }\n";
    let (_github, mut here) = runner(&[("action", "validate")]);
    std::fs::create_dir_all(here.workspace().join(".github")).unwrap();
    std::fs::write(here.workspace().join(".github/rollback-deploy.yml"), wrong).unwrap();
    let ended = here.run(Stage::Main);
    assert_eq!(ended.code, Some(2), "{}", ended.console.text());
    let at: Vec<(&str, &str)> = ended
        .console
        .annotations
        .iter()
        .filter(|found| found.name == "error")
        .map(|found| (found.properties["file"].as_str(), found.properties["line"].as_str()))
        .collect();
    assert!(
        at.contains(&(".github/rollback-deploy.yml", "4")) && at.contains(&(".github/rollback-deploy.yml", "5")),
        "{at:?}"
    );

    let sample = crate::world::sample::Sample::new();
    let file = sample.folder().join(".github/rollback-deploy.yml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, "version: 1\napp: diary\nenvironments:\n  a:\n    root: /srv/a\n    services: [a]\n").unwrap();
    sample.tag("v2.0.0", crate::world::sample::Behaviour::Good);
    let (github, mut there) = runner(&[("action", "validate")]);
    github.serve("org/diary", sample.folder());
    there.triggered("pull_request", "refs/pull/3/merge", &sample.commit("main"));
    let ended = there.run(Stage::Main);
    assert!(ended.success(), "{}", ended.console.text());
    assert!(ended.summary.contains("a: right") && ended.summary.contains("through the API"), "{}", ended.summary);
}
