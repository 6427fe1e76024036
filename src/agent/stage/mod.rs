//! Staging: a release's files, checked, at their final path from the first byte; then shared paths and build commands.
//! Any number of runs stage at once: each release has its own folder, records and lock.

mod assets;
mod files;
mod merge;
mod mint;

pub(super) mod shared;

use std::io::Read;
use std::os::fd::AsFd as _;
use std::path::Path;

use rollback_deploy_core::model::{Failure, Foreign, ReleaseId, ReleaseState, Story};
use rollback_deploy_core::plan::foresee;
use rollback_deploy_core::wire::{Staged, Staging};

pub(super) use mint::{remove_files, remove_release, strangers};

use super::cx::Cx;
use super::state::explain;
use super::store::{self, names};
use super::{clock, fingerprint, identity, room};
use crate::ask::command::{self, Spec};

/// The stream of contents that the host lacks.
pub trait Incoming {
    /// Asks for the contents of these entries and returns them as one stream.
    fn need(&mut self, entries: Vec<u32>) -> Box<dyn Read + '_>;
}

/// Puts a release in place.
///
/// # Errors
/// What is wrong; what was written so far is rubbish that the next recover removes.
pub fn stage(cx: Cx<'_>, staging: &Staging, incoming: &mut dyn Incoming) -> Result<Staged, Failure> {
    identity::claim(cx.state, &staging.settings)?;
    if let Some(reused) = reuse(cx, staging)? {
        return Ok(reused);
    }
    shared::check_before(cx.state.root(), &staging.settings, &staging.manifest)?;
    room::check_for(cx.state, &staging.manifest)?;

    let environment = fingerprint::of_today(cx.state, &staging.settings)?;
    let story = |id: &ReleaseId| Story {
        id: id.clone(),
        info: staging.info.clone(),
        content: staging.manifest.digest(),
        settings: staging.settings.clone(),
        environment: environment.clone(),
        by: staging.by.clone(),
        at: clock::wall(),
    };
    let minted = mint::mint(cx.state, &staging.info.version, &story)?;
    let id = minted.id.clone();
    let folder = store::folder(cx.state, &id);
    let staged = (|| {
        cx.tell.step(&format!("files of {id}"));
        let counts = files::write(cx, &folder, &staging.manifest, incoming)?;
        cx.state.put_text(&names::manifest(&id), &staging.manifest.to_text()).map_err(|error| {
            explain("the manifest cannot be written", &cx.state.path(&names::manifest(&id)), &error)
        })?;
        shared::link_files(cx.state.root(), &folder, &staging.settings)?;
        build(cx, &minted, &folder, staging)?;
        shared::link_folders(cx.state.root(), &folder, &staging.settings)?;
        shared::check_names(&folder, &staging.settings)?;
        assets::merge(cx.state, &id, &staging.settings)?;
        cx.tell.step("sync to disk");
        cx.state.sync_all().map_err(|error| explain("the release cannot be synced to disk", &folder, &error))?;
        set_state(cx, &id, &ReleaseState::Staged)?;
        Ok(Staged {
            release: id.clone(),
            reused: false,
            files_sent: counts.files_sent,
            bytes_sent: counts.bytes_sent,
            files_cloned: counts.files_cloned,
        })
    })();
    if staged.is_err() {
        // Ours and half-made: say so by leaving `building`, and take it away while nobody can have used it.
        mint::discard(cx.state, minted);
    }
    staged
}

fn set_state(cx: Cx<'_>, id: &ReleaseId, state: &ReleaseState) -> Result<(), Failure> {
    let name = names::state(id);
    cx.state
        .put(&name, &state.to_record())
        .map_err(|error| explain("the state of the release cannot be written", &cx.state.path(&name), &error))
}

/// The same content, commit and settings that are here already are used again, unless they are known to be bad.
fn reuse(cx: Cx<'_>, staging: &Staging) -> Result<Option<Staged>, Failure> {
    let content = staging.manifest.digest();
    let settings = staging.settings.fingerprint();
    let rows = store::releases(cx.state);
    let Some(row) = foresee::same(&rows, &content, &settings, staging.info.commit.as_ref()) else { return Ok(None) };
    foresee::not_known_bad(row, &staging.allow)?;
    if row.is_bad() {
        return Ok(None);
    }
    if matches!(row.state, ReleaseState::Interrupted { .. }) {
        set_state(cx, &row.id, &ReleaseState::Staged)?;
    }
    let release = row.id.clone();
    Ok(Some(Staged { release, reused: true, files_sent: 0, bytes_sent: 0, files_cloned: 0 }))
}

/// Runs the build commands at the final path. They hold the stage lock with us, so that what they still write to is
/// never taken for rubbish.
fn build(cx: Cx<'_>, minted: &mint::Minted, folder: &Path, staging: &Staging) -> Result<(), Failure> {
    if staging.settings.build.is_empty() {
        return Ok(());
    }
    let lock = minted.lock.as_fd();
    let inherit =
        |flags| rustix::io::fcntl_setfd(lock, flags).map_err(|error| Failure::bug(format!("stage lock: {error}")));
    inherit(rustix::io::FdFlags::empty())?;
    let built = staging.settings.build.iter().try_for_each(|line| {
        cx.tell.step(&format!("build: {}", first_line(line)));
        let spec = Spec::script(line)
            .in_folder(folder)
            .within(staging.settings.build_timeout)
            .with("ROLLBACK_DEPLOY_RELEASE", minted.id.as_str())
            .with("ROLLBACK_DEPLOY_ROOT", cx.state.root().as_str());
        let ended = command::run(&spec, &mut |said| cx.tell.said(Foreign::new(said)), &|| cx.tell.cancelled())
            .map_err(|error| explain("a build command cannot be started", folder, &error))?;
        if ended.ok() {
            return Ok(());
        }
        Err(Failure::failed(format!("the build command `{}` {}", first_line(line), ended.words()))
            .on_host(folder.display())
            .because(ended.tail.expose())
            .hint("Nothing was switched: what ran before runs. Run the command in a copy of the release to see more."))
    });
    inherit(rustix::io::FdFlags::CLOEXEC)?;
    built
}

fn first_line(text: &str) -> String {
    let mut line: String = text.lines().next().unwrap_or_default().chars().take(80).collect();
    if line.len() < text.trim_end().len() {
        line.push('…');
    }
    line
}
