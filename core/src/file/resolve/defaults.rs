//! What holds when nothing is said: the one place for defaults. The reference page says the same; a test compares.

use crate::model::{AbsPath, AppName, CheckFrom, EnvironmentName, Seconds, Settings, check::Http};

pub(in crate::file) const KEEP: u32 = 5;
pub(in crate::file) const BUILD_TIMEOUT: Seconds = Seconds(15 * 60);
pub(in crate::file) const MIGRATE_TIMEOUT: Seconds = Seconds(15 * 60);
pub(in crate::file) const WINDOW: Seconds = Seconds(120);
pub(in crate::file) const HARD_LIMIT: Seconds = Seconds(30 * 60);
pub(in crate::file) const ACTIVATE_TIMEOUT: Seconds = Seconds(90);
pub(in crate::file) const WAIT: Seconds = Seconds(0);
pub(in crate::file) const TAG_PREFIX: &str = "v";
pub(in crate::file) const ENVIRONMENT_FILE: &str = ".env";
/// Checks of what has to start first are asked again this long.
pub(in crate::file) const WITHIN: Seconds = Seconds(30);
/// Other checks are asked once.
pub(in crate::file) const ONCE: Seconds = Seconds(0);
pub(in crate::file) const HTTP_TIMEOUT: Seconds = Seconds(10);
pub(in crate::file) const COMMAND_TIMEOUT: Seconds = Seconds(30);
pub(in crate::file) const STATUS: u16 = 200;
pub(in crate::file) const FREE_PERCENT: u8 = 10;
pub(in crate::file) const PORT_ADDRESS: &str = "127.0.0.1";
pub(in crate::file) const FROM: CheckFrom = CheckFrom::Host;
pub(in crate::file) const ERROR_PATTERNS: [&str; 4] = ["ERROR", "CRITICAL", "FATAL", "Traceback"];

/// The live link of a root; absent only when the root is as long as a path can be.
pub(in crate::file) fn link(root: &AbsPath) -> Option<AbsPath> {
    AbsPath::new(format!("{root}/current")).ok()
}

/// An HTTP question with only its URL.
pub(in crate::file) fn http(url: String) -> Http {
    Http {
        url,
        status: STATUS,
        header: std::collections::BTreeMap::new(),
        text: None,
        json: std::collections::BTreeMap::new(),
        timeout: HTTP_TIMEOUT,
    }
}

/// The settings of an app of which nothing else is known.
pub(in crate::file) fn settings(app: AppName, environment: EnvironmentName, root: AbsPath, link: AbsPath) -> Settings {
    Settings {
        app,
        environment,
        repository: None,
        root,
        link,
        keep: KEEP,
        shared: Vec::new(),
        assets: Vec::new(),
        build: Vec::new(),
        build_timeout: BUILD_TIMEOUT,
        migrate: None,
        services: Vec::new(),
        checks: Vec::new(),
        environment_file: None,
        window: WINDOW,
        hard_limit: HARD_LIMIT,
        activate_timeout: ACTIVATE_TIMEOUT,
    }
}
