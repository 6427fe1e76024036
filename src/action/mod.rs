//! The GitHub face: inputs, outputs, workflow commands, post step. May use everything below it.
//!
//! | file | what |
//! |---|---|
//! | [`inputs`], [`values`] | `INPUT_*` → [`Wish`] |
//! | [`context`] | what GitHub says of the run |
//! | [`mine`] | how the post step knows the changes of its main step |
//! | `deed`, `config`, `backup` | the verbs as this face calls them |
//! | [`init`] | PID 1: passes signals on and reaps |
//! | [`face`] | from a wish to outputs, summary and exit code |
//! | [`reference`] | `action.yml` and the pages that say the same |

#[cfg(all(feature = "github", feature = "ssh"))]
pub mod backup;
#[cfg(all(feature = "github", feature = "ssh"))]
pub mod config;
pub mod context;
#[cfg(all(feature = "github", feature = "ssh"))]
pub mod deed;
pub mod face;
pub mod init;
pub mod inputs;
pub mod mine;
pub mod reference;
mod values;

use std::collections::BTreeMap;
use std::process::ExitCode;

use async_trait::async_trait;

use self::context::Context;
use self::face::Step;
use self::mine::Mine;
use crate::verb::{Ended, Stage, Wish};

/// The verbs, as this face calls them.
#[async_trait]
pub trait Deed: Send + Sync + 'static {
    /// Carries a wish out, and first refuses runs of events that may go to no host ([`Context::event`],
    /// [`Context::started_by`]). On the first signal `stage.stop` is cancelled; what has not been settled and read back
    /// [`face::PATIENCE`] later is left to the watchdogs.
    async fn run(&self, wish: Wish, github: Context, stage: Stage) -> Ended;

    /// Asks every host of the wish, and aborts a change that is open there and [`Mine::is`] of this step.
    async fn settle(&self, wish: Wish, github: Context, mine: Mine, stage: Stage) -> Ended;
}

/// Whether this process was started as the action: by a runner, without arguments, in a step that has our inputs.
/// (`action` is declared, so the runner sets it even when nothing is written.)
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a face reads our environment")]
pub fn is_our_runner() -> bool {
    std::env::args_os().len() <= 1 && std::env::var_os(inputs::variable("action")).is_some()
}

/// The step itself: reads our environment, calls the verbs, writes what a step writes.
#[must_use]
pub fn main(deed: impl Deed) -> ExitCode {
    start(Step::Main, deed)
}

/// The post step: GitHub starts it after the job, in a new container, also when the step was killed. The image has a
/// second name for the program, as an entry point has no arguments.
#[must_use]
pub fn post(deed: impl Deed) -> ExitCode {
    start(Step::Post, deed)
}

fn start(step: Step, deed: impl Deed) -> ExitCode {
    if init::is_needed()
        && let Some(code) = init::run()
    {
        return code;
    }
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let outcome = runtime.block_on(face::run(step, environment(), Box::new(std::io::stdout()), deed));
    // Tasks that were cut off hold keys in files: dropped here, they remove them.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    ExitCode::from(outcome.exit_code())
}

/// Our environment; values that are not text are left out, as nothing that we read can be anything else.
#[expect(clippy::disallowed_methods, reason = "a face reads our environment")]
fn environment() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}
