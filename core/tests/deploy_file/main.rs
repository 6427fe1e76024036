//! The deploy file from outside: every sample through loading and schema, every mistake at once, generated pages.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests may")]

mod fuzz;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rollback_deploy_core::file::reference::reference_page;
use rollback_deploy_core::file::schema::schema_text;
use rollback_deploy_core::file::{Setup, SourceChoice, load};
use rollback_deploy_core::model::{
    Allow, Amount, CheckFrom, EnvironmentName, Failure, Place, Question, SchemaVerdict, Seconds, Service, SharedPath,
    WatchdogKind,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yml_files(folder: &str) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(repository().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "yml"))
        .map(|name| (name.clone(), read(&format!("{folder}/{name}"))))
        .collect();
    files.sort();
    files
}

/// As an editor reads it: numbers and booleans as YAML 1.2 has them.
fn as_json(text: &str) -> serde_json::Value {
    let options = serde_yaml::options! { strict_booleans: true };
    serde_yaml::from_str_with_options(text, options).unwrap()
}

fn show(failures: &[Failure]) -> String {
    let mut shown = String::new();
    for failure in failures {
        match &failure.place {
            Some(Place::File { path, at: Some((line, column)) }) => write!(shown, "{path}:{line}:{column}: ").unwrap(),
            Some(Place::File { path, at: None }) => write!(shown, "{path}: ").unwrap(),
            Some(Place::Input(name)) => write!(shown, "input {name}: ").unwrap(),
            other => panic!("a mistake without a place: {other:?}"),
        }
        writeln!(shown, "{}", failure.what).unwrap();
        for hint in &failure.hints {
            writeln!(shown, "    {hint}").unwrap();
        }
    }
    shown
}

fn mistakes(name: &str) -> String {
    let failures = load(&read(&format!("core/tests/deploy_file/invalid/{name}.yml")), "deploy.yml").unwrap_err();
    show(&failures)
}

#[test]
fn every_sample_loads_and_fits_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&schema_text()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let samples = yml_files("examples/deploy-files");
    assert!(samples.len() >= 3);
    for (name, text) in samples {
        let file = load(&text, &name).unwrap_or_else(|failures| panic!("{name}\n{}", show(&failures)));
        assert!(file.names().count() > 0, "{name}");
        let wrong: Vec<String> =
            validator.iter_errors(&as_json(&text)).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_invalid_sample_is_refused_by_loading() {
    for (name, text) in yml_files("core/tests/deploy_file/invalid") {
        assert!(load(&text, &name).is_err(), "{name}");
    }
}

#[test]
fn the_schema_refuses_what_it_can_see() {
    let schema: serde_json::Value = serde_json::from_str(&schema_text()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let in_environment =
        |settings: &str| format!("version: 1\napp: a\nenvironments: {{ p: {{ root: /a, {settings} }} }}\n");
    assert!(validator.is_valid(&as_json(&in_environment("keep: 3"))));
    for settings in [
        "kep: 3",
        "keep: many",
        "health: [htp]",
        "health: [http]",
        "window: soon",
        "services: [{ name: x }]",
        "services: [{ unit: x, start: y }]",
        "rollout: { canary: 1 }",
        "strategy: compose",
    ] {
        let text = in_environment(settings);
        assert!(!validator.is_valid(&as_json(&text)), "{settings}");
        assert!(load(&text, "x").is_err(), "{settings}");
    }
}

#[test]
fn generated_pages_are_fresh() {
    let advice = "regenerate: cargo run -p rollback-deploy-core --example reference";
    assert!(read("docs/reference/deploy-file.md") == reference_page(), "{advice}");
    assert!(read("docs/reference/deploy-file.schema.json") == schema_text(), "{advice}");
}

#[test]
fn the_page_names_the_real_defaults() {
    let page = reference_page();
    let file = load(&read("examples/deploy-files/minimal.yml"), "x").unwrap();
    let settings = file.environment(None).unwrap().settings;
    for (key, default) in [
        ("keep", settings.keep.to_string()),
        ("window", format!("{}s", settings.window.0)),
        ("hard-limit", format!("{}m", settings.hard_limit.0 / 60)),
        ("build-timeout", format!("{}m", settings.build_timeout.0 / 60)),
        ("activate-timeout", format!("{}s", settings.activate_timeout.0)),
    ] {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` "))).unwrap();
        assert!(row.contains(&format!("Default: `{default}`")), "{row}");
    }
}

#[test]
fn the_smallest_file_has_all_defaults() {
    let file = load(&read("examples/deploy-files/minimal.yml"), "x").unwrap();
    let environment = file.environment(None).unwrap();
    let settings = &environment.settings;
    assert_eq!(settings.link.as_str(), "/srv/diary/current");
    assert_eq!((settings.keep, settings.window, settings.hard_limit), (5, Seconds(120), Seconds(1800)));
    assert_eq!((settings.repository.as_ref(), settings.environment_file.as_ref()), (None, None));
    assert_eq!(environment.source, SourceChoice::Archive { exclude: vec![] });
    assert_eq!((environment.tag_prefix.as_str(), environment.wait, environment.hold), ("v", Seconds(0), None));
    assert_eq!((environment.watchdog, environment.setup), (None, Setup::Auto));
    assert_eq!(environment.hosts[0].address.to_string(), "deploy@192.0.2.10");
}

#[test]
fn the_diary_is_read() {
    let file = load(&read("examples/deploy-files/diary.yml"), "x").unwrap();
    let environment = file.environment(None).unwrap();
    let settings = &environment.settings;
    let labels: Vec<_> = environment.hosts.iter().map(|host| host.label.as_str()).collect();
    assert_eq!(labels, ["web-1", "web-2"]);
    assert_eq!(settings.environment_file.as_ref().unwrap().as_str(), ".env");
    assert_eq!(settings.migrate.as_ref().unwrap().verdict, SchemaVerdict::ExpandOnly);
    assert_eq!(settings.shared.len(), 3);
    assert!(matches!(&settings.shared[1], SharedPath::Folder { path, seed: false } if path.as_str() == "logs"));
    let words: Vec<_> = settings.checks.iter().map(|check| (check.question.word(), check.within.0)).collect();
    assert_eq!(words, [("http", 60), ("environment", 0), ("disk", 0), ("nginx", 0)]);
}

#[test]
fn everything_written_is_kept() {
    let file = load(&read("examples/deploy-files/full.yml"), "x").unwrap();
    let name = EnvironmentName::new("production").unwrap();
    let environment = file.environment(Some(&name)).unwrap();
    let settings = &environment.settings;
    assert_eq!(environment.hosts[1].address.to_string(), "deploy@[2001:db8::2]:2222");
    assert_eq!(environment.jump_host.as_ref().unwrap().to_string(), "jump@bastion.example.com:22");
    assert_eq!(environment.known_hosts.len(), 2);
    assert_eq!(settings.build[1], "if [ -f build.sh ]; then\n  sh build.sh\nfi\n");
    assert_eq!(settings.migrate.as_ref().unwrap().timeout, Seconds(5400));
    assert!(matches!(&settings.services[2], Service::Commands { name, .. } if name == "scheduler"));
    let outside: Vec<_> = environment.runner_checks.iter().map(|check| check.question.subject()).collect();
    assert_eq!(outside, ["web-1.example.com:443", "https://shop.example.com/health"]);
    assert!(settings.checks.iter().all(|check| check.from == CheckFrom::Host));
    let Question::Http(http) = &environment.runner_checks[1].question else { panic!() };
    assert_eq!(http.json["data.0.healthy"], "true");
    assert_eq!(http.json["version"], "{version}");
    assert_eq!((http.status, http.timeout), (200, Seconds(5)));
    let free = settings.checks.iter().filter_map(|check| match &check.question {
        Question::Disk { free, .. } | Question::Inodes { free, .. } | Question::Memory { free } => Some(*free),
        _ => None,
    });
    assert_eq!(free.collect::<Vec<_>>(), [Amount::Count(2 << 30), Amount::Count(100_000), Amount::Count(500_000_000)]);
    assert_eq!(environment.allow, [Allow::OneWay]);
    assert_eq!(
        environment.source,
        SourceChoice::Folder { path: "dist".into(), exclude: vec!["*.map".into(), "docs/**".into()] }
    );
    assert_eq!((environment.wait, environment.hold), (Seconds(300), Some(Seconds(7200))));
    assert_eq!((environment.watchdog, environment.setup), (Some(WatchdogKind::Systemd), Setup::Manual));
    let staging = file.environment(Some(&EnvironmentName::new("staging").unwrap())).unwrap();
    assert_eq!((staging.tag_prefix.as_str(), staging.hosts.len()), ("", 0));
}

#[test]
fn the_right_environment_is_asked_for() {
    let file = load(&read("examples/deploy-files/full.yml"), "x").unwrap();
    let wrong = EnvironmentName::new("prodution").unwrap();
    insta::assert_snapshot!(show(&file.environment(None).unwrap_err()), @r#"
    input environment: the deploy file has several environments: say which
        The deploy file has: production, staging.
    "#);
    insta::assert_snapshot!(show(&file.environment(Some(&wrong)).unwrap_err()), @r#"
    input environment: there is no environment `prodution`
        Did you mean `production`?
    "#);
    let far = EnvironmentName::new("qa").unwrap();
    insta::assert_snapshot!(show(&file.environment(Some(&far)).unwrap_err()), @r#"
    input environment: there is no environment `qa`
        The deploy file has: production, staging.
    "#);
}

#[test]
fn spelling_mistakes_are_told_all_at_once() {
    insta::assert_snapshot!(mistakes("spelling"), @r#"
    deploy.yml:2:1: `ap` is not a setting here
        Did you mean `app`?
    deploy.yml:4:1: `keep` belongs to an environment
        Move `keep` below the environment it is for: `environments: { production: { keep: … } }`.
    deploy.yml:7:5: `host` is not a setting here
        Did you mean `hosts`?
    deploy.yml:9:5: `Build_Timeout` is not a setting here
        Did you mean `build-timeout`?
    deploy.yml:10:5: `timeout` is not a setting here
        Did you mean `build-timeout`?
    deploy.yml:11:5: `zebra` is not a setting here
        Known here: hosts, jump-host, known-hosts, root, link, strategy, keep, shared, assets, build, build-timeout, migrate, services, health, environment-file, window, hard-limit, activate-timeout, allow, source, tag-prefix, wait, hold, watchdog, setup.
    deploy.yml:14:14: `how`: `restrat` is not known
        Did you mean `restart`?
    deploy.yml:16:9: `htpp` is not known
        Did you mean `http`?
    deploy.yml:17:43: `statuss` is not a setting here
        Did you mean `status`?
    deploy.yml:18:9: `health`: `ngnix` is not known
        Did you mean `nginx`?
    deploy.yml:19:17: `fre` is not a setting here
        Did you mean `free`?
    deploy.yml:20:15: `watchdog`: `sytemd` is not known
        Did you mean `systemd`?
    deploy.yml:21:12: `setup`: `automatic` is not known
        Known here: auto, manual.
    deploy.yml:22:13: `allow`: `unproved` is not known
        Did you mean `unproven`?
    deploy.yml:22:23: `allow`: `one_way` is not known
        Did you mean `one-way`?
    deploy.yml:23:13: `source`: `archve` is not known
        Did you mean `archive`?
    deploy.yml:26:15: `seed`: `always` is not known
        Known here: once.
    "#);
}

#[test]
fn wrong_values_are_told_all_at_once() {
    insta::assert_snapshot!(mistakes("values"), @r#"
    deploy.yml:1:10: `version`: this rollback-deploy reads version 1 of the format only
    deploy.yml:2:6: `app`: app "my app; rm -rf" is not valid: 1 to 128 of letters, digits and ._+-, starting with a letter or digit
    deploy.yml:6:7: host label "web 1" is not valid: 1 to 128 of letters, digits and ._+-, starting with a letter or digit
    deploy.yml:7:14: `web-2`: the port `99999` is not valid: a number from 1 to 65535
    deploy.yml:8:14: `web-3`: the host `-oProxyCommand=touch x` is not valid: a name such as web-1.example.com, or an address
    deploy.yml:9:43: `port`: wants a whole number up to 65535, not `70000`
    deploy.yml:10:19: `abc` is neither a line of known_hosts nor a SHA256 fingerprint: it is no line of known_hosts: host, type, key
        On the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; compare it on the console.
    deploy.yml:11:11: `root`: absolute path "var/www/diary.d" is not valid: it must start with /
    deploy.yml:12:11: `link`: absolute path "/var/../www" is not valid: it must not have empty parts, . or ..
    deploy.yml:13:11: `keep`: wants a whole number, not `five`
    deploy.yml:14:14: `shared`: relative path "../secrets" is not valid: it must not have empty parts, . or ..
    deploy.yml:15:13: `assets`: wants a list, not `static`
        One item in a line, each after `- `: `- static`.
    deploy.yml:16:12: `build`: commands in brackets are refused: every comma, also one inside a command, begins a new command
        Write each command in a line of its own, after `- `.
    deploy.yml:17:20: `build-timeout`: wants a time with its unit: 300s, 300m or 300h
    deploy.yml:18:29: `services`: unit "web;id" is not valid: letters, digits and :_.@+-, starting with a letter or digit
    deploy.yml:20:15: the URL must begin with http:// or https://
        For instance `http://127.0.0.1:8000/health`.
    deploy.yml:21:22: the URL has a user or a password in it
        For instance `http://127.0.0.1:8000/health`.
    deploy.yml:21:61: 99 is not an HTTP status
    deploy.yml:22:15: `port`: wants a whole number up to 65535, not `99999`
    deploy.yml:23:15: `port`: wants a whole number up to 65535, not `010`
    deploy.yml:24:15: `disk`: wants an amount with its unit, such as 10%, 500MB or 2GiB
    deploy.yml:25:23: `free`: wants a whole number from 1% to 99%
    deploy.yml:26:17: `memory`: wants an amount with its unit, such as 10%, 500MB or 2GiB
    deploy.yml:27:17: `inodes`: wants a part or a number, such as 10% or 100000
    deploy.yml:28:18: `process`: wants text, not a list
    deploy.yml:29:25: `run`: this text is empty
    deploy.yml:30:23: `environment`: environment variable "1ABC" is not valid: letters, digits and _, not starting with a digit
    deploy.yml:31:9: `health`: wants one of its words, not 2 together
        Each one is an item of its own: begin it with `- `, and indent its settings further.
    deploy.yml:33:25: the log file `../../etc/passwd` is not valid: it must not have empty parts, . or ..
        Write `logs/app.log` for a file of the release, or `/var/log/app.log`.
    deploy.yml:34:13: `window`: wants at least 10s
    deploy.yml:35:11: `wait`: wants a time such as 60s, 5m or 2h
    deploy.yml:36:17: a tag prefix must not end with a digit: it could not be told from the number
    deploy.yml:37:20: this is not a git URL or directory
        Give git its credentials by its own means, for instance a credential helper.
    deploy.yml:40:11: `keep` wants a number from 1 to 1000
        Without a kept release nothing can be taken back.
    deploy.yml:42:9: `build`: wants text, not a map
        A colon and a space make a map: put the whole text in quotes.
    deploy.yml:43:9: `build`: wants text, not a list
    deploy.yml:44:9: `build`: this text is empty
    deploy.yml:45:12: `hosts`: wants a map, not a list
        In each line a name, a colon and its value; hosts: `web-1: deploy@192.0.2.10`.
    deploy.yml:46:12: `allow`: wants a list, not `one-way`
        One item in a line, each after `- `: `- one-way`.
    deploy.yml:47:16: `jump-host`: the port `x` is not valid: a number from 1 to 65535
    deploy.yml:48:13: `health`: wants a list, not a map
        One item in a line, each after `- `.
    deploy.yml:49:5: `st rategy` is not a setting here
        Did you mean `strategy`?
    "#);
}

#[test]
fn contradictions_are_told_all_at_once() {
    insta::assert_snapshot!(mistakes("contradictions"), @r#"
    deploy.yml:7:14: `web-2` is the same machine as `web-1`
        List each machine once.
    deploy.yml:8:14: the user is given twice: in `address` and in `user`
    deploy.yml:10:11: `link` is the same as `root`: the link to the live release cannot be the folder of all releases
        Keep the link and move the root: `root: /var/www/diary.d`.
    deploy.yml:13:9: the shared paths `logs/app/` and `logs` are inside one another
        Share the outer one only.
    deploy.yml:15:9: `seed` is for folders, and `.env` is a file
        If it is a folder, write `.env/`.
    deploy.yml:17:14: `media/css` is an asset and overlaps the shared `media`
        What is shared is the same for all releases: list it once.
    deploy.yml:17:35: the assets `static/js` and `static` are inside one another
        List the outer one only.
    deploy.yml:18:23: the environment file `config/app.env` is not among the shared files
        Add it: `shared: [config/app.env]`.
    deploy.yml:21:9: the service `web.service` is listed twice
        List it once.
    deploy.yml:22:9: a service is a `unit` or commands of your own, and here is `unit` with `start`
    deploy.yml:23:9: a service with commands of your own needs `stop` and `status` too
        A unit: `- web`. Your own: `- { name: web, start: …, stop: …, status: … }`.
    deploy.yml:24:9: a service needs `unit`
        A unit: `- web`. Your own: `- { name: web, start: …, stop: …, status: … }`.
    deploy.yml:26:25: a port asked `from: runner` needs `address`
        Name the host's address: `address: web-1.example.com`.
    deploy.yml:27:9: `errors` reads one log: a `unit` or a `file`
        `- errors: { unit: web }` or `- errors: { file: logs/app.log }`; write two checks for both.
    deploy.yml:28:9: `errors` reads one log: a `unit` or a `file`
        `- errors: { unit: web }` or `- errors: { file: logs/app.log }`; write two checks for both.
    deploy.yml:29:41: `at-least: 0` is always true: at least 1
    deploy.yml:30:22: this check names nothing that must be there
    deploy.yml:32:17: `hard-limit` (5 min) is shorter than `window` (10 min)
        The window is renewed up to the hard limit: make the limit longer.
    deploy.yml:33:13: a release comes from one source, and here are several
        Keep one of `from`, `folder` and `git`.
    deploy.yml:36:14: this check has no file to read: there is no environment file
        Add `.env` to `shared`, or say which: `environment: { file: config/app.env, names: […] }`.
    "#);
}

#[test]
fn what_is_missing_is_told_all_at_once() {
    insta::assert_snapshot!(mistakes("missing"), @r#"
    deploy.yml:1:1: `app` is missing
    deploy.yml:1:1: `version` is missing
    deploy.yml:3:3: `root` is missing in `production`
    deploy.yml:4:14: `address` is missing in `web-1`
    deploy.yml:6:5: `run` is missing in `migrate`
    deploy.yml:6:5: `verdict` is missing in `migrate`
    deploy.yml:8:9: `url` is missing in `http`
    deploy.yml:9:9: `number` is missing in `port`
    deploy.yml:10:9: `run` is missing in `command`
    deploy.yml:13:9: a service needs `unit`
        A unit: `- web`. Your own: `- { name: web, start: …, stop: …, status: … }`.
    deploy.yml:14:3: `root` is missing in `staging`
    "#);
}

#[test]
fn what_is_not_built_is_named() {
    insta::assert_snapshot!(mistakes("later"), @r#"
    deploy.yml:3:1: `notify` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:7:15: `strategy: blue-green` is not built yet: leave it out
        Use `strategy: symlink`, or leave `strategy` out.
    deploy.yml:8:14: `migrate: django` is not built yet: leave it out
        Write the command: `migrate: { run: "…", verdict: expand-only }`.
    deploy.yml:9:5: `backup` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:10:5: `rollout` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:11:5: `watch` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:12:5: `hooks` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:13:5: `traffic` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:14:5: `language` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:15:5: `maintenance` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:17:9: `database` is not built yet: leave it out
        Use `command` or `http` instead.
    deploy.yml:18:43: `method` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:19:13: `allow: moved-tag` is not built yet: leave it out
        It belongs to a later version of rollback-deploy.
    deploy.yml:20:15: `source: image` is not built yet: leave it out
        Use the archive of the tag, `folder` or `git`.
    deploy.yml:23:17: `strategy: blue-green` is not built yet: leave it out
        Use `strategy: symlink`, or leave `strategy` out.
    deploy.yml:24:16: `migrate: alembic` is not built yet: leave it out
        Write the command: `migrate: { run: "…", verdict: expand-only }`.
    deploy.yml:26:5: `kubernetes` is not built yet: leave it out
        Environments are hosts for now; use the strategy symlink on them.
    deploy.yml:28:5: `swarm` is not built yet: leave it out
        Environments are hosts for now; use the strategy symlink on them.
    "#);
}

#[test]
fn what_is_not_yaml_is_told_with_its_place() {
    insta::assert_snapshot!(mistakes("not-yaml"), @r#"
    deploy.yml:7:18: this is not YAML
        Indent with spaces, never with tabs; keys of one map stand in the same column.
        Text with `: ` or ` #` inside, or starting with one of {}[]&*!|>%@` needs quotes.
    "#);
    insta::assert_snapshot!(mistakes("structure"), @r#"
    deploy.yml:7:5: `keep` is written twice; the first is on line 6
        Keep one of the two.
    deploy.yml:8:17: tags (`!name`) are not taken
        Take it out; quote text that begins with `!`.
    deploy.yml:9:12: references (`*name`) are not taken
        Write the value out where it is used; quote text that begins with `*`.
    deploy.yml:10:1: `app` is written twice; the first is on line 2
        Keep one of the two.
    "#);
    insta::assert_snapshot!(show(&load("", "deploy.yml").unwrap_err()), @r#"
    deploy.yml:1:1: `app` is missing
    deploy.yml:1:1: `environments` is missing
    deploy.yml:1:1: `version` is missing
    "#);
    insta::assert_snapshot!(show(&load("just text", "deploy.yml").unwrap_err()), @r#"
    deploy.yml:1:1: the file wants a map of settings, not `just text`
        Settings, each in a line of its own: version, app, environments.
    "#);
    insta::assert_snapshot!(show(&load("- a\n- b\n", "deploy.yml").unwrap_err()), @"deploy.yml:1:1: the file wants a map of settings, not a list");
}

#[test]
fn empty_equals_missing() {
    let minimal = read("examples/deploy-files/minimal.yml");
    let keys =
        "    link:\n    keep: ~\n    build: []\n    health:\n      -\n    shared: null\n    source: {}\n    hold: 0\n";
    assert_eq!(load(&format!("{minimal}{keys}"), "x").unwrap(), load(&minimal, "x").unwrap());
    let wrong = format!("{minimal}    zebra:\n");
    assert_eq!(load(&wrong, "x").unwrap_err().len(), 1);
}

#[test]
fn a_word_alone_chooses_and_keeps_its_defaults() {
    let checks = |health: &str| {
        let text = format!("{}    health: {health}\n", read("examples/deploy-files/minimal.yml"));
        load(&text, "x").unwrap().environment(None).unwrap().settings.checks
    };
    assert_eq!(checks("[disk, nginx]"), checks("[{ disk: }, nginx: {}]"));
    assert_eq!(checks("[disk]"), checks("[disk: 10%]"));
    assert_eq!(checks("[disk]"), checks("[disk: { free: 10%, within: 0 }]"));
}

#[test]
fn a_refused_root_is_one_mistake() {
    insta::assert_snapshot!(show(&load("!x { a: 1 }", "deploy.yml").unwrap_err()), @r#"
    deploy.yml:1:4: tags (`!name`) are not taken
        Take it out; quote text that begins with `!`.
    "#);
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_fine() {
    let text = read("examples/deploy-files/full.yml");
    let other = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(load(&other, "x").unwrap(), load(&text, "x").unwrap());
}

#[test]
fn no_more_than_a_hundred_mistakes_are_told() {
    let keys = (0..5000).fold(String::new(), |text, n| text + &format!("k{n}: 1\n"));
    let failures = load(&keys, "x").unwrap_err();
    assert_eq!(failures.len(), 101);
}
