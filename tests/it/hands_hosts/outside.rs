//! Starts a host, plays the scenes on it, takes it down.

use std::process::Command;
use std::time::Duration;

/// A host that goes away with the test.
struct Host(String);

impl Drop for Host {
    fn drop(&mut self) {
        let _gone = Command::new("docker").args(["rm", "-f", "-v", &self.0]).output();
    }
}

impl Host {
    fn start() -> Self {
        let name = format!("rd-hands-{}", std::process::id());
        let args = "run -d --network none --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE --security-opt seccomp=unconfined --tmpfs /run \
            --tmpfs /run/lock -v /sys/fs/cgroup:/sys/fs/cgroup:rw --cgroupns=host --name";
        let mut command = Command::new("docker");
        command.args(args.split_whitespace()).args([&name, "rdhost:bookworm", "/lib/systemd/systemd"]);
        let host = Self(name);
        let started = command.output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        host.wait_until_up();
        host
    }

    fn wait_until_up(&self) {
        for _ in 0..600 {
            let state =
                Command::new("docker").args(["exec", &self.0, "systemctl", "is-system-running"]).output().unwrap();
            if matches!(String::from_utf8_lossy(&state.stdout).trim(), "running" | "degraded") {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the host does not come up");
    }

    #[expect(clippy::unused_self, reason = "only while the host is there")]
    fn docker(&self, args: &[&str]) {
        let ended = Command::new("docker").args(args).output().unwrap();
        assert!(ended.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }

    fn sh(&self, script: &str) {
        self.docker(&["exec", &self.0, "sh", "-euc", script]);
    }

    /// Plays a scene as a user; what it says goes to our own output.
    fn play(&self, user: &str, scene: &str) {
        println!("scene {scene}, as {user}");
        let status = Command::new("docker")
            .args([
                "exec",
                "-u",
                user,
                "-e",
                &format!("HOME=/home/{user}"),
                "-e",
                "RUST_BACKTRACE=0",
                &self.0,
                "/home/deploy/agent",
                "inside",
                scene,
            ])
            .status()
            .unwrap();
        assert!(status.success(), "the scene {scene} failed");
    }
}

const UNITS: &str = r#"
unit() { cat > "/etc/systemd/system/$1"; }
unit web.service <<X
[Service]
User=app
WorkingDirectory=/srv/diary/current
ExecStart=/bin/sh ./serve
X
unit plain.service <<X
[Service]
User=app
ExecStart=/bin/sleep infinity
X
unit sock.socket <<X
[Socket]
ListenStream=127.0.0.1:7001
[Install]
WantedBy=sockets.target
X
unit sock.service <<X
[Service]
User=app
WorkingDirectory=/srv/diary/current
ExecStart=/bin/sh ./serve
X
unit loop.service <<X
[Unit]
StartLimitIntervalSec=0
[Service]
User=app
WorkingDirectory=/srv/diary/current
ExecStart=/bin/sh ./serve
Restart=always
RestartSec=100ms
X
unit boxed.service <<X
[Service]
ReadWritePaths=/srv/diary/current/media
ExecStart=/bin/sleep infinity
ExecReload=/bin/true
X
unit gentle.service <<X
[Service]
User=app
WorkingDirectory=/srv/diary/current
ExecStart=/bin/sh ./serve
ExecReload=/bin/kill -HUP \$MAINPID
X
ln -s /dev/null /etc/systemd/system/masked.service
systemctl daemon-reload
systemctl enable --now --quiet sock.socket
systemctl start cron
"#;

pub(super) fn run() {
    let host = Host::start();
    host.sh(
        "useradd -m -s /bin/sh deploy && useradd -m app && echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/full",
    );
    host.sh(UNITS);
    let own = std::env::current_exe().unwrap();
    host.docker(&["cp", own.to_str().unwrap(), &format!("{}:/home/deploy/agent", host.0)]);
    host.sh("chown deploy: /home/deploy/agent; chmod 755 /home/deploy/agent /home/deploy");

    host.play("deploy", "set-up-with-full-sudo");
    host.sh("rm /etc/sudoers.d/full; systemd-analyze verify /etc/systemd/system/rollback-deploy-*");
    host.play("deploy", "limits-of-the-root-face");
    host.play("deploy", "activate-and-prove");
    host.play("deploy", "sockets");
    host.play("deploy", "checks-and-logs");
    host.sh("mkdir -p /srv/diary/releases/old/made && chown app: /srv/diary/releases/old/made && touch /srv/diary/releases/old/made/by-app");
    host.play("deploy", "prune");
    host.play("deploy", "watchdog-by-systemd");
    // A restart of the host while a change is open.
    host.sh("touch /srv/diary/.rollback-deploy/slow; rm -f /srv/diary/shared/watchdog; touch /srv/diary/.rollback-deploy/pending");
    host.docker(&["restart", "-t", "0", &host.0]);
    host.wait_until_up();
    host.play("deploy", "watchdog-after-a-restart");
    host.play("deploy", "crontab");
    host.play("root", "remove");
    println!("test hands_on_a_real_host ... ok");
    println!("\ntest result: ok. 1 passed; 0 failed; 0 ignored");
}
