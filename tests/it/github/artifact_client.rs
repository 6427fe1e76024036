//! The official client of the artifact service against the fake: what GitHub's own program can do there, ours must be
//! able to do, and what the fake is strict about is what that client keeps to.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::world::command::Said;
use crate::world::github::{GitHub, Origin};
use crate::world::made;

fn client(github: &GitHub, arguments: &[&str]) -> Said {
    let program = made("artifact-client/client.js");
    assert!(program.is_file(), "{} is missing; run `./test github`", program.display());
    let mut command = Command::new("node");
    command.arg(program).args(arguments).stdin(Stdio::null());
    command.env("ACTIONS_RESULTS_URL", github.results_url("127.0.0.1"));
    command.env("ACTIONS_RUNTIME_TOKEN", github.runtime_token(7));
    command.env("GITHUB_SERVER_URL", "https://github.com").env("GITHUB_WORKSPACE", "/");
    command.output().expect("node is installed").into()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
#[ignore = "world: github"]
fn the_official_client_uploads_lists_and_downloads() {
    let (github, folder) = (GitHub::start(), tempfile::TempDir::new().unwrap());
    let file = folder.path().join("manifest.txt");
    std::fs::write(&file, "release v1.0.0\n".repeat(5000)).unwrap();
    let said = client(&github, &["upload", "backup", text(&file)]);
    assert!(said.ok(), "{said:?}");
    let artifacts = github.artifacts();
    assert_eq!((artifacts.len(), artifacts[0].name.as_str()), (1, "backup"));
    assert!(said.out.contains(&format!("id={}", artifacts[0].id)), "{said:?}");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&artifacts[0].zip)).unwrap();
    assert_eq!(zip.by_name("manifest.txt").unwrap().size(), 75_000);

    let said = client(&github, &["list"]);
    assert!(said.out.contains("\"name\":\"backup\""), "{said:?}");
    let there = folder.path().join("there");
    let said = client(&github, &["download", "backup", text(&there)]);
    assert!(said.out.contains("mismatch=false"), "{said:?}");
    assert_eq!(std::fs::read(there.join("manifest.txt")).unwrap(), std::fs::read(&file).unwrap());
    let storage = github.seen().iter().filter(|seen| seen.asked.origin == Origin::Storage).count();
    assert!(storage >= 3, "a block, a list and a download: {storage}");
    github.assert_no_token_left_the_api();
}
