//! A release's name is minted once and never used again while a folder, a record or a history entry has it.

use std::fs;
use std::os::fd::OwnedFd;

use rollback_deploy_core::model::{Failure, ReleaseId, ReleaseState, Story};

use crate::agent::state::{State, Taken, explain};
use crate::agent::store::{self, names};

/// A name of our own, with the lock that says that somebody is at work on it.
pub(super) struct Minted {
    /// The name.
    pub(super) id: ReleaseId,
    /// Held while staging, by us and by build commands.
    pub(super) lock: OwnedFd,
}

/// Finds the first free name and records it as building.
pub(super) fn mint(state: &State, version: &ReleaseId, story: &dyn Fn(&ReleaseId) -> Story) -> Result<Minted, Failure> {
    let broken =
        |name: &str, error: &std::io::Error| explain("a new release cannot be recorded", &state.path(name), error);
    let releases = state.root().as_path().join("releases");
    if let Err(error) = fs::create_dir(&releases)
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(explain("the folder for releases cannot be made", &releases, &error));
    }
    if names::is_beside(version.as_str()) {
        return Err(Failure::input(format!("a release cannot be called {version}: our own records end so"))
            .hint("Choose another tag."));
    }
    // A name that an entry has which cannot be read would be used twice.
    let used = store::whole_history(state)?;
    for n in 1..=1000 {
        let id = version.nth(n);
        let (story_name, state_name, stage_name) = (names::story(&id), names::state(&id), names::stage(&id));
        let folder = store::folder(state, &id);
        if state.has(&story_name) || folder.symlink_metadata().is_ok() || used.iter().any(|txn| txn.release == id) {
            continue;
        }
        let Some(lock) = state.try_lock(&stage_name).map_err(|error| broken(&stage_name, &error))? else { continue };
        if state.has(&story_name) {
            continue;
        }
        state.put(&state_name, &ReleaseState::Building.to_record()).map_err(|error| broken(&state_name, &error))?;
        let text = story(&id).to_record().to_text();
        match state.publish(&story_name, &text).map_err(|error| broken(&story_name, &error))? {
            Taken::Theirs => continue,
            Taken::Ours => {}
        }
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(Minted { id, lock }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                // Somebody else's folder: never touched, and the name is theirs.
                state.forget(&story_name);
                state.forget(&state_name);
            }
            Err(error) => {
                state.forget(&story_name);
                state.forget(&state_name);
                return Err(explain("the release's folder cannot be made", &folder, &error));
            }
        }
    }
    Err(Failure::refused(format!("a thousand releases are called {version} already")).hint("Prune old releases."))
}

/// Takes a half-made release away again.
pub(super) fn discard(state: &State, minted: Minted) {
    remove_release(state, &minted.id);
    state.forget(&names::stage(&minted.id));
    drop(minted.lock);
}

/// Removes a release's folder; its records stay, so that what is left is always recognised as ours.
#[expect(clippy::disallowed_methods, reason = "staging: the folder of a release that nothing can use")]
pub(in crate::agent) fn remove_files(state: &State, id: &ReleaseId) -> bool {
    match fs::remove_dir_all(store::folder(state, id)) {
        Ok(()) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Removes a release's folder, then its records.
pub(in crate::agent) fn remove_release(state: &State, id: &ReleaseId) -> bool {
    let gone = remove_files(state, id);
    if gone {
        for name in [
            names::manifest(id),
            names::environment(id),
            names::heads(id),
            format!("releases/{id}.assets"),
            names::state(id),
            names::story(id),
        ] {
            state.forget(&name);
        }
    }
    gone
}

/// The most that are named.
const NAMED: usize = 20;

/// What lies among the releases without a record of ours, by name: told, and never touched.
pub(in crate::agent) fn strangers(state: &State) -> Vec<String> {
    let entries = match fs::read_dir(state.root().as_path().join("releases")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => return vec![format!("releases/ cannot be read: {error}")],
    };
    let is_ours = |name: &String| ReleaseId::new(name.as_str()).is_ok_and(|id| state.has(&names::state(&id)));
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut strangers: Vec<String> = names.filter(|name| !is_ours(name)).take(NAMED).collect();
    strangers.sort();
    strangers
}
