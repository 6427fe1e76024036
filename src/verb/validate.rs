//! `validate`: reads the deploy file and tells every mistake; without any, what it says. Goes to no host.
//! May use core only.

use rollback_deploy_core::file::{Environment, load};
use rollback_deploy_core::model::{AppName, EnvironmentName, Failure, Label};

/// What a deploy file without mistakes says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The app.
    pub app: AppName,
    /// The environments, in the order of the file.
    pub environments: Vec<Row>,
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: EnvironmentName,
    /// The labels of its hosts, never their addresses; none: the machine that runs this.
    pub hosts: Vec<Label>,
    /// Its services.
    pub services: Vec<String>,
    /// How many checks are asked on the hosts.
    pub checks: usize,
    /// How many are asked from where the controller runs.
    pub runner_checks: usize,
    /// What is no mistake and still stops a deploy, or makes one weaker.
    pub notes: Vec<String>,
}

/// Reads a deploy file; `path` is what the mistakes name.
///
/// # Errors
/// Every mistake of every environment at once, each with its line and column.
pub fn validate(text: &str, path: &str) -> Result<Summary, Vec<Failure>> {
    let file = load(text, path)?;
    let (found, wrong): (Vec<_>, Vec<_>) =
        file.names().map(|name| file.environment(Some(name))).partition(Result::is_ok);
    let wrong: Vec<Failure> = wrong.into_iter().filter_map(Result::err).flatten().collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let environments = found.into_iter().flatten().map(row).collect();
    Ok(Summary { app: file.app().clone(), environments })
}

fn row(environment: Environment) -> Row {
    let notes = notes(&environment);
    let settings = environment.settings;
    Row {
        name: environment.name,
        hosts: environment.hosts.into_iter().map(|host| host.label).collect(),
        services: settings.services.iter().map(|service| service.name().to_owned()).collect(),
        checks: settings.checks.len(),
        runner_checks: environment.runner_checks.len(),
        notes,
    }
}

fn notes(environment: &Environment) -> Vec<String> {
    let settings = &environment.settings;
    let mut notes = Vec::new();
    // Domains that can never be anybody's: what `init` and the documentation write.
    let example = |host: &str| host.rsplit('.').take(2).eq(["com", "example"]) || host.starts_with("192.0.2.");
    for host in environment.hosts.iter().filter(|host| example(&host.address.host)) {
        notes.push(format!(
            "the address of {} is an example: an input or the variable of a workflow has to say the real one",
            host.label
        ));
    }
    if settings.services.is_empty() && settings.checks.is_empty() {
        notes.push(
            "there is neither a service nor a check on the host: a deploy is refused without `allow: [unchecked]`"
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_file_is_summed_up() {
        let text = "version: 1\napp: diary\nenvironments:\n  production:\n    \
            hosts: { web-1: deploy@10.1.1.1, web-2: deploy@web.example.com }\n    root: /srv/diary\n    services: [diary]\n    \
            health: [port: 8000, disk: 10%, http: { url: \"https://d.example.com/\", from: runner }]\n  \
            staging: { root: /srv/staging }\n";
        let summary = validate(text, "x").unwrap();
        let rows: Vec<_> = summary
            .environments
            .iter()
            .map(|row| (row.name.as_str(), row.checks, row.runner_checks, row.notes.len()))
            .collect();
        assert_eq!(rows, [("production", 2, 1, 1), ("staging", 0, 0, 1)]);
        let production = &summary.environments[0];
        assert_eq!(production.hosts.iter().map(Label::as_str).collect::<Vec<_>>(), ["web-1", "web-2"]);
        assert_eq!(production.services, ["diary"]);
        assert!(production.notes[0].contains("web-2") && summary.environments[1].notes[0].contains("unchecked"));
    }

    #[test]
    fn every_mistake_of_every_environment_is_told() {
        let text = "version: 1\napp: diary\nenvironments:\n  a: { root: relative }\n  b: { rot: /srv/b }\n";
        let wrong = validate(text, "deploy.yml").unwrap_err();
        assert!(wrong.len() >= 2, "{wrong:#?}");
        assert!(wrong.iter().all(|failure| failure.place.is_some()), "{wrong:#?}");
    }
}
