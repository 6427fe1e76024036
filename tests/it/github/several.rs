//! Two hosts of one environment, reached through a jump host, with the key as people paste it: all or none.

use base64::Engine as _;

use super::scene::{CANARY, FIRST, SECOND, Scene, program};
use crate::world::host::{App, Host, Options};
use crate::world::runner::{Runner, Stage};

/// web-1 is the scene's own host, and the jump host as well.
struct Pair {
    scene: Scene,
    second: Host,
}

impl Pair {
    fn new() -> Self {
        let (scene, second) = (Scene::new(), Host::start(&Options::default()));
        let public = std::fs::read_to_string(scene.host.key().with_extension("pub")).unwrap();
        second.exec(&format!("echo '{}' >>/home/deploy/.ssh/authorized_keys", public.trim()));
        let (one, two) = (scene.host.address(), second.address());
        // The check fails where a file says so, for one release only.
        let text = format!(
            "version: 1\napp: diary\nenvironments:\n  production:\n    \
             hosts: {{ web-1: deploy@{one}, web-2: deploy@{two} }}\n    \
             known-hosts: [\"{}\", \"{}\"]\n    jump-host: deploy@{one}\n    root: /srv/diary\n    \
             shared: [.env]\n    services: [webapp]\n    health:\n      \
             - http: {{ url: \"http://127.0.0.1:5000/health\", within: 8s }}\n      \
             - command: {{ run: \"test ! -e /tmp/no-$(basename $(readlink /srv/diary/current))\" }}\n",
            scene.host.fingerprint(),
            second.fingerprint()
        );
        scene.write(".github/rollback-deploy.yml", &text);
        scene.sample.git(&["add", "--all"]);
        scene.sample.git(&["commit", "--quiet", "--message", "two hosts"]);
        scene.github.serve("org/diary", scene.sample.folder());
        Self { scene, second }
    }

    /// The key as one line of base64, with the line ends of another system.
    fn step(&self, action: &str, version: &str) -> Runner {
        let mut runner = self.scene.runner(program());
        let pasted = base64::engine::general_purpose::STANDARD.encode(self.scene.key().replace('\n', "\r\n"));
        runner.input("key", &pasted);
        runner.input("action", action);
        runner.input("version", version);
        runner
    }

    fn live(&self) -> [String; 2] {
        [&self.scene.host, &self.second].map(|host| host.exec("readlink /srv/diary/current || true"))
    }

    fn served(&self) -> [Option<String>; 2] {
        [&self.scene.host, &self.second].map(|host| host.app_version(&App::default()))
    }
}

#[test]
#[ignore = "world: github"]
fn two_hosts_through_a_jump_host_change_together_or_not_at_all() {
    let pair = Pair::new();

    // web-2 lacks a shared file: that is seen before either of them is touched.
    let refused = pair.step("deploy", FIRST).run(Stage::Main);
    assert_eq!(refused.code, Some(3), "{}", refused.console.text());
    assert!(refused.console.text().contains("web-2"), "{}", refused.console.text());
    assert!(refused.console.text().contains(".env"), "{}", refused.console.text());
    assert_eq!(pair.live(), ["", ""]);

    pair.second.exec(&format!(
        "install -d -o deploy -g deploy /srv/diary/shared && echo GREETING={CANARY} >/srv/diary/shared/.env && \
         chown deploy /srv/diary/shared/.env"
    ));
    let first = pair.step("deploy", FIRST).run(Stage::Main);
    assert!(first.success(), "{}", first.console.text());
    assert_eq!(pair.served(), [Some(FIRST.to_owned()), Some(FIRST.to_owned())]);
    // Who says what can be told apart.
    for label in ["web-1", "web-2"] {
        let lines = first.console.text().lines().filter(|line| line.contains(label)).count();
        assert!(lines > 5, "{label}: {}", first.console.text());
        assert!(first.summary.contains(label), "{}", first.summary);
    }
    let names: Vec<String> = pair.scene.github.artifacts().into_iter().map(|artifact| artifact.name).collect();
    for label in ["web-1", "web-2"] {
        let name = format!("deployment-backup-production-{FIRST}-{label}-7-1");
        assert!(names.contains(&name), "{names:?}");
    }
    // Nobody came to web-2 but through the jump host.
    let accepted = pair.second.exec("journalctl -u ssh -o cat | grep '^Accepted publickey'");
    let from = format!(" from {} ", pair.scene.host.address());
    assert!(accepted.lines().all(|line| line.contains(&from)), "{accepted}");
    pair.scene.assert_no_secret_left(&first);

    // One of two fails its check after both were switched: both go back.
    pair.second.exec(&format!("touch /tmp/no-{SECOND}"));
    let failed = pair.step("deploy", SECOND).run(Stage::Main);
    assert_eq!(failed.code, Some(4), "{}", failed.console.text());
    assert_eq!(pair.served(), [Some(FIRST.to_owned()), Some(FIRST.to_owned())]);
    for host in [&pair.scene.host, &pair.second] {
        assert!(host.try_exec("test ! -e /srv/diary/.rollback-deploy/pending").ok());
    }

    // Without the obstacle, forward; then back on both.
    pair.second.exec(&format!("rm /tmp/no-{SECOND}"));
    let mut again = pair.step("deploy", SECOND);
    again.input("allow", "known-bad");
    let again = again.run(Stage::Main);
    assert!(again.success(), "{}", again.console.text());
    assert_eq!(pair.served(), [Some(SECOND.to_owned()), Some(SECOND.to_owned())]);
    let back = pair.step("rollback", "").run(Stage::Main);
    assert!(back.success(), "{}", back.console.text());
    assert_eq!(pair.served(), [Some(FIRST.to_owned()), Some(FIRST.to_owned())]);
}
