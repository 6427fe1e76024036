//! The deploy file of a run: from the workspace, else through the API at the run's commit; inputs say the simple case
//! without any file, and win over it.

use std::io::Read as _;

use rollback_deploy_core::file::{self, Environment, Simple};
use rollback_deploy_core::model::{AppName, EnvironmentName, Failure, Outcome, Place, RelPath, Restart, Service};

use super::context::Context;
use crate::github::{Client, Repository, contents};
use crate::verb::{Ended, Wish};

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
    let found = match in_workspace(github, &path)? {
        Some(found) => Some(found),
        None => through_api(github, client, repository, &path).await.map_err(one)?,
    };
    match found {
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

/// `validate` in a workflow: the file alone, nothing is connected to.
///
/// # Errors
/// Every mistake at once.
pub async fn validate(wish: &Wish, github: &Context) -> Result<Ended, Vec<Failure>> {
    let path = path(wish)?;
    let Some(found) = in_workspace(github, &path)? else {
        return Err(vec![
            Failure::input("there is no deploy file in the workspace")
                .at(Place::File { path: path.to_string(), at: None })
                .hint("Check the repository out before this step (actions/checkout)."),
        ]);
    };
    let file = file::load(&found.text, &found.path)?;
    let names: Vec<EnvironmentName> = file.names().cloned().collect();
    for name in &names {
        file.environment(Some(name))?;
    }
    let mut ended = Ended::new(Outcome::Done);
    ended.app = Some(file.app().clone());
    ended.notes = vec![format!("{} environments are right", names.len())];
    ended.config = Some(found.from);
    Ok(ended)
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
    if let Some(root) = &inputs.root
        && environment.settings.root != *root
    {
        let usual = format!("{}/current", environment.settings.root);
        if environment.settings.link.as_str() == usual {
            environment.settings.link = rollback_deploy_core::model::AbsPath::new(format!("{root}/current"))
                .map_err(|error| one(Failure::input(error.to_string()).at(Place::Input("root".into()))))?;
        }
        environment.settings.root = root.clone();
    }
    if !inputs.services.is_empty() {
        let services = inputs.services.iter().cloned();
        environment.settings.services = services.map(|unit| Service::Systemd { unit, how: Restart::Restart }).collect();
    }
    if let Some(wait) = wish.wait {
        environment.wait = wait;
    }
    Ok(environment)
}
