//! The deployment backup: one artifact a host after a deploy. Nothing read from a host leaves unencrypted in a public
//! repository; where artifacts are not available, that is a warning and no failure.

use rollback_deploy_core::model::{Label, ReleaseId};
use rollback_deploy_core::plan::Fact;
use rollback_deploy_core::wire::{Query, Report};

use super::context::{Context, Visibility};
use crate::github::artifact::{ArtifactName, Artifacts};
use crate::github::{Settings, backup};
use crate::verb::world::done;
use crate::verb::{Conclusion, Ended, World};

/// Keeps the backup of what was confirmed on each host.
pub async fn keep(world: &World, concluded: &Conclusion, github: &Context, ended: &mut Ended) {
    let Some(story) = &concluded.story else { return };
    let warn = |label: Option<&Label>, text: String| world.events.tell(label, Fact::Warned(text));
    let Some(place) = &github.artifacts else {
        return warn(None, "the deployment backup was not uploaded: artifacts are not available here".to_owned());
    };
    if github.visibility != Visibility::Closed {
        let text = "the deployment backup was not uploaded: the repository is public (or it is not known whether it is), \
                    and what was read from a host leaves it only encrypted, which is not built yet";
        ended.notes.push(text.to_owned());
        return warn(None, text.to_owned());
    }
    let Ok(api) = github.api_url.parse() else { return };
    let settings =
        Settings { proxies: github.network.proxies(), ca: github.network.ca_file.clone(), ..Settings::new(api) };
    let artifacts = match Artifacts::open(&place.url, &place.token, &settings) {
        Ok(artifacts) => artifacts,
        Err(why) => return warn(None, format!("the deployment backup was not uploaded: {}", why.why())),
    };
    let fleet = world.fleet(None);
    for (label, course) in &story.courses {
        let (Some(target), Some(proven)) = (fleet.get(label), &course.confirmed) else { continue };
        let query = Query::Backup { release: proven.release.clone() };
        let read = match target.ask(&query, &world.cx()).await {
            Ok(answer) => done(answer),
            Err(failure) => Err(failure),
        };
        let (previous, files, missing) = match read {
            Ok(Report::Backup { previous, files, missing }) => (previous, files, missing),
            Ok(_) => continue,
            Err(failure) => {
                warn(Some(label), format!("the deployment backup could not be read: {}", failure.what));
                continue;
            }
        };
        for what in missing {
            warn(Some(label), format!("not in the deployment backup: {what}"));
        }
        let name = name(world, proven.version.as_str(), label, github);
        let kept = tokio::select! {
            kept = upload(&artifacts, &name, previous.as_ref(), files) => kept,
            () = world.stop.token().cancelled() => Err("the run was cancelled".to_owned()),
        };
        match kept {
            Ok(id) => {
                let url = url(github, &id);
                world.events.tell(Some(label), Fact::Step(format!("deployment backup kept as artifact {name}")));
                ended.artifacts.push((name, url));
            }
            Err(why) => warn(Some(label), format!("the deployment backup {name} was not uploaded: {why}")),
        }
    }
    World::close(&fleet).await;
}

/// `deployment-backup-<environment>-<version>-<label>-<run>-<attempt>`.
fn name(world: &World, version: &str, label: &Label, github: &Context) -> String {
    let run = github.run_id.unwrap_or_default();
    let attempt = github.run_attempt.unwrap_or(1);
    format!("deployment-backup-{}-{version}-{label}-{run}-{attempt}", world.environment.name)
}

async fn upload(
    artifacts: &Artifacts,
    name: &str,
    previous: Option<&ReleaseId>,
    files: Vec<(String, String)>,
) -> Result<String, String> {
    let name = ArtifactName::new(name).map_err(|failure| failure.what)?;
    let mut all: Vec<(String, Vec<u8>)> = files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    let before = previous.map_or("nothing", ReleaseId::as_str);
    all.push(("previous-version".to_owned(), format!("{before}\n").into_bytes()));
    let bytes = backup::pack(all).map_err(|failure| failure.what)?;
    let uploaded = artifacts.upload(&name, &bytes, None).await.map_err(|why| why.why().to_owned())?;
    Ok(uploaded.id.to_string())
}

fn url(github: &Context, id: &str) -> Option<String> {
    let (repository, run) = (github.repository.as_ref()?, github.run_id?);
    Some(format!("{}/{repository}/actions/runs/{run}/artifacts/{id}", github.server_url))
}
