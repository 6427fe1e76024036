//! Inspect: reads everything that a plan needs, and says everything that would stop a change, all at once.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rollback_deploy_core::model::{Allow, Facts, Failure, Settings, SharedPath, WatchdogKind};

use super::cx::Cx;
use super::stage::{self, shared};
use super::{fingerprint, identity, link, room, running, setup, store};

/// File systems that one kernel does not own alone: one `pending` must mean one kernel. By their magic numbers.
const SHARED_FILE_SYSTEMS: [(i64, &str); 5] = [
    (0x6969, "NFS"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x6573_5546, "FUSE (sshfs and others)"),
    (0x0102_1997, "9p"),
];

/// Reads the host for these settings.
///
/// # Errors
/// The root belongs to somebody else, or what is confirmed cannot be read.
pub fn inspect(cx: Cx<'_>, settings: &Settings) -> Result<Facts, Failure> {
    identity::check(cx.state, settings)?;
    let status = store::status(cx.state, settings.link.as_path())?;
    let (watchdog, state) = setup::detect(settings);
    let mut obstacles = Vec::new();
    obstacles.extend(file_system(cx));
    obstacles.extend(parents(cx, settings));
    obstacles.extend(the_link(cx, settings));
    obstacles.extend(shared::missing_files(cx.state.root(), settings));
    obstacles.extend(shared::missing_names(cx.state.root(), settings));
    obstacles.extend(running::obstacles(settings, state));
    if matches!(watchdog, None | Some(WatchdogKind::Detached)) {
        obstacles.push(
            Failure::liftable(
                Allow::WeakWatchdog,
                "the only watchdog possible here is a detached process: it does not survive a restart of the host",
            )
            .on_host(cx.state.root())
            .hint("As a user with sudo, once: `rollback-deploy setup`; or start cron on the host."),
        );
    }
    if settings.is_unchecked() {
        obstacles.push(
            Failure::liftable(
                Allow::Unchecked,
                "neither a service nor a check is configured: nothing could tell a good release from a bad one",
            )
            .hint("Name the unit under `services:` or a URL under `health:` of the deploy file."),
        );
    }
    Ok(Facts {
        releases: store::releases(cx.state),
        strangers: stage::strangers(cx.state),
        room: room::free(cx.state),
        watchdog,
        setup: state,
        obstacles,
        warnings: [warnings(settings), environment(cx)].concat(),
        agent: cx.session.digest.clone(),
        status,
    })
}

fn file_system(cx: Cx<'_>) -> Option<Failure> {
    let kind = rustix::fs::fstatfs(cx.state.root_fd()).ok()?.f_type;
    let (_, name) = SHARED_FILE_SYSTEMS.into_iter().find(|(magic, _)| *magic == kind)?;
    Some(
        Failure::refused(format!("the app's folder lies on {name}: two machines could change it at once"))
            .on_host(cx.state.root())
            .hint("Choose a `root:` on a local file system."),
    )
}

/// A folder above the root that others can write lets them put another root in its place; one above the live link,
/// another release.
fn parents(cx: Cx<'_>, settings: &Settings) -> Vec<Failure> {
    let root: Vec<&Path> = cx.state.root().as_path().ancestors().collect();
    // The root itself was looked at when it was opened.
    let link = settings.link.as_path().ancestors().skip(1).filter(|folder| !root.contains(folder));
    let above = |folder: &&Path| writable_by_others(folder, "the app's folder");
    let found = root.iter().skip(1).filter_map(above);
    found.chain(link.filter_map(|folder| writable_by_others(folder, "the live link"))).collect()
}

fn writable_by_others(folder: &Path, below: &str) -> Option<Failure> {
    let meta = folder.metadata().ok()?;
    let sticky = meta.mode() & 0o1000 != 0;
    let us = rustix::process::geteuid().as_raw();
    let trusted_owner = meta.uid() == 0 || meta.uid() == us;
    if trusted_owner && (meta.mode() & 0o022 == 0 || sticky) {
        return None;
    }
    Some(
        Failure::refused(format!("others can write a folder above {below}, so they could put another in its place"))
            .on_host(folder.display())
            .hint(format!(
                "Take that away: `sudo chmod go-w {0}`; root or the deploy user has to own it.",
                folder.display()
            )),
    )
}

fn the_link(cx: Cx<'_>, settings: &Settings) -> Option<Failure> {
    if link::read(cx.state, settings.link.as_path()) == link::Live::NotALink {
        return Some(link::not_a_link(&settings.link));
    }
    if let Err(failure) = link::same_file_system(cx.state, &settings.link) {
        return Some(failure);
    }
    let folder = settings.link.parent();
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).err().map(|error| {
        Failure::refused("the deploy user cannot make links in the live link's folder")
            .on_host(folder.display())
            .because(error.to_string())
            .hint(format!("Leave `link:` out (then it is {}/current), or give the user that folder.", cx.state.root()))
    })
}

/// What a restart brings besides the release: by names only.
fn environment(cx: Cx<'_>) -> Vec<String> {
    let Ok(Some(live)) = store::confirmed(cx.state) else { return Vec::new() };
    let Ok(story) = store::story(cx.state, &live.release) else { return Vec::new() };
    let names = fingerprint::changed(cx.state, &story);
    let what =
        || format!("the environment file was changed since {} was deployed: {}", story.info.version, names.join(", "));
    if names.is_empty() { Vec::new() } else { vec![what()] }
}

fn warnings(settings: &Settings) -> Vec<String> {
    let shared = settings.shared.iter().filter_map(|shared| match shared {
        SharedPath::Folder { path, .. } if path.as_str().starts_with("static") => Some(path),
        _ => None,
    });
    shared.map(|path| format!("{path}/ is shared: what the build writes there is live before the switch, and an undo does not take it back")).collect()
}
