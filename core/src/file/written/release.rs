//! Where a release comes from, and what happens to it before it is live.

use schemars::JsonSchema;
use serde::Deserialize;

use super::amount::Time;
use super::placed::Placed;

/// How a release becomes live.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::file) enum Strategy {
    /// One link is switched by one rename.
    Symlink,
}

/// A file or folder that outlives a release.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct Shared {
    /// Where, below the release: `.env` is a file, `logs/` a folder.
    pub(in crate::file) path: String,
    /// What happens to content that the release itself has there. Default: such content is refused.
    pub(in crate::file) seed: Option<Seed>,
}

/// What happens to content that a release itself has in a shared folder.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::file) enum Seed {
    /// It is copied to the shared folder once, when that is new.
    Once,
}

/// Commands, one in a line. A list in brackets is refused: a comma inside a command would split it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(in crate::file) struct Commands(pub(in crate::file) Vec<Placed<String>>);

/// The migration of the database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct Migrate {
    /// The command, run by `sh` in the new release.
    pub(in crate::file) run: Placed<String>,
    /// What it does to the old release.
    pub(in crate::file) verdict: MigrateVerdict,
    /// Its time limit. Default: `15m`.
    pub(in crate::file) timeout: Option<Placed<Time>>,
    /// A command that prints where the database stands, such as the newest migration in it: run in the new release before
    /// and after the migration, and kept with the release. A migration that leaves it as it was moved nothing.
    pub(in crate::file) head: Option<Placed<String>>,
}

/// What a migration does to the old release.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::file) enum MigrateVerdict {
    /// It only adds: the old release works on, so the host may go back by itself.
    ExpandOnly,
    /// The old release cannot work any more. Needs `allow: [one-way]`, here or with each deploy.
    OneWay,
}

/// Where releases come from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::file) struct Source {
    /// `archive`: what GitHub packs for the tag's commit. The default when neither `folder` nor `git` is given.
    pub(in crate::file) from: Option<SourceFrom>,
    /// A folder of the workspace, such as `dist`: what an earlier step built.
    pub(in crate::file) folder: Option<Placed<String>>,
    /// A git URL or directory, read with the program `git` where the controller runs.
    pub(in crate::file) git: Option<Placed<String>>,
    /// What is left out: patterns such as `docs/**`.
    #[serde(default)]
    pub(in crate::file) exclude: Vec<Placed<String>>,
}

/// The word for the usual source.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::file) enum SourceFrom {
    /// What GitHub packs for the tag's commit.
    Archive,
}
