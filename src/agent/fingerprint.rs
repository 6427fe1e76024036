//! Fingerprints of the environment file's values: which of them changed since, without keeping or telling any of them.
//!
//! Each is keyed with a secret of this host, so that a short value cannot be guessed from a record that leaves it.

use std::collections::BTreeMap;
use std::io;

use rollback_deploy_core::model::{Digest, EnvName, Failure, Settings, Story};

use super::state::{State, explain};
use super::store::names;
use super::{begin, environment};
use crate::ask::environment::values;

/// How much of a digest is kept: enough to tell two values apart.
const SHOWN: usize = 16;

/// By name.
type Fingerprints = BTreeMap<String, String>;

/// The fingerprints of today's environment file; nothing where the settings share none.
///
/// # Errors
/// It cannot be read, or the host's key cannot be made.
pub fn of_today(state: &State, settings: &Settings) -> Result<Option<Fingerprints>, Failure> {
    let Some(file) = begin::environment_file(settings) else { return Ok(None) };
    let path = state.root().as_path().join("shared").join(file.as_path());
    let text =
        environment::read(&path).map_err(|error| explain("the environment file cannot be read", &path, &error))?;
    let broken = |error: io::Error| explain("the host's key cannot be made", &state.path(names::KEY), &error);
    let key = match key(state).map_err(broken)? {
        Some(key) => key,
        None => make_key(state).map_err(broken)?,
    };
    Ok(Some(fingerprints(&key, &text)))
}

/// The names whose values are others today than those that a release ran with: by the copy that it keeps, else by its
/// record. Nothing when that cannot be told. Only reads.
#[must_use]
pub fn changed(state: &State, story: &Story) -> Vec<String> {
    let compared = || -> Option<Vec<String>> {
        let file = begin::environment_file(&story.settings)?;
        let key = key(state).ok()??;
        let path = state.root().as_path().join("shared").join(file.as_path());
        let today = fingerprints(&key, &environment::read(&path).ok()?);
        let then = match state.read_text(&names::environment(&story.id)).ok()? {
            Some(kept) => fingerprints(&key, &kept),
            None => story.environment.clone()?,
        };
        let all: std::collections::BTreeSet<&String> = today.keys().chain(then.keys()).collect();
        Some(all.into_iter().filter(|name| today.get(*name) != then.get(*name)).cloned().collect())
    };
    compared().unwrap_or_default()
}

fn fingerprints(key: &str, text: &str) -> Fingerprints {
    let named = values(text).into_iter().filter(|(name, _)| EnvName::new(*name).is_ok());
    named
        .map(|(name, value)| {
            let digest = Digest::of(format!("{key}\0{name}\0{value}").as_bytes());
            (name.to_owned(), digest.as_str().get(..SHOWN).unwrap_or_default().to_owned())
        })
        .collect()
}

fn key(state: &State) -> io::Result<Option<String>> {
    Ok(state.read_text(names::KEY)?.map(|text| text.trim().to_owned()).filter(|key| !key.is_empty()))
}

/// The first one wins: whoever comes second takes theirs.
fn make_key(state: &State) -> io::Result<String> {
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    state.publish(names::KEY, &format!("{}\n", Digest::from_raw(&random)))?;
    key(state)?.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
