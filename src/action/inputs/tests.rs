use secrecy::ExposeSecret as _;

use super::*;

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (variable(name), (*value).to_owned())).collect()
}

/// As the runner gives it: every input is there, empty when nothing is written.
fn with_empty(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = INPUTS.iter().map(|input| (variable(input.name), String::new())).collect();
    all.extend(env(pairs));
    all
}

#[test]
fn missing_and_empty_are_the_same() {
    for env in [env(&[]), with_empty(&[])] {
        let read = read(&env, "me".to_owned());
        assert_eq!((read.failures, read.warnings), (vec![], vec![]));
        let wish = read.wish.unwrap();
        assert_eq!((wish.verb, wish.version, wish.simple), (Verb::Deploy, None, SimpleInputs::default()));
        assert!(wish.key.is_none() && wish.token.is_none());
    }
}

#[test]
fn a_whole_form_is_read() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\r\nabc\r\n-----END OPENSSH PRIVATE KEY-----\n";
    let env = env(&[
        ("action", "rollback"),
        ("version", " v1.4.1 "),
        ("environment", "production"),
        ("config", "./ops/deploy.yml"),
        ("app", "diary"),
        ("hosts", "web-1=deploy@192.0.2.10\nweb-2=192.0.2.11:2222"),
        ("user", "deploy"),
        ("port", "2200"),
        ("key", key),
        ("known-hosts", "# two\nSHA256:abc\nweb-1,192.0.2.10 ssh-ed25519 AAAA\n"),
        ("jump-host", "jump@bastion.example.com"),
        ("root", "/var/www/diary.d"),
        ("services", "diary-gunicorn, diary-worker.service\ndiary.socket"),
        ("health-url", "http://127.0.0.1:8000/health"),
        ("source", "dist/"),
        ("allow", "drift,unproven"),
        ("wait", "5m"),
        ("with-env", "TRUE"),
    ]);
    let wish = read(&env, "me".to_owned()).wish.unwrap();
    assert_eq!(wish.verb, Verb::Rollback);
    assert_eq!(wish.version.as_deref(), Some("v1.4.1"));
    assert_eq!(wish.config.as_deref(), Some("ops/deploy.yml"));
    assert_eq!(wish.simple.hosts.len(), 2);
    assert_eq!(wish.simple.known_hosts, ["SHA256:abc", "web-1,192.0.2.10 ssh-ed25519 AAAA"]);
    assert_eq!(wish.simple.services.len(), 3);
    assert_eq!(wish.allow, [Allow::Drift, Allow::Unproven]);
    assert_eq!(wish.wait.map(|wait| wait.0), Some(300));
    assert!(wish.with_env);
    assert_eq!(wish.key.unwrap().expose_secret(), key, "raw, the last line break too");
}

#[test]
fn every_mistake_is_told_at_once_with_the_way_out() {
    let env = env(&[
        ("action", "rolback"),
        ("port", "70000"),
        ("hosts", "-x, web"),
        ("root", "relative"),
        ("services", "web;id good"),
        ("allow", "drfit, everything"),
        ("with-env", "yes"),
        ("health-url", "ftp://x"),
        ("config", "../x"),
        ("wait", "soon"),
        ("healthurl", "x"),
        ("args", "x"),
    ]);
    let read = read(&env, "me".to_owned());
    assert!(read.wish.is_none());
    let shown: Vec<String> = read
        .failures
        .iter()
        .map(|failure| format!("{:?} {} → {}", failure.place, failure.what, failure.hints.join(" ")))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(read.warnings, ["the input healthurl is not known and is not used: did you mean health-url?"]);
}

#[test]
fn secrets_never_show_in_a_wish() {
    let env = env(&[("key", "very-secret-key"), ("token", "very-secret-token")]);
    let shown = format!("{:?}", read(&env, "me".to_owned()).wish);
    assert!(!shown.contains("very-secret"), "{shown}");
    assert_eq!(secrets(&env).count(), 2);
}

#[test]
fn the_description_names_every_word() {
    let about = |name: &str| INPUTS.iter().find(|input| input.name == name).unwrap().about;
    let words =
        |text: &str| text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).map(str::to_owned).collect();
    let actions: Vec<String> = words(about("action"));
    assert!(verbs().iter().all(|verb| actions.contains(&verb.word().to_owned())));
    let overrides: Vec<String> = words(about("allow"));
    assert!(Allow::ALL.iter().all(|allow| overrides.contains(&allow.word().to_owned())));
}

#[test]
fn a_default_never_wins_over_the_deploy_file() {
    let defaults = INPUTS.iter().filter(|input| !input.default.is_empty()).map(|input| input.name);
    assert_eq!(defaults.collect::<Vec<_>>(), ["action", "with-env", "token"]);
}
