//! A host to deploy to: Debian with systemd, sshd, nginx and the sample app's unit, in a container.

mod options;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

pub(crate) use options::{App, Options, Sudo};

use super::command::{Said, await_some, must, say};
use super::{HOST_IMAGE, free_port, label, repository, unique};

/// Who deploys.
pub(crate) const USER: &str = "deploy";
/// nginx inside the host.
pub(crate) const SITE: u16 = 80;
/// nginx inside the host, for a second app.
pub(crate) const SECOND_SITE: u16 = 8080;
/// A host is up within seconds; a machine that builds at the same time may need longer.
const BOOT: Duration = Duration::from_secs(90);

/// A running host, gone when dropped.
pub(crate) struct Host {
    name: String,
    keys: TempDir,
    ports: Ports,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    ssh: u16,
    site: u16,
    second_site: u16,
}

impl Host {
    /// Starts a host and waits until it is up.
    ///
    /// # Panics
    /// No engine answers, or the image is missing: a test of hosts that cannot run has failed.
    pub(crate) fn start(options: &Options) -> Self {
        let image = say("docker", &["image", "inspect", "-f", "ok", HOST_IMAGE], b"");
        assert!(
            image.ok(),
            "no host to test on: {}run `./test hosts`, or tests/world/docker.sh up and tests/world/host-image.sh",
            image.err
        );
        // Chosen by us: an engine that chooses would choose again at a restart.
        let ports = Ports { ssh: free_port(), site: free_port(), second_site: free_port() };
        let host = Self { name: unique("host"), keys: TempDir::new().expect("a temporary folder"), ports };
        let publish = |outside: u16, inside: u16| format!("127.0.0.1:{outside}:{inside}");
        let (ssh, site, second) =
            (publish(ports.ssh, 22), publish(ports.site, SITE), publish(ports.second_site, SECOND_SITE));
        let label = label();
        let mut arguments = vec!["run", "-d", "--name", &host.name, "--hostname", "web-1", "--label", &label];
        // systemd as PID 1 needs these, and needs no more: not --privileged.
        arguments.extend(["--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE"]);
        arguments.extend(["--security-opt", "seccomp=unconfined", "--tmpfs", "/run", "--tmpfs", "/run/lock"]);
        arguments.extend(["-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "--cgroupns=host"]);
        arguments.extend(["-p", &ssh, "-p", &site, "-p", &second]);
        arguments.extend(options.docker.iter().map(String::as_str));
        arguments.extend([HOST_IMAGE, "/lib/systemd/systemd"]);
        must("docker", &arguments, b"");
        host.await_whole();
        host.set_up(options);
        host
    }

    fn set_up(&self, options: &Options) {
        let key = self.key();
        must("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key.to_str().expect("UTF-8")], b"");
        let public = std::fs::read(key.with_extension("pub")).expect("ssh-keygen wrote it");
        let sudo = if options.sudo == Sudo::Everything { "everything" } else { "nothing" };
        self.script("user.sh", &[USER, options.shell, sudo], &public);
        for app in &options.apps {
            self.exec(&format!("install -d -m 755 -o {USER} -g {USER} {}", app.root));
            let listen = if app.socket { "socket" } else { "itself" };
            let (port, site) = (app.port.to_string(), app.site.to_string());
            self.script("app.sh", &[app.unit, app.live, USER, &port, listen, &site], b"");
        }
    }

    /// Copies a script of tests/world/host there and runs it as root.
    fn script(&self, name: &str, arguments: &[&str], input: &[u8]) {
        let text = std::fs::read(repository("tests/world/host").join(name)).expect("a script of ours");
        let there = format!("/root/{name}");
        self.put_file(&there, &text);
        let run = ["exec", "-i", &self.name, "sh", &there];
        must("docker", &[&run, arguments].concat(), input);
    }

    /// A new host is whole: nothing on it has failed.
    fn await_whole(&self) {
        await_some(&format!("{} is up", self.name), BOOT, || {
            let state = say("docker", &["exec", &self.name, "systemctl", "is-system-running"], b"").out;
            match state.trim() {
                "running" => Some(()),
                "degraded" => panic!("{} is degraded:\n{}", self.name, self.exec("systemctl --failed --no-pager")),
                _ => None,
            }
        });
    }

    /// People can log in again. What a test deployed may well have failed at this boot, or still be starting.
    fn await_logins(&self) {
        let ready = "systemctl is-active -q ssh.service && systemctl is-active -q systemd-user-sessions.service";
        await_some(&format!("{} is up again", self.name), BOOT, || self.try_exec(ready).ok().then_some(()));
    }

    /// The container's name, for docker.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// sshd's port on this machine's loopback.
    pub(crate) fn ssh_port(&self) -> u16 {
        self.ports.ssh
    }

    /// nginx's port on this machine's loopback; `second` for the second app.
    pub(crate) fn site_port(&self, app: &App) -> u16 {
        if app.site == SITE { self.ports.site } else { self.ports.second_site }
    }

    /// Its address among containers, where sshd listens on 22.
    pub(crate) fn address(&self) -> Ipv4Addr {
        let format = "{{.NetworkSettings.IPAddress}}";
        must("docker", &["inspect", "-f", format, &self.name], b"").parse().expect("an address of the bridge")
    }

    /// The file of the private key that may log in.
    pub(crate) fn key(&self) -> PathBuf {
        self.keys.path().join("id")
    }

    /// Its key lines, for loopback with our port and for its address among containers. Read inside, as on a console.
    pub(crate) fn ssh_known_hosts(&self) -> String {
        let key = self.host_key();
        format!("[127.0.0.1]:{} {key}\n{} {key}\n", self.ssh_port(), self.address())
    }

    /// The fingerprint of its host key, as `ssh-keygen -lf` says it: `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> String {
        let line = self.exec("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
        line.split_whitespace().nth(1).expect("bits, fingerprint, comment").to_owned()
    }

    fn host_key(&self) -> String {
        let line = self.exec("cat /etc/ssh/ssh_host_ed25519_key.pub");
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// Runs a shell line inside as root, which must succeed; its output without the last newline.
    pub(crate) fn exec(&self, line: &str) -> String {
        must("docker", &["exec", &self.name, "sh", "-c", line], b"")
    }

    /// Runs a shell line inside as root, whatever comes of it.
    pub(crate) fn try_exec(&self, line: &str) -> Said {
        say("docker", &["exec", &self.name, "sh", "-c", line], b"")
    }

    /// Logs in as the deploy user with the real client and runs a command line, as its login shell reads it.
    pub(crate) fn ssh(&self, line: &str) -> Said {
        let known = self.keys.path().join("known_hosts");
        std::fs::write(&known, self.ssh_known_hosts()).expect("our own folder");
        let (known, port) = (format!("UserKnownHostsFile={}", known.display()), self.ssh_port().to_string());
        let key = self.key();
        let mut arguments = vec!["-F", "/dev/null", "-o", &known, "-o", "StrictHostKeyChecking=yes"];
        arguments.extend(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=5"]);
        let user = format!("{USER}@127.0.0.1");
        arguments.extend(["-i", key.to_str().expect("UTF-8"), "-p", &port, &user, line]);
        say("ssh", &arguments, b"")
    }

    /// The bytes of a file inside, or nothing when there is none.
    pub(crate) fn read_file(&self, path: &str) -> Option<String> {
        let said = say("docker", &["exec", &self.name, "cat", "--", path], b"");
        said.ok().then_some(said.out)
    }

    /// Writes a file inside as root, mode 0644.
    pub(crate) fn put_file(&self, path: &str, content: &[u8]) {
        must("docker", &["exec", "-i", &self.name, "sh", "-c", "cat >\"$1\"", "sh", path], content);
    }

    /// Copies a file or a folder of this machine into the host.
    pub(crate) fn copy_in(&self, from: &Path, to: &str) {
        must("docker", &["cp", from.to_str().expect("UTF-8"), &format!("{}:{to}", self.name)], b"");
    }

    /// What a visitor gets from nginx for this path: status and body.
    pub(crate) fn get(&self, app: &App, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.site_port(app));
        let said = say("curl", &["-s", "--max-time", "10", "-w", "\n%{http_code}", &url], b"");
        let (body, status) = said.out.rsplit_once('\n').unwrap_or(("", "000"));
        (status.parse().unwrap_or(0), body.trim_end().to_owned())
    }

    /// The version that a visitor is served, or nothing when nothing answers.
    pub(crate) fn app_version(&self, app: &App) -> Option<String> {
        match self.get(app, "/version") {
            (200, version) => Some(version),
            _ => None,
        }
    }

    /// Which boot this is: when PID 1 started, and in which namespace of boots.
    pub(crate) fn boot(&self) -> String {
        self.exec("cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat")
    }

    /// Pulls the plug, puts it back, and waits until people can log in. What was only in memory is gone.
    pub(crate) fn reboot(&self) {
        must("docker", &["restart", "-t", "0", &self.name], b"");
        self.await_logins();
    }

    /// Pulls the plug.
    pub(crate) fn power_off(&self) {
        must("docker", &["kill", &self.name], b"");
    }

    /// Puts the plug back in, and waits until people can log in.
    pub(crate) fn power_on(&self) {
        must("docker", &["start", &self.name], b"");
        self.await_logins();
    }

    /// Lets SSH fall silent in both directions: no reset, no end, as when a cable is pulled.
    pub(crate) fn cut_network(&self) {
        for (chain, port) in [("INPUT", "--dport"), ("OUTPUT", "--sport")] {
            self.exec(&format!("iptables -I {chain} -p tcp {port} 22 -j DROP"));
        }
    }

    /// Undoes [`Host::cut_network`].
    pub(crate) fn mend(&self) {
        for (chain, port) in [("INPUT", "--dport"), ("OUTPUT", "--sport")] {
            self.exec(&format!("iptables -D {chain} -p tcp {port} 22 -j DROP"));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What a person would look at first, with the test's own words.
            let journal = self.try_exec("journalctl -b --no-pager -n 60; ls -la /srv/*/ 2>/dev/null");
            eprintln!("--- {} ---\n{}{}", self.name, journal.out, journal.err);
        }
        say("docker", &["rm", "-f", "-v", &self.name], b"");
    }
}
