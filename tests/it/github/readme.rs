//! The README, followed to the letter: the quickstart on a bare Debian and an empty repository, and the workflow at its
//! top.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::act::Workflow;
use crate::world::action::published;
use crate::world::command::{await_some, say};
use crate::world::github::GitHub;
use crate::world::host::{App, Host, Options};
use crate::world::repository;
use crate::world::sample::Sample;

use super::laptop::Laptop;

/// The most that the way from nothing to two deploys and a rollback may take.
const MOST: usize = 15;

fn readme() -> String {
    std::fs::read_to_string(repository("README.md")).unwrap()
}

/// The first block of this language in a text.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no {language} in {text}"));
    rest.split_once("```\n").unwrap().0
}

/// The commands between the markers of this name: each below its number.
fn commands(text: &str, name: &str) -> Vec<(usize, String)> {
    let (_, rest) = text.split_once(&format!("<!-- quickstart:{name}:begin -->")).unwrap();
    let (part, _) = rest.split_once(&format!("<!-- quickstart:{name}:end -->")).unwrap();
    assert_eq!(part.matches("```").count(), 2, "one block in {name}");
    let mut all: Vec<(usize, String)> = Vec::new();
    for line in block(part, "sh").lines() {
        let number = line.strip_prefix("# ").and_then(|rest| rest.split(':').next()?.parse().ok());
        match (number, all.last_mut()) {
            (Some(number), _) => all.push((number, String::new())),
            (None, Some((_, command))) => command.extend([line, "\n"]),
            (None, None) => panic!("a command without a number: {line}"),
        }
    }
    all
}

/// On the host's console, and on one's own machine.
fn quickstart(text: &str) -> (Vec<(usize, String)>, Vec<(usize, String)>) {
    (commands(text, "host"), commands(text, "here"))
}

#[test]
fn its_workflow_and_its_quickstart_are_as_short_as_they_say() {
    let text = readme();
    let (_, section) = text.split_once("\n## The workflow\n").unwrap();
    let workflow = block(section, "yaml");
    assert!(workflow.lines().count() <= 20, "{workflow}");
    assert_eq!(serde_yaml::from_str::<Value>(workflow).unwrap()["permissions"], json!({}), "least permissions");

    let (host, here) = quickstart(&text);
    let numbers: Vec<usize> = host.iter().chain(&here).map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "each has its number, none is missing");
    assert!(numbers.len() <= MOST, "{numbers:?}");
    // What is in the chapter is in the markers: nothing that a person does there is left out by the test below.
    let (_, chapter) = text.split_once("\n## From an empty repository").unwrap();
    let chapter = chapter.split("\n## ").next().unwrap();
    assert_eq!(chapter.matches("```").count(), 4, "two blocks:\n{chapter}");
}

/// A Debian with sshd, and `admin`, who has a password and sudo.
fn bare() -> Host {
    let host = Host::start(&Options { apps: Vec::new(), ..Options::default() });
    host.exec("apt-get purge -y -q --auto-remove nginx-light git rsync python3 strace fish tcsh mksh zsh >/tmp/purge 2>&1 || { cat /tmp/purge; exit 1; }");
    host.exec("for gone in git rsync python3 nginx; do ! command -v $gone || exit 1; done");
    host.exec("userdel -r deploy 2>/dev/null; rm -f /etc/sudoers.d/deploy; ! id deploy 2>/dev/null");
    host.exec("useradd -m -s /bin/bash admin && echo admin:correct-horse | chpasswd && echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin && chmod 440 /etc/sudoers.d/admin");
    host
}

/// What the reader has to fill in: the address and the fingerprint. The rest is as it is written.
fn filled_in(text: &str, host: &Host) -> String {
    let text = text.replace("192.0.2.10", &host.address().to_string());
    let fingerprint = host.fingerprint();
    text.replace("SHA256:fingerprint-of-step-1", &fingerprint).replace("SHA256:…", &fingerprint)
}

/// What runs on the host answers.
fn serves(host: &Host) -> String {
    host.exec("curl -fsS --max-time 10 http://127.0.0.1:8000/")
}

#[test]
#[ignore = "world: github"]
fn its_quickstart_leads_to_two_deploys_and_a_rollback() {
    let (host, mut laptop) = (bare(), Laptop::new());
    let (on_host, here) = quickstart(&readme());
    let (mut served, mut runs, mut done) = (Vec::new(), Vec::new(), Vec::new());

    let mut fingerprint = String::new();
    for (number, command) in &on_host {
        // As after a login at the console.
        let said = say("docker", &["exec", host.name(), "runuser", "-l", "admin", "-c", command], b"");
        assert!(said.ok(), "{number}: {command}\n{}{}", said.out, said.err);
        if fingerprint.is_empty() {
            said.out.trim().clone_into(&mut fingerprint);
        }
        done.push(*number);
    }
    assert_eq!(fingerprint, host.fingerprint());
    laptop.knows(&fingerprint, "correct-horse");
    for (number, command) in &here {
        let command = filled_in(command, &host);
        let said = laptop.run(&command);
        assert!(said.ok(), "{number}: {command}\n{}{}", said.out, said.err);
        for run in laptop.runs() {
            assert!(run.ended.ok(), "{number}: {command}\n{}{}", run.ended.out, run.ended.err);
            runs.push((*number, run.workflow, run.of));
            served.push(serves(&host));
        }
        done.push(*number);
    }

    assert_eq!(done, (1..=done.len()).collect::<Vec<_>>(), "every command of the README was run, in its order");
    let shown: Vec<_> = runs.iter().map(|(_, file, of)| (file.as_str(), of.as_str())).collect();
    let deploy = "deploy-on-tag.yml";
    assert_eq!(
        shown,
        [(deploy, "refs/tags/v1.0.0"), (deploy, "refs/tags/v1.1.0"), ("rollback.yml", "refs/heads/main")],
        "{runs:?}"
    );
    assert_eq!(runs.last().unwrap().0, done.len(), "the last command is the rollback");
    assert_eq!(served, ["Hello 1", "Hello 2", "Hello 1"], "what visitors got after each run");

    // What the host itself recorded.
    let read = |path: &str| host.read_file(&format!("/srv/hello/{path}")).unwrap();
    assert_eq!((read("current_version").trim(), read("previous_version").trim()), ("v1.0.0", "v1.1.0"));
    let log = read("deploy.log");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    for (line, words) in lines.iter().zip([["deploy", "v1.0.0"], ["deploy", "v1.1.0"], ["rollback", "v1.0.0"]]) {
        assert!(words.iter().all(|word| line.contains(word)), "{words:?}: {line}");
    }
    assert_eq!(host.exec("readlink -f /srv/hello/current"), "/srv/hello/releases/v1.0.0");
    assert_eq!(host.exec("systemctl is-active hello"), "active");
    assert_eq!(host.exec("stat -c %U /srv/hello/.rollback-deploy"), "admin");
    // The key is in both environments, and the host has it once.
    let keys = ["production", "production-rollback"].map(|name| laptop.secrets(name).unwrap());
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[0].keys().collect::<Vec<_>>(), ["DEPLOY_KEY"]);
    assert_eq!(host.exec("grep -c rollback-deploy /home/admin/.ssh/authorized_keys"), "1");
    // What ran is started again after a restart of the host.
    host.reboot();
    await_some("Hello 1 again", Duration::from_secs(30), || {
        let said = host.try_exec("curl -fsS --max-time 5 http://127.0.0.1:8000/");
        said.ok().then(|| assert_eq!(said.out.trim(), "Hello 1"))
    });
}

#[test]
#[ignore = "world: github"]
fn its_workflow_deploys_without_a_deploy_file() {
    let (sample, github) = (Sample::new(), GitHub::start());
    let app = App { unit: "diary", port: 8000, ..App::default() };
    let host = Host::start(&Options { apps: vec![app.clone()], ..Options::default() });
    let text = readme();
    let workflow = filled_in(block(text.split_once("\n## The workflow\n").unwrap().1, "yaml"), &host);
    let file = ".github/workflows/deploy.yml";
    std::fs::create_dir_all(sample.folder().join(".github/workflows")).unwrap();
    std::fs::write(sample.folder().join(file), workflow).unwrap();
    sample.git(&["remote", "add", "origin", "https://github.com/org/diary.git"]);
    github.serve("org/diary", sample.folder());
    let action = published();
    for tag in ["v1.0.0", "v1.1.0"] {
        let ended = Workflow {
            repository: sample.folder(),
            file,
            event: "push",
            payload: json!({
                "ref": format!("refs/tags/{tag}"), "after": sample.commit(tag), "deleted": false,
                "repository": {"full_name": "org/diary", "private": true, "default_branch": "main"},
            }),
            action: ("org/rollback-deploy@v1", action.path()),
            secrets: BTreeMap::from([("DEPLOY_KEY", std::fs::read_to_string(host.key()).unwrap())]),
            vars: BTreeMap::new(),
        }
        .run(&github);
        assert!(ended.ok(), "{}{}", ended.out, ended.err);
        assert_eq!(host.app_version(&app).as_deref(), Some(tag));
        assert!(ended.out.contains("::set-output:: outcome=done"), "{}", ended.out);
    }
    assert_eq!(host.read_file("/srv/diary/previous_version").as_deref(), Some("v1.0.0\n"));
}
