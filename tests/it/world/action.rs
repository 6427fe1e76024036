//! The action's image, built by `tests/world/action-image.sh` from the real Dockerfile.

use tempfile::TempDir;

use super::command::say;
use super::repository;
use super::runner::Program;

/// Its name on this machine.
const IMAGE: &str = "rollback-deploy:test";

/// The image, for the runner harness.
///
/// # Panics
/// It was not built: nothing of the action can be tested.
pub(crate) fn image() -> Program {
    let found = say("docker", &["image", "inspect", "-f", "ok", IMAGE], b"");
    assert!(found.ok(), "no image of the action: {}run `./test github`, or tests/world/action-image.sh", found.err);
    Program::Image(IMAGE.to_owned())
}

/// A folder that stands for the published action: the real `action.yml`, with the image that is already built. act would
/// build it anew for every run, as it is shipped.
pub(crate) fn published() -> TempDir {
    let real = std::fs::read_to_string(repository("action.yml")).expect("action.yml can be read");
    let built = real.replace("image: Dockerfile", &format!("image: docker://{IMAGE}"));
    assert_ne!(real, built, "action.yml names the Dockerfile as its image");
    let folder = TempDir::new().expect("a temporary folder");
    std::fs::write(folder.path().join("action.yml"), built).expect("our own folder");
    folder
}
