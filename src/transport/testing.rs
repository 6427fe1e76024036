//! What the tests of this room share.

use rollback_deploy_core::model::{
    AbsPath, AppName, EnvironmentName, Manifest, ReleaseId, ReleaseInfo, Seconds, Settings, Source,
};
use rollback_deploy_core::wire::{Hello, Staging};

/// The build of both ends.
pub(super) fn hello() -> Hello {
    Hello { version: "1.2.3".into(), build: "tests".into() }
}

/// A small release with these files.
pub(super) fn staging(manifest: Manifest) -> Staging {
    let path = |text| AbsPath::new(text).unwrap();
    Staging {
        info: ReleaseInfo {
            version: ReleaseId::new("v1").unwrap(),
            tag: None,
            commit: None,
            source: Source::Folder { path: "dist".into() },
        },
        settings: Settings {
            app: AppName::new("web").unwrap(),
            environment: EnvironmentName::new("production").unwrap(),
            repository: None,
            root: path("/srv/web"),
            link: path("/srv/web/current"),
            keep: 5,
            shared: vec![],
            assets: vec![],
            build: vec![],
            build_timeout: Seconds(60),
            migrate: None,
            services: vec![],
            checks: vec![],
            environment_file: None,
            window: Seconds(60),
            hard_limit: Seconds(600),
            activate_timeout: Seconds(60),
        },
        manifest,
        by: "a test".into(),
        allow: vec![],
    }
}
