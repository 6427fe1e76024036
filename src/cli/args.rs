//! The words of the command line. The same verbs as the action's, with the same words.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Makes every deploy one that can be taken back.
#[derive(Debug, Parser)]
#[command(name = "rollback-deploy", version, about, disable_help_subcommand = true)]
pub struct Args {
    /// What all verbs take.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What all verbs take.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// The deploy file; otherwise .github/rollback-deploy.yml here or above.
    #[arg(long, short = 'f', global = true, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The environment of the deploy file; needed when it has several.
    #[arg(long, short = 'e', global = true, value_name = "NAME")]
    pub environment: Option<String>,
    /// The app's folder on this machine: works here, without a deploy file.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
    /// Only these hosts of the environment, by label.
    #[arg(long = "host", global = true, value_name = "LABEL")]
    pub hosts: Vec<String>,
    /// Overrides, each named in the refusal that it lifts.
    #[arg(long, global = true, value_name = "WORD", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// How long to wait for somebody else's change, in seconds.
    #[arg(long, global = true, value_name = "SECONDS")]
    pub wait: Option<u64>,
    /// Events as JSON, one a line.
    #[arg(long, global = true)]
    pub json: bool,
    /// Only warnings, failures and the end.
    #[arg(long, short = 'q', global = true)]
    pub quiet: bool,
    /// A host build to bring to hosts, when none lies beside this program.
    #[arg(long = "agent", global = true, value_name = "FILE")]
    pub agents: Vec<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Deploy a version: a tag, `latest`, a part (1.4), a range (^1.4), or a branch.
    Deploy {
        /// The version.
        version: Option<String>,
        /// A git URL or directory, when it is not the source of the deploy file.
        repository: Option<String>,
    },
    /// Go back to the previous proven release, or to a named one.
    Rollback {
        /// A version that is on the hosts; otherwise the previous proven one.
        version: Option<String>,
        /// Bring the environment file of that release back with it.
        #[arg(long)]
        with_env: bool,
    },
    /// Say exactly what a deploy would do on each host; changes nothing.
    Plan {
        /// The version.
        version: Option<String>,
        /// A git URL or directory, when it is not the source of the deploy file.
        repository: Option<String>,
    },
    /// What runs now, what is open, what a rollback would go to.
    Status,
    /// All releases on the hosts.
    List,
    /// All changes, newest first.
    History {
        /// How many.
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: u32,
    },
    /// Ask the checks of what is live; exits with 9 when the answer is no.
    Health,
    /// Lines of the services' journals and files.
    Logs {
        /// Go on as they come.
        #[arg(long, short = 'F')]
        follow: bool,
        /// How many old lines.
        #[arg(long, short = 'n', default_value_t = 100)]
        lines: u32,
        /// Only this unit.
        #[arg(long)]
        unit: Vec<String>,
        /// Only this file, below the live release or absolute.
        #[arg(long)]
        log: Vec<String>,
    },
    /// Remove releases that nothing needs.
    Prune,
    /// Keep the open change for good: recorded as your decision.
    Confirm,
    /// Take the open change back.
    Abort,
    /// Set the hosts up, once.
    Setup {
        /// Only say what would be done.
        #[arg(long, conflicts_with_all = ["check", "remove"])]
        plan: bool,
        /// Only say whether it is done; exits with 9 when not.
        #[arg(long, conflicts_with = "remove")]
        check: bool,
        /// Take everything of ours off the hosts, but not the releases.
        #[arg(long)]
        remove: bool,
    },
    /// Read the deploy file and report every mistake at once.
    Validate,
    /// Write a first deploy file and workflows into this repository.
    Init,
    /// Show all of it on this machine, in under a minute.
    Demo,
}
