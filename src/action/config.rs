//! The deploy file of a run: from the workspace, else through the API at the run's commit; inputs say the simple case
//! without any file, and win over it.

use std::io::Read as _;

use rollback_deploy_core::file::{self, Environment, Simple, SourceChoice};
use rollback_deploy_core::model::{AbsPath, AppName, EnvironmentName, Failure, Outcome, Place, Question, RelPath};

use super::context::Context;
use crate::github::{Client, Repository, contents};
use crate::verb::{self, Ended, Wish};

/// The most that is read of a deploy file, in bytes.
const LARGEST: u64 = 256 * 1024;

/// A deploy file that was found.
struct Found {
    text: String,
    path: String,
    /// Where it came from, in words.
    from: String,
}

fn one(failure: Failure) -> Vec<Failure> {
    vec![failure]
}

/// The environment of a wish, and where it came from in words.
///
/// # Errors
/// Every mistake at once.
pub async fn environment(
    wish: &Wish,
    github: &Context,
    client: &Client,
    repository: Option<&Repository>,
) -> Result<(Environment, String), Vec<Failure>> {
    let path = path(wish)?;
    match find(github, client, repository, &path).await? {
        Some(found) => {
            let file = file::load(&found.text, &found.path)?;
            let environment = file.environment(wish.environment.as_ref())?;
            Ok((overlaid(environment, wish)?, found.from))
        }
        None if wish.config.is_some() => Err(vec![
            Failure::input("the deploy file is neither in the workspace nor in the run's commit")
                .at(Place::File { path: path.to_string(), at: None })
                .hint("Check the path in `config:`; it is relative to the repository."),
        ]),
        None => Ok((overlaid(simple(wish, github)?, wish)?, "the inputs alone".to_owned())),
    }
}

/// `validate` in a workflow: the file alone, no host is connected to.
///
/// # Errors
/// Every mistake at once.
pub async fn validate(
    wish: &Wish,
    github: &Context,
    client: &Client,
    repository: Option<&Repository>,
) -> Result<Ended, Vec<Failure>> {
    let path = path(wish)?;
    let Some(found) = find(github, client, repository, &path).await? else {
        return Err(vec![
            Failure::input("there is no deploy file, neither in the workspace nor in the run's commit")
                .at(Place::File { path: path.to_string(), at: None })
                .hint("`rollback-deploy init` writes a first one."),
        ]);
    };
    let summary = verb::validate::validate(&found.text, &found.path)?;
    let mut ended = Ended::new(Outcome::Done);
    ended.app = Some(summary.app);
    for row in summary.environments {
        ended.notes.push(format!("{}: right", row.name));
        ended.notes.extend(row.notes.into_iter().map(|note| format!("{}: {note}", row.name)));
    }
    ended.config = Some(found.from);
    Ok(ended)
}

async fn find(
    github: &Context,
    client: &Client,
    repository: Option<&Repository>,
    path: &RelPath,
) -> Result<Option<Found>, Vec<Failure>> {
    match in_workspace(github, path)? {
        Some(found) => Ok(Some(found)),
        None => through_api(github, client, repository, path).await.map_err(one),
    }
}

fn path(wish: &Wish) -> Result<RelPath, Vec<Failure>> {
    let text = wish.config.as_deref().unwrap_or(file::PATH);
    RelPath::new(text).map_err(|error| one(Failure::input(error.to_string()).at(Place::Input("config".into()))))
}

fn in_workspace(github: &Context, path: &RelPath) -> Result<Option<Found>, Vec<Failure>> {
    let Some(workspace) = &github.workspace else { return Ok(None) };
    let full = workspace.join(path.as_path());
    let open = match std::fs::File::open(&full) {
        Ok(open) => open,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(one(Failure::input("the deploy file cannot be read")
                .at(Place::File { path: path.to_string(), at: None })
                .because(error.to_string())));
        }
    };
    let mut text = String::new();
    open.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| {
        one(Failure::input("the deploy file is not text")
            .at(Place::File { path: path.to_string(), at: None })
            .because(error.to_string()))
    })?;
    Ok(Some(Found { text, path: path.to_string(), from: format!("{path} of the workspace") }))
}

async fn through_api(
    github: &Context,
    client: &Client,
    repository: Option<&Repository>,
    path: &RelPath,
) -> Result<Option<Found>, Failure> {
    let (Some(repository), Some(commit)) = (repository, &github.sha) else { return Ok(None) };
    let Some(bytes) = contents::read(client, repository, path, commit).await? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::input("the deploy file is not text").at(Place::File { path: path.to_string(), at: None })
    })?;
    let short: String = commit.as_str().chars().take(7).collect();
    Ok(Some(Found { text, path: path.to_string(), from: format!("{path} at commit {short}, through the API") }))
}

/// The simple case: inputs alone.
fn simple(wish: &Wish, github: &Context) -> Result<Environment, Vec<Failure>> {
    let inputs = &wish.simple;
    let mut missing = Vec::new();
    let repository = github.repository.as_deref().and_then(|name| name.rsplit('/').next());
    let app = inputs.app.clone().or_else(|| AppName::new(repository?).ok());
    if app.is_none() {
        missing.push(
            Failure::input("app is missing, and the repository's name cannot be one").at(Place::Input("app".into())),
        );
    }
    if inputs.root.is_none() {
        missing.push(
            Failure::input(format!("there is no deploy file ({}), and the input root is missing", file::PATH))
                .at(Place::Input("root".into()))
                .hint("Either write a deploy file (`rollback-deploy init`), or give root, hosts, services and health-url."),
        );
    }
    let usual = EnvironmentName::new("production").map_err(|error| one(Failure::bug(error.to_string())))?;
    let (Some(app), Some(root)) = (app, inputs.root.clone()) else { return Err(missing) };
    let simple = Simple {
        app,
        environment: wish.environment.clone().unwrap_or(usual),
        hosts: inputs.hosts.iter().map(|host| (host.label.clone(), host.address.clone())).collect(),
        root,
        services: inputs.services.clone(),
        health_url: inputs.health_url.clone(),
        source: inputs.source.clone(),
    };
    simple.environment()
}

/// What the inputs say wins over the file.
fn overlaid(mut environment: Environment, wish: &Wish) -> Result<Environment, Vec<Failure>> {
    let inputs = &wish.simple;
    if !inputs.hosts.is_empty() {
        environment.hosts.clone_from(&inputs.hosts);
    }
    for host in &mut environment.hosts {
        host.address.user = host.address.user.take().or_else(|| inputs.user.clone());
        host.address.port = host.address.port.or(inputs.port);
    }
    if !inputs.known_hosts.is_empty() {
        environment.known_hosts.clone_from(&inputs.known_hosts);
    }
    if inputs.jump_host.is_some() {
        environment.jump_host.clone_from(&inputs.jump_host);
    }
    let settings = &mut environment.settings;
    if let Some(root) = &inputs.root
        && settings.root != *root
    {
        let usual = format!("{}/current", settings.root);
        if settings.link.as_str() == usual {
            settings.link = AbsPath::new(format!("{root}/current"))
                .map_err(|error| one(Failure::input(error.to_string()).at(Place::Input("root".into()))))?;
        }
        settings.root = root.clone();
    }
    if let Some(app) = &inputs.app {
        settings.app = app.clone();
    }
    // Read as if there were no file: the same words, the same defaults, the same mistakes.
    let alone = Simple {
        app: settings.app.clone(),
        environment: environment.name.clone(),
        hosts: Vec::new(),
        root: settings.root.clone(),
        services: inputs.services.clone(),
        health_url: inputs.health_url.clone(),
        source: inputs.source.clone(),
    };
    let alone = alone.environment()?;
    if !inputs.services.is_empty() {
        settings.services = alone.settings.services;
    }
    if inputs.health_url.is_some() {
        settings.checks.retain(|check| !matches!(check.question, Question::Http(_)));
        settings.checks.extend(alone.settings.checks);
    }
    if inputs.source.is_some() {
        // What must not travel must not travel from anywhere.
        let left_out = std::mem::take(exclusions(&mut environment.source));
        environment.source = alone.source;
        *exclusions(&mut environment.source) = left_out;
    }
    if let Some(wait) = wish.wait {
        environment.wait = wait;
    }
    Ok(environment)
}

fn exclusions(source: &mut SourceChoice) -> &mut Vec<String> {
    match source {
        SourceChoice::Archive { exclude }
        | SourceChoice::Folder { exclude, .. }
        | SourceChoice::Git { exclude, .. } => exclude,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rollback_deploy_core::model::Service;

    use super::*;
    use crate::action::inputs::{self, variable};

    const FILE: &str = "version: 1\napp: diary\nenvironments:\n  production:\n    root: /srv/diary\n    \
        hosts: { web-1: deploy@192.0.2.1 }\n    services: [diary]\n    \
        source: { folder: dist, exclude: [\"*.map\"] }\n    \
        health: [port: 8000, http: { url: \"http://127.0.0.1:8000/health\", within: 5s }]\n";

    fn with(pairs: &[(&str, &str)]) -> Result<Environment, Vec<Failure>> {
        let env: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| (variable(name), (*value).to_owned())).collect();
        let read = inputs::read(&env, "me".to_owned());
        assert_eq!(read.failures, vec![]);
        overlaid(file::load(FILE, "x").unwrap().environment(None).unwrap(), &read.wish.unwrap())
    }

    #[test]
    fn without_inputs_the_file_is_as_it_is() {
        assert_eq!(with(&[]).unwrap(), file::load(FILE, "x").unwrap().environment(None).unwrap());
    }

    #[test]
    fn an_input_that_is_given_wins_over_the_file() {
        let environment = with(&[
            ("app", "notes"),
            ("root", "/srv/notes"),
            ("services", "notes notes-worker"),
            ("health-url", "http://127.0.0.1:9000/up"),
            ("source", "archive"),
            ("hosts", "db=192.0.2.7"),
            ("user", "ops"),
            ("wait", "90s"),
        ])
        .unwrap();
        let settings = &environment.settings;
        assert_eq!((settings.app.as_str(), settings.link.as_str()), ("notes", "/srv/notes/current"));
        let units: Vec<&str> = settings.services.iter().map(Service::name).collect();
        assert_eq!(units, ["notes", "notes-worker"]);
        let urls: Vec<&str> = settings
            .checks
            .iter()
            .filter_map(|check| match &check.question {
                Question::Http(http) => Some(http.url.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!((settings.checks.len(), urls.as_slice()), (2, ["http://127.0.0.1:9000/up"].as_slice()));
        assert_eq!(environment.source, SourceChoice::Archive { exclude: vec!["*.map".to_owned()] });
        assert_eq!(environment.hosts[0].address.to_string(), "ops@192.0.2.7");
        assert_eq!(environment.wait.0, 90);
    }

    #[test]
    fn a_wrong_input_beside_a_file_is_told_at_the_input() {
        let wrong = with(&[("source", "../up"), ("services", "web web.service")]).unwrap_err();
        let places: Vec<_> = wrong.into_iter().filter_map(|failure| failure.place).collect();
        assert_eq!(places, ["services", "source"].map(|name| Place::Input(name.to_owned())));
    }
}
