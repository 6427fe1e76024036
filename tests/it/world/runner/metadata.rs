//! The project's own `action.yml`, as far as the runner needs it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::world::repository;

/// What the runner reads of an action.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Metadata {
    /// Every declared input.
    #[serde(default)]
    pub(crate) inputs: BTreeMap<String, Input>,
    /// How it runs.
    #[serde(default)]
    pub(crate) runs: Runs,
}

/// One input.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Input {
    /// Its value when none is given.
    #[serde(default)]
    pub(crate) default: Option<String>,
}

/// How an action runs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Runs {
    /// The main stage's program.
    #[serde(default)]
    pub(crate) entrypoint: Option<String>,
    /// The post stage's program.
    #[serde(default)]
    pub(crate) post_entrypoint: Option<String>,
    /// Variables of the container, where the job has none of that name.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
}

/// Reads `action.yml`; empty while the project has none.
pub(super) fn read() -> Metadata {
    match std::fs::read_to_string(repository("action.yml")) {
        Ok(text) => serde_yaml::from_str(&text).expect("action.yml can be read"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Metadata::default(),
        Err(error) => panic!("action.yml: {error}"),
    }
}

/// The name of an input's variable.
pub(crate) fn variable(input: &str) -> String {
    format!("INPUT_{}", input.replace(' ', "_").to_uppercase())
}
