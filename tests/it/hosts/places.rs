//! Hosts as they are found: login shells, name services of another C library, a jump host, several at once.

use super::first::has;
use super::operator::{File, Operator};
use crate::world::command::must;
use crate::world::host::{App, Host, Options, USER};
use crate::world::sample::Behaviour;

#[test]
#[ignore = "world: hosts"]
fn login_shells_that_are_no_shells_of_posix() {
    let app = App::default();
    for shell in ["fish", "tcsh"] {
        let host = Host::start(&Options { shell, ..Options::default() });
        // A start file that prints something is noise, not an answer.
        host.exec(&format!("printf 'echo welcome\\n' | tee ~{USER}/.cshrc >~{USER}/.tcshrc; mkdir -p ~{USER}/.config/fish; echo 'echo welcome' >~{USER}/.config/fish/config.fish; chown -R {USER} ~{USER}"));
        let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
        for line in [&["deploy", "v1.0.0"][..], &["deploy", "v1.1.0"], &["rollback"]] {
            has(&ada.ends(0, line), &["confirmed: v1."]);
        }
        has(&ada.ends(4, &["deploy", "v1.2.0-no-start"]), &["v1.0.0 runs and is healthy"]);
        assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"), "{shell}");
    }
}

/// A name service that writes down which programs load it.
const TELLTALE: &str = r#"
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
    char line[4097];
    ssize_t length = readlink("/proc/self/exe", line, 4096);
    int file = open("/tmp/loaded-by", O_WRONLY | O_APPEND);
    if (length < 0 || file < 0) return;
    line[length] = '\n';
    if (write(file, line, length + 1) < 0) return;
    close(file);
}
"#;

/// A static program that looks a name up as any program does.
const LOOKUP: &str = r#"
#include <netdb.h>
#include <stddef.h>
int main(void) { struct addrinfo *found; return getaddrinfo("no-such-name", NULL, NULL, &found) == 0; }
"#;

/// Compiles C with these flags and puts the result onto the host.
fn compiled(host: &Host, source: &str, flags: &[&str], to: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (from, made) = (folder.path().join("source.c"), folder.path().join("made"));
    std::fs::write(&from, source).unwrap();
    let arguments = [flags, &["-o", made.to_str().unwrap(), from.to_str().unwrap()]].concat();
    must("cc", &arguments, b"");
    host.copy_in(&made, to);
}

#[test]
#[ignore = "world: hosts"]
fn a_host_whose_name_services_belong_to_another_c_library() {
    let app = App::default();
    let host = Host::start(&Options::default());
    host.exec("sed -i -e 's/^hosts:.*/hosts: files myhostname mymachines dns/' -e 's/^passwd:.*/passwd: files systemd/' -e 's/^group:.*/group: files systemd/' /etc/nsswitch.conf");
    for service in ["myhostname", "mymachines", "systemd"] {
        compiled(&host, TELLTALE, &["-shared", "-fPIC"], &format!("/lib/x86_64-linux-gnu/libnss_{service}.so.2"));
    }
    compiled(&host, LOOKUP, &["-static", "-w"], "/usr/local/bin/lookup");
    host.exec("install -m 666 /dev/null /tmp/loaded-by");
    // A static program without our care loads them.
    host.exec("lookup");
    assert_eq!(host.exec("sort -u /tmp/loaded-by"), "/usr/local/bin/lookup");
    // Names are looked up by a check, on the host, in a program with its own C library inside.
    let file = File::of(&app).check("http: { url: \"http://localhost:5000/health\", within: 10s }");
    let ada = Operator::new(&[("web-1", &host)], &file);
    has(&ada.ends(0, &["deploy", "v1.0.0"]), &["pass http http://localhost:5000/health"]);
    has(&ada.ends(0, &["deploy", "v1.1.0"]), &["confirmed: v1.1.0"]);
    has(&ada.ends(0, &["rollback"]), &["confirmed: v1.0.0"]);
    let loaded = host.exec("sort -u /tmp/loaded-by");
    assert!(!loaded.contains(".rollback-deploy"), "{loaded}");
}

#[test]
#[ignore = "world: hosts"]
fn several_hosts_through_a_jump_host_all_or_none() {
    let app = App::default();
    let (one, two) = (Host::start(&Options::default()), Host::start(&Options::default()));
    let jump = Host::start(&Options { apps: Vec::new(), ..Options::default() });
    let keys: Vec<_> = [&one, &two, &jump].map(|host| format!("\"{}\"", host.fingerprint())).into();
    let file = File::of(&app)
        .with(&format!("hosts: {{ web-1: \"{USER}@{}\", web-2: \"{USER}@{}\" }}", one.address(), two.address()))
        .with(&format!("jump-host: \"{USER}@127.0.0.1:{}\"", jump.ssh_port()))
        .with(&format!("known-hosts: [{}]", keys.join(", ")));
    let ada = Operator::new(&[("web-1", &one), ("web-2", &two), ("jump", &jump)], &file);
    let said = ada.ends(0, &["deploy", "v1.0.0"]);
    has(&said, &["web-1 | ✓ confirmed: v1.0.0", "web-2 | ✓ confirmed: v1.0.0"]);
    for host in [&one, &two] {
        assert!(
            host.exec("last -i deploy 2>/dev/null; ss -tn state established '( sport = :22 )' | cat").len() < 10_000
        );
        assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
    }
    // On the second host the next one cannot live: both go back.
    two.exec("mkdir -p /etc/systemd/system/webapp.service.d && printf '[Service]\\nExecStartPre=/bin/sh -c \"! grep -q v1.1.0 VERSION\"\\n' >/etc/systemd/system/webapp.service.d/picky.conf && systemctl daemon-reload");
    let said = ada.ends(4, &["deploy", "v1.1.0"]);
    has(&said, &["web-1 | ! v1.1.0 was undone, v1.0.0 runs", "web-2 | ! v1.1.0 was undone, v1.0.0 runs"]);
    for host in [&one, &two] {
        assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
    }
    // It failed on one and was only taken back on the other.
    let state = |host: &Host| host.exec("grep state= /srv/diary/.rollback-deploy/releases/v1.1.0.state");
    assert_eq!((state(&one).as_str(), state(&two).as_str()), ("state=interrupted", "state=bad"));
    // One host alone, by its label.
    ada.sample.tag("v1.3.0", Behaviour::Good);
    has(&ada.ends(0, &["--host", "web-1", "deploy", "v1.3.0"]), &["web-1 | ✓ confirmed: v1.3.0"]);
    assert_eq!(two.app_version(&app).as_deref(), Some("v1.0.0"));
    has(
        &ada.ends(2, &["--host", "web-3", "status"]),
        &["production has no host web-3; the nearest is web-", "web-1, web-2"],
    );
}
