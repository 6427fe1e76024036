//! Which face am I? Then an exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use rollback_deploy::{action, cli, host_face};

mod nss;

fn main() -> ExitCode {
    nss::configure();
    rollback_deploy::install_tls();
    let args: Vec<OsString> = std::env::args_os().collect();
    let name = args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.ends_with("rollback-deploy-post") {
        return action::post();
    }
    match args.get(1).and_then(|verb| verb.to_str()) {
        Some("agent" | "watchdog" | "keeper") => host_face::main(&args[1..]),
        Some("root") => rollback_deploy::root::main(&args[2..]),
        None if action::is_our_runner() => action::main(),
        _ => cli::main(args),
    }
}
