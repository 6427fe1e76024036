//! Which version a run means that names none, and which runs must not deploy at all.

use super::nearest::highest;
use super::{Tag, Wanted};
use crate::model::{Commit, Failure, Place, ReleaseId};

/// What the runner says about the event that started the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    /// The event's name: `push`, `workflow_dispatch`.
    pub name: String,
    /// What the ref is, when there is one.
    pub ref_type: Option<RefType>,
    /// The ref's short name: `v1.2.0`, `main`.
    pub ref_name: String,
    /// The run's commit, when the runner says it.
    pub sha: Option<Commit>,
    /// For `workflow_run`: the event that started the other workflow.
    pub started_by: Option<String>,
}

/// What a ref is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefType {
    /// A branch.
    Branch,
    /// A tag.
    Tag,
}

/// The version of a run that names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultVersion {
    /// The run's tag.
    Tag(ReleaseId),
    /// A snapshot of the branch that was pushed: see [`super::snapshot`].
    Snapshot {
        /// The branch.
        branch: String,
        /// Its commit.
        commit: Commit,
    },
    /// It must be named: see [`no_version`].
    MustBeNamed,
}

/// Refuses events that run foreign code with our secrets near: nothing is ever deployed or taken back by them.
///
/// # Errors
/// The run was started by a pull request, at first or second hand.
pub fn refuse_event(event: &RunEvent) -> Result<(), Failure> {
    // Also pull_request_target and pull_request_review: whoever opens a pull request starts them.
    let of_pull_request = |name: &str| name.starts_with("pull_request");
    let second_hand = event.name == "workflow_run" && event.started_by.as_deref().is_none_or(of_pull_request);
    if !of_pull_request(&event.name) && !second_hand {
        return Ok(());
    }
    let what = match (&event.started_by, second_hand) {
        (Some(by), true) => format!("a run of workflow_run that was started by {by} does not deploy"),
        (None, true) => "a run of workflow_run does not deploy when it is not known what started it".to_owned(),
        _ => format!("a run started by {} does not deploy", event.name),
    };
    Err(Failure::input(what)
        .hint("Deploy from a push of a tag, a push to a branch, or workflow_dispatch: code of a pull request must not come near the hosts."))
}

/// Decides the version of a run that names none: the run's tag, or a snapshot of the branch that was pushed.
///
/// # Errors
/// The event is refused, or the run's tag is no release.
pub fn default_version(event: &RunEvent, prefix: &str) -> Result<DefaultVersion, Failure> {
    refuse_event(event)?;
    match event.ref_type {
        Some(RefType::Tag) => run_tag(&event.ref_name, prefix).map(DefaultVersion::Tag),
        Some(RefType::Branch) if event.name == "push" => Ok(match event.sha.clone() {
            Some(commit) => DefaultVersion::Snapshot { branch: event.ref_name.clone(), commit },
            None => DefaultVersion::MustBeNamed,
        }),
        _ => Ok(DefaultVersion::MustBeNamed),
    }
}

/// The run's tag as a release: not `v1`, and not the tag of another app.
fn run_tag(name: &str, prefix: &str) -> Result<ReleaseId, Failure> {
    let wrong = |what: String| Failure::input(what).at(Place::Input("version".into()));
    let id = ReleaseId::new(name).map_err(|error| wrong(format!("the run's tag cannot be a release: {error}")))?;
    if !name.starts_with(prefix) {
        return Err(wrong(format!("the run's tag {name} does not start with {prefix:?}")).hint(
            "Start the workflow only by tags of this app (on: push: tags:), name a version, or set `tag-prefix`.",
        ));
    }
    match Wanted::parse(name, prefix)? {
        Wanted::Range { .. } | Wanted::Latest | Wanted::Previous => {
            Err(wrong(format!("the run's tag {name} moves: it is never a release"))
                .hint("Start the workflow only by whole versions: on: push: tags: [\"v*.*.*\"]."))
        }
        Wanted::Version { .. } | Wanted::Name(_) | Wanted::Branch(_) => Ok(id),
    }
}

/// The refusal of a run whose version must be named; lists three tags.
#[must_use]
pub fn no_version(prefix: &str, tags: &[Tag]) -> Failure {
    let failure = Failure::input("no version was given").at(Place::Input("version".into()));
    let is_whole = |tag: &&Tag| tag.version(prefix).is_some_and(|version| version.pre.is_empty());
    let releases: Vec<Tag> = tags.iter().filter(is_whole).cloned().collect();
    let names = highest(prefix, if releases.is_empty() { tags } else { &releases });
    if names.is_empty() {
        return failure.hint(format!(
            "There is no version tag yet. Make one: git tag {prefix}1.0.0 && git push origin {prefix}1.0.0."
        ));
    }
    let failure = failure.hint(format!("Name one, such as {}.", names.join(", ")));
    if releases.is_empty() { failure } else { failure.hint("The highest version is `latest`.") }
}
