//! The hands on a real host: systemd, sudo, cron and nginx in a container, an app under another user, an ordinary
//! deploy user. World: hosts (a docker engine and the image `rdhost:bookworm`).
//!
//! This program is also what travels to the host: there it is the root face (`root …`), the watchdog that units start
//! (`watchdog ROOT`), and the scenes below (`inside NAME`), which run as the deploy user.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test on a throw-away host"
)]

use std::process::ExitCode;

#[path = "hands_hosts/inside.rs"]
mod inside;
#[path = "hands_hosts/outside.rs"]
mod outside;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["root", ..] => return rollback_deploy::root::main(&args[1..]),
        ["watchdog", root] => inside::watchdog(root),
        ["inside", scene] => inside::play(scene),
        words if words.contains(&"--list") => println!("hands_on_a_real_host: test"),
        words if words.iter().any(|word| word.ends_with("ignored")) => outside::run(),
        _ => println!("test hands_on_a_real_host ... ignored, world: hosts\n"),
    }
    ExitCode::SUCCESS
}
