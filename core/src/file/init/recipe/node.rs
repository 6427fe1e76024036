//! Node.js programs, built on the host, and pages, built where the workflow runs.

use super::super::kind::Node;
use super::super::seen::Seen;
use super::{Recipe, guess, on};

pub(super) fn program(seen: &Seen, node: Node) -> Recipe {
    // Only a build leaves something to take away.
    let trim = node.build.and(node.trim);
    let build = [Some(node.install), node.build, trim].into_iter().flatten().map(on).collect();
    Recipe { build, unit: Some(guess(seen, "SCRIPT")), port: Some(3000), ..Recipe::default() }
}

pub(super) fn pages(node: Node, output: &str) -> Recipe {
    Recipe {
        runner: [Some(node.install), node.build].into_iter().flatten().map(str::to_owned).collect(),
        folder: Some(output.to_owned()),
        essential: Some("index.html".to_owned()),
        pages: Some(String::new()),
        ..Recipe::default()
    }
}
