//! Whose root this is: another app, environment or repository deploying here is refused.

use rollback_deploy_core::model::{Failure, Record, Settings};

use super::state::{State, Taken, explain};
use super::store::names;

fn record(state: &State, settings: &Settings) -> Record {
    Record::new()
        .with("app", &settings.app)
        .with("environment", &settings.environment)
        .with("repository", settings.repository.as_deref().unwrap_or("-"))
        .with("root", real_root(state))
}

fn real_root(state: &State) -> String {
    let root = state.root().as_path();
    root.canonicalize().unwrap_or_else(|_| root.to_owned()).display().to_string()
}

/// Whether this root may be used by this app; nothing is written.
///
/// # Errors
/// It belongs to another one.
pub fn check(state: &State, settings: &Settings) -> Result<(), Failure> {
    let ours = record(state, settings);
    let found = match state.read(names::IDENTITY) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(()),
        Err(error) => {
            return Err(Failure::refused("the record of whose folder this is cannot be read")
                .on_host(state.path(names::IDENTITY).display())
                .because(error.to_string()));
        }
    };
    for key in ["app", "environment", "repository", "root"] {
        let (here, wanted) = (found.get(key).unwrap_or("-"), ours.get(key).unwrap_or("-"));
        // A repository that was not known on one side says nothing.
        if here != wanted && !(key == "repository" && (here == "-" || wanted == "-")) {
            return Err(Failure::refused(format!("this folder belongs to {key} {here}, not to {wanted}"))
                .on_host(state.root())
                .hint("Give each app and environment a `root:` of its own.")
                .hint(format!(
                    "If the {key} was renamed on purpose, edit that line in {} on the host.",
                    state.path(names::IDENTITY).display()
                )));
        }
    }
    Ok(())
}

/// Takes the root for this app, if nobody has it yet.
///
/// # Errors
/// It belongs to another one, or cannot be written.
pub fn claim(state: &State, settings: &Settings) -> Result<(), Failure> {
    check(state, settings)?;
    if state.has(names::IDENTITY) {
        return Ok(());
    }
    match state.publish(names::IDENTITY, &record(state, settings).to_text()) {
        Ok(Taken::Ours) => Ok(()),
        Ok(Taken::Theirs) => check(state, settings),
        Err(error) => Err(explain("the folder cannot be taken", &state.path(names::IDENTITY), &error)),
    }
}
