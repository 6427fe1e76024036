//! Each kind of repository: what is proposed, as snapshots; that the loader takes it; that nothing gets out of its line.

use crate::file::{PATH, load};
use crate::model::{Check, EnvironmentName, Question};

use super::*;

/// A repository on GitHub with these files; folders end with `/`.
fn folder(files: &[(&str, &str)]) -> Folder {
    let texts = files.iter().filter(|(path, _)| is_read(path));
    Folder {
        name: "work".to_owned(),
        paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        texts: texts.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(),
        remote: Some("git@github.com:acme/diary.git".to_owned()),
        head: Some("refs/remotes/origin/main\n".to_owned()),
        tags: Vec::new(),
    }
}

fn proposal(folder: &Folder) -> Proposal {
    let seen = Seen::of(folder).unwrap();
    let proposal = Proposal::of(&seen).unwrap();
    let (path, text) = &proposal.files[0];
    assert_eq!(path.as_str(), PATH);
    let file = load(text, PATH).unwrap_or_else(|failures| panic!("{failures:#?}\n{text}"));
    let environment = file.environment(Some(&EnvironmentName::new("production").unwrap())).unwrap();
    assert_eq!(environment.hosts[0].address.to_string(), "deploy@web-1.example.com");
    // Without service and check a first deploy would be refused.
    let settings = &environment.settings;
    assert!(!settings.services.is_empty() || !settings.checks.is_empty(), "{text}");
    // Checks take the place of "the services stay up": they must be stronger than that.
    let weak = |check: &Check| matches!(check.question, Question::Disk { .. } | Question::Environment { .. });
    assert!(settings.checks.is_empty() || !settings.checks.iter().all(weak), "{text}");
    assert!(environment.allow.is_empty(), "nothing is lifted by a draft");
    for (path, text) in &proposal.files {
        let value: serde_json::Value =
            serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
        if path.as_str() != PATH {
            workflow(&value);
        }
    }
    proposal
}

/// What every workflow promises.
fn workflow(value: &serde_json::Value) {
    let inputs = &value["on"]["workflow_dispatch"]["inputs"];
    let jobs: Vec<_> = value["jobs"].as_object().unwrap().values().collect();
    let [job] = jobs.as_slice() else { panic!("one job") };
    assert_eq!(value["permissions"], serde_json::json!({}));
    assert_eq!(job["permissions"], serde_json::json!({ "contents": "read" }));
    assert_eq!(value["concurrency"]["cancel-in-progress"], false);
    let step = job["steps"].as_array().unwrap().last().unwrap();
    let repository = env!("CARGO_PKG_REPOSITORY").strip_prefix("https://github.com/").unwrap();
    assert!(step["uses"].as_str().unwrap().starts_with(&format!("{repository}@")));
    assert_eq!(step["with"]["key"], "${{ secrets.DEPLOY_KEY }}");
    if step["with"]["action"] == "rollback" {
        assert_eq!(value["concurrency"]["group"], "rollback-production");
        assert!(inputs["version"].get("required").is_none() && value["on"].get("push").is_none());
    } else {
        assert_eq!(value["concurrency"]["group"], "deploy-production");
        assert!(value["on"]["push"]["tags"].is_array());
    }
}

const UNIT: &str = "[Service]\nUser=diary\nWorkingDirectory=/var/www/diary\n\
    ExecStart=/var/www/diary/.venv/bin/gunicorn --bind 127.0.0.1:8000 diary.wsgi\n";

/// Kinds of repositories, by the name of their snapshot.
fn kinds() -> Vec<(&'static str, Folder)> {
    let package = |scripts: &str, uses: &str| format!(r#"{{"scripts":{{{scripts}}},"dependencies":{{{uses}}}}}"#);
    let next = package(r#""build":"next build","start":"next start""#, r#""next":"15""#);
    let vite = package(r#""dev":"vite","build":"vite build""#, r#""vite":"7","react":"19""#);
    let express = package(r#""start":"node server.js""#, r#""express":"5""#);
    vec![
        (
            "django",
            folder(&[
                ("manage.py", ""),
                ("requirements.txt", "Django>=5\ngunicorn\n"),
                ("diary/", ""),
                ("diary/settings.py", "STATIC_ROOT = BASE_DIR / 'staticfiles'\n"),
                ("deploy/", ""),
                ("deploy/diary-gunicorn.service", UNIT),
                ("deploy/diary-gunicorn.socket", "[Socket]\nListenStream=/run/diary.sock\n"),
                (".env.example", "SECRET_KEY=\n# the database\nDATABASE_URL=postgres://\n"),
                ("media/", ""),
            ]),
        ),
        ("django-bare", folder(&[("manage.py", ""), ("uv.lock", ""), ("pyproject.toml", "")])),
        (
            "fastapi",
            folder(&[("requirements.txt", "fastapi\nuvicorn\n"), ("Dockerfile", "FROM python\nEXPOSE 8080\n")]),
        ),
        (
            "rails",
            folder(&[
                ("Gemfile", "gem \"rails\", \"~> 8.0\"\ngem \"propshaft\"\n"),
                ("config/credentials.yml.enc", ""),
                ("log/", ""),
                ("storage/", ""),
                ("package.json", "{}"),
            ]),
        ),
        (
            "rack",
            folder(&[
                ("Gemfile", "gem 'sinatra'\n"),
                ("config.ru", ""),
                (
                    "Procfile",
                    "web: bundle exec puma -p 9292\nworker: bundle exec rake work\nrelease: rake db:migrate # now\n",
                ),
            ]),
        ),
        (
            "laravel",
            folder(&[
                ("artisan", ""),
                ("composer.json", r#"{"require":{"php":"^8.3"}}"#),
                ("package.json", &vite),
                ("package-lock.json", ""),
                ("storage/", ""),
                (".env.example", "APP_KEY=\n"),
            ]),
        ),
        ("php", folder(&[("composer.json", "not json")])),
        ("node-next", folder(&[("package.json", &next), ("pnpm-lock.yaml", "")])),
        ("node-express", folder(&[("package.json", &express), (".env.example", "PORT=4000\nNO=1\n")])),
        (
            "pages-vite",
            folder(&[
                ("package.json", &vite),
                ("package-lock.json", ""),
                ("index.html", ""),
                (".env.example", "VITE_URL="),
            ]),
        ),
        ("go", folder(&[("go.mod", "module x\n"), ("cmd/", ""), ("cmd/server/", ""), ("storage/", "")])),
        ("rust", folder(&[("Cargo.toml", "[package]\nname = \"diary-server\"\n")])),
        ("site", folder(&[("index.html", "")])),
        ("site-dist", folder(&[("dist/", ""), ("dist/index.html", "")])),
        (
            "unknown",
            Folder { remote: None, tags: vec!["1.2.0".to_owned(), "1.3.0".to_owned()], ..folder(&[("README.md", "")]) },
        ),
    ]
}

#[test]
fn a_deploy_file_for_each_kind() {
    for (name, folder) in kinds() {
        let proposal = proposal(&folder);
        for (path, text) in &proposal.files {
            assert_eq!(text.lines().find(|line| line.chars().count() > 120), None, "{name}: {path}");
        }
        insta::assert_snapshot!(name, proposal.files[0].1);
    }
}

#[test]
fn workflows_and_next_steps() {
    let kinds = kinds();
    for wanted in ["django", "pages-vite", "rust", "unknown"] {
        let (_, folder) = kinds.iter().find(|(name, _)| *name == wanted).unwrap();
        let proposal = proposal(folder);
        insta::assert_snapshot!(format!("{wanted}-deploy-workflow"), proposal.files[1].1);
        insta::assert_snapshot!(format!("{wanted}-next-steps"), proposal.next.join("\n"));
    }
    insta::assert_snapshot!("rollback-workflow", proposal(&kinds[0].1).files[2].1);
}

#[test]
fn an_app_keeps_its_path_and_its_environment_stays_checked() {
    let (_, folder) = kinds().remove(0);
    let file = load(&proposal(&folder).files[0].1, PATH).unwrap();
    let settings = file.environment(None).unwrap().settings;
    assert_eq!((settings.root.as_str(), settings.link.as_str()), ("/var/www/diary.d", "/var/www/diary"));
    let services: Vec<_> = settings.services.iter().map(crate::model::Service::name).collect();
    assert_eq!(services, ["diary-gunicorn.socket", "diary-gunicorn"]);
    assert_eq!(settings.environment_file.unwrap().as_str(), ".env");
    assert!(settings.migrate.is_none(), "what a migration does to the old release is a person's word");
}

#[test]
fn workflows_of_others_keep_their_names_and_ours_are_found() {
    let theirs = "on:\n  push:\n    tags: ['*']\njobs: {}\n";
    let ours = "    - uses: org/rollback-deploy@v1\n      with:\n        action: deploy\n";
    let back = "    - uses: org/rollback-deploy@v1\n      with:\n        action: rollback\n";
    let names = |files: &[(&str, &str)]| {
        let proposal = proposal(&folder(files));
        let names: Vec<_> =
            proposal.files[1..].iter().map(|(path, _)| path.as_str().rsplit('/').next().unwrap().to_owned()).collect();
        (names.join(" "), proposal.next.join("\n"))
    };
    let (taken, next) = names(&[(".github/workflows/deploy.yml", theirs), (".github/workflows/rollback.yml", theirs)]);
    assert_eq!(taken, "rollback-deploy.yml rollback-release.yml");
    assert!(next.contains("# deploy.yml runs on tags as well"), "{next}");
    let (found, next) = names(&[(".github/workflows/ship.yaml", ours), (".github/workflows/undo.yml", back)]);
    assert_eq!(found, "ship.yaml undo.yml");
    assert!(next.contains("gh workflow run undo.yml"), "{next}");
}

#[test]
fn texts_of_a_repository_stay_in_their_line() {
    let evil = "x\" }\n  evil: true\n#\u{1b}[31m${{ secrets.X }}`id`$(id);'";
    let package = serde_json::json!({ "name": evil, "scripts": { "build": evil, "start": evil }, "dependencies": { evil: evil } });
    for other in [
        ("package.json", package.to_string()),
        ("Cargo.toml", format!("[package]\nname = \"{evil}\"\n")),
        ("Procfile", format!("web: {evil}\nrelease: {evil}\n{evil}: {evil}\n")),
        ("evil.service", format!("[Service]\nWorkingDirectory=/srv/{evil}\nExecStart={evil}\n")),
        (".env.example", format!("{evil}=1\nGOOD={evil}\n")),
        ("composer.json", serde_json::json!({ "require": { "php": evil } }).to_string()),
        ("go.mod", evil.to_owned()),
    ] {
        let mut folder = folder(&[(other.0, &other.1), ("cmd/$(id)/", ""), (".github/workflows/$(id).yml", "tags: x")]);
        folder.name = evil.to_owned();
        folder.remote = Some(format!("git@github.com:acme/{evil}"));
        folder.head = Some(format!("refs/remotes/origin/{evil}"));
        folder.tags = vec![format!("{evil}1.0.0"), evil.to_owned()];
        folder.paths.insert(format!("{evil}.service"));
        let proposal = proposal(&folder);
        let all: String = proposal
            .files
            .iter()
            .map(|(_, text)| text.as_str())
            .chain(proposal.next.iter().map(String::as_str))
            .collect();
        for bad in ["evil: true\n", "\u{1b}", "{ secrets.X", "`id`"] {
            assert!(!all.contains(bad) || (other.0 == "Procfile" && bad != "\u{1b}"), "{}: {bad}\n{all}", other.0);
        }
        assert!(proposal.next.iter().all(|line| !line.contains('\n') && !line.contains("$(id)")));
    }
}
