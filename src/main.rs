//! Which face am I? Then an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

#[cfg(all(feature = "github", feature = "ssh"))]
use rollback_deploy::action;
use rollback_deploy::{cli, host_face};

mod nss;

fn main() -> ExitCode {
    nss::configure();
    rollback_deploy::install_tls();
    let args: Vec<OsString> = std::env::args_os().collect();
    match args.get(1).and_then(|verb| verb.to_str()) {
        Some("agent" | "watchdog" | "keeper") => host_face::main(&args[1..]),
        Some("demo-app") => cli::demo::app_main(&args[2..]),
        Some("root") => rollback_deploy::root::main(&args[2..]),
        #[cfg(all(feature = "github", feature = "ssh"))]
        _ if called_post(&args) => action::post(action::deed::Deeds),
        #[cfg(all(feature = "github", feature = "ssh"))]
        _ if action::is_our_runner() => action::main(action::deed::Deeds),
        _ => cli::main(args),
    }
}

/// GitHub starts the post step by a name of its own: an entry point has no arguments.
#[cfg(all(feature = "github", feature = "ssh"))]
fn called_post(args: &[OsString]) -> bool {
    args.first().is_some_and(|name| std::path::Path::new(name).ends_with("rollback-deploy-post"))
}
