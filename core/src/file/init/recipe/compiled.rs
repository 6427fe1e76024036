//! Go and Rust: one program, built where the workflow runs, so that a host needs no compiler.

use super::super::seen::Seen;
use super::{Recipe, guess};

pub(super) fn go(seen: &Seen, package: &str) -> Recipe {
    let program = package.rsplit('/').next().filter(|name| *name != ".").unwrap_or(seen.app.as_str());
    let build = format!("CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -o dist/{program} {package}");
    built(seen, program, vec!["mkdir -p dist".to_owned(), build])
}

pub(super) fn rust(seen: &Seen, program: &str) -> Recipe {
    // Static: the C library of the runner is newer than that of most hosts.
    let target = "x86_64-unknown-linux-musl";
    let commands = [
        "sudo apt-get update && sudo apt-get install --yes musl-tools".to_owned(),
        format!("rustup target add {target}"),
        format!("cargo build --release --target {target}"),
        format!("mkdir -p dist && cp target/{target}/release/{program} dist/"),
    ];
    built(seen, program, commands.to_vec())
}

fn built(seen: &Seen, program: &str, runner: Vec<String>) -> Recipe {
    Recipe {
        runner,
        folder: Some("dist".to_owned()),
        unit: Some(guess(seen, program)),
        port: Some(8080),
        ..Recipe::default()
    }
}
