//! Fixtures: real parts that tests start and that are gone when they are dropped.

pub(crate) mod act;
pub(crate) mod action;
pub(crate) mod command;
pub(crate) mod github;
pub(crate) mod host;
pub(crate) mod load;
pub(crate) mod runner;
pub(crate) mod sample;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// How everything is named that the tests start.
const NAME: &str = "rollback-deploy-test";

/// Every container and network of a test run carries it, so that nothing else is ever taken down.
pub(crate) fn label() -> String {
    let run = std::env::var("ROLLBACK_DEPLOY_TEST_RUN").unwrap_or_else(|_| "by-hand".to_owned());
    format!("{NAME}={run}")
}

/// The image of a host, made by `tests/world/host-image.sh`.
pub(crate) const HOST_IMAGE: &str = "rdhost:bookworm";

/// A file of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where `./test` keeps what it made for the tests: tools and downloaded descriptions.
pub(crate) fn made(path: &str) -> PathBuf {
    // The target folder is one or two above, as cargo was given a target or not.
    let above = Path::new(env!("CARGO_TARGET_TMPDIR")).ancestors().map(|folder| folder.join("world"));
    let folder = above.skip(1).find(|folder| folder.is_dir()).expect("the folder of the world; run `./test`");
    folder.join(path)
}

/// A name that no other test of this machine uses at the same time.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{NAME}-{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A port of loopback that nothing listens on. Below the ports that the kernel gives to clients, so that none takes it
/// between this question and its use.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Runs beside each other, whose numbers follow each other, begin far apart.
    let start = std::process::id().wrapping_mul(1009) % 9000;
    for _ in 0..9000 {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 9000;
        let port = 21_000 + u16::try_from(offset).expect("below 9000");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 21000 and 30000");
}
