//! Which release a rollback goes to on a host, by what the host says of itself.

use rollback_deploy_core::model::{Allow, Failure, Kind, ReleaseRow, Status};
use rollback_deploy_core::plan::Wanted;

use super::To;

/// The release to go back to: a named one, or the previous proven one.
///
/// # Errors
/// There is none, it is not known here, or it is not proven.
pub(super) fn choose(status: &Status, rows: &[ReleaseRow], to: &To, allow: &[Allow]) -> Result<Wanted, Failure> {
    let names =
        || rows.iter().filter(|row| row.proven).map(|row| row.version.to_string()).collect::<Vec<_>>().join(", ");
    let live = status.confirmed.as_ref();
    let Some(wanted) = &to.version else {
        if let Some(failure) = &status.way_back_unknown {
            return Err(failure.clone().hint("`list` shows the releases of this host: name the one to go back to."));
        }
        let back = status.way_back.as_ref().ok_or_else(|| {
            Failure::refused("there is nothing to go back to: no older release was ever proven on this host").hint(
                "`list` shows the releases of this host; one that is not proven takes its name and `allow: unproven`.",
            )
        })?;
        return Ok(Wanted::There { release: back.release.clone(), with_env: to.with_env });
    };
    let bare = wanted.strip_prefix('v').unwrap_or(wanted);
    let fits = |row: &&ReleaseRow| {
        row.id.as_str() == wanted
            || row.version.as_str() == wanted
            || row.version.as_str().strip_prefix('v') == Some(bare)
    };
    // Of several releases of one version the one that was proven, then the newest.
    let mut fitting: Vec<&ReleaseRow> = rows.iter().filter(fits).collect();
    fitting.sort_by_key(|row| (!row.live, !row.proven, !row.present));
    let Some(row) = fitting.first() else {
        return Err(Failure::refused(format!("{wanted} is not on this host"))
            .hint(format!(
                "Proven here: {}.",
                if rows.iter().any(|row| row.proven) { names() } else { "nothing".to_owned() }
            ))
            .hint(format!("To bring it here, deploy it: `rollback-deploy deploy {wanted}`.")));
    };
    if !row.present {
        return Err(Failure::refused(format!("the files of {} were pruned from this host", row.id))
            .hint(format!("Proven and there: {}.", names())));
    }
    if live.is_some_and(|live| live.release == row.id)
        && status.open.is_none()
        && status.drift.is_none()
        && !to.with_env
    {
        return Ok(Wanted::AlreadyLive(row.id.clone()));
    }
    if !row.proven && !allow.contains(&Allow::Unproven) {
        return Err(Failure {
            kind: Kind::Refused { lift: Some(Allow::Unproven) },
            ..Failure::liftable(
                Allow::Unproven,
                format!("{} was never proven on this host ({})", row.id, row.state.word()),
            )
        });
    }
    Ok(Wanted::There { release: row.id.clone(), with_env: to.with_env })
}
