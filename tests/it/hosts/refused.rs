//! Bad input: an error that says what, where and what to do; the documented exit code; nothing changed on the host.

use super::first::has;
use super::operator::{File, Operator};
use crate::world::command::must;
use crate::world::free_port;
use crate::world::host::{App, Host, Options, USER};

/// Everything on the host that a deploy could change, as one text.
fn snapshot(host: &Host) -> String {
    host.exec("systemctl show -P MainPID webapp; find /srv/diary -not -path '*/.rollback-deploy/*' -printf '%p %y %m %U %l %T@\\n' | grep -v '^/srv/diary d' | sort")
}

#[test]
#[ignore = "world: hosts"]
fn what_is_wrong_on_the_way_to_the_host() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let hosts = [("web-1", &host)];
    let ada = Operator::new(&hosts, &File::of(&app));
    ada.ends(0, &["deploy", "v1.0.0"]);
    let before = snapshot(&host);
    let refused = |who: &Operator, code: i32, words: &[&str]| {
        let said = who.ends(code, &["deploy", "v1.1.0"]);
        has(&said, words);
        has(&said, &["next: "]);
        assert_eq!(snapshot(&host), before, "{words:?}: nothing is changed");
    };
    // Host keys: none known, another one expected.
    ada.rewrite(&hosts, &File::of(&app).with("known-hosts: []"));
    refused(&ada, 2, &["the host key of web-1 (deploy@127.0.0.1:", "is not known\n", "ssh-keygen -lf"]);
    let folder = tempfile::TempDir::new().unwrap();
    let other = folder.path().join("other");
    must("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", other.to_str().unwrap()], b"");
    let print = must("ssh-keygen", &["-lf", other.with_extension("pub").to_str().unwrap()], b"");
    let print = print.split_whitespace().nth(1).unwrap();
    ada.rewrite(&hosts, &File::of(&app).with(&format!("known-hosts: [\"{print}\"]")));
    refused(&ada, 2, &["is not the expected one", print, &host.fingerprint()]);
    // A machine that we have no program for, and a system that is another.
    for (answer, words) in [("armv7l", "the host's CPU is armv7l"), ("FreeBSD", "the host runs FreeBSD")] {
        let asked = if answer == "FreeBSD" { "-s" } else { "-m" };
        host.exec(&format!(
            "printf '#!/bin/sh\n[ \"$1\" != {asked} ] || {{ echo {answer}; exit; }}\nexec /usr/bin/uname \"$@\"\n' \
             >/usr/local/bin/uname && chmod 755 /usr/local/bin/uname"
        ));
        ada.rewrite(&hosts, &File::of(&app));
        refused(&ada, 3, &[words]);
    }
    host.exec("rm /usr/local/bin/uname");
    // Another key of one's own.
    let eve = Operator::with_keys(&[other], &hosts, &File::of(&app));
    refused(&eve, 2, &["does not let us in for the user deploy", "authorized_keys"]);
    // Nobody listens.
    let closed = File::of(&app).with(&format!("hosts: {{ web-1: \"{USER}@127.0.0.1:{}\" }}", free_port()));
    ada.rewrite(&hosts, &closed);
    refused(&ada, 4, &["refuses the connection: nobody listens there", "Is sshd running, and is the port right?"]);
    // The deploy file and the version, before anybody is asked.
    ada.rewrite(&hosts, &File::of(&app).with("servces: [x]").with("keep: many"));
    refused(&ada, 2, &["servces", "services", "rollback-deploy.yml:", "keep"]);
    ada.rewrite(&hosts, &File::of(&app));
    has(&ada.ends(2, &["deploy", "v1.0.1"]), &["no tag", "v1.0.1", "The nearest tags: ", "v1.1.0"]);
    // A repository whose files can be no release.
    std::fs::write(ada.sample.folder().join("out"), "").unwrap();
    ada.sample.git(&["rm", "-q", "--cached", "README.md"]);
    std::os::unix::fs::symlink("../../../../etc/passwd", ada.sample.folder().join("escape")).unwrap();
    ada.sample.git(&["add", "-A"]);
    ada.sample.git(&["-c", "user.name=Eve", "-c", "user.email=eve@example.com", "commit", "-q", "-m", "Out"]);
    ada.sample.git(&["tag", "v1.9.0"]);
    has(&ada.ends(3, &["deploy", "v1.9.0"]), &["the link escape leaves the release", "next: "]);
    assert_eq!(snapshot(&host), before);
}

#[test]
#[ignore = "world: hosts"]
fn what_is_wrong_on_the_host() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let hosts = [("web-1", &host)];
    let ada = Operator::new(&hosts, &File::of(&app));
    // A real folder where the link should be, before anything of ours is there.
    host.exec(&format!("install -d -o {USER} {0}/current && touch {0}/current/precious", app.root));
    has(
        &ada.ends(3, &["deploy", "v1.0.0"]),
        &["a real file or folder stands where the live link should be", "sudo mv /srv/diary/current"],
    );
    assert!(host.try_exec("test -f /srv/diary/current/precious").ok());
    host.exec("rm -r /srv/diary/current");
    ada.ends(0, &["deploy", "v1.0.0"]);
    let before = snapshot(&host);
    let refused = |code: i32, words: &[&str]| {
        let said = ada.ends(code, &["deploy", "v1.1.0"]);
        has(&said, words);
        has(&said, &["next: "]);
        said
    };
    // A shared file that nobody put there.
    ada.rewrite(&hosts, &File::of(&app).with("shared: [.env]"));
    refused(3, &["a shared file is missing", "/srv/diary/shared/.env", "install -D -m 640"]);
    assert_eq!(snapshot(&host), before);
    ada.rewrite(&hosts, &File::of(&app));
    // The link was moved by hand.
    host.exec("cp -a /srv/diary/releases/v1.0.0 /srv/diary/by-hand && ln -sfn by-hand /srv/diary/current");
    refused(3, &["somebody moved the live link by hand", "it leads to by-hand", "--allow drift"]);
    has(&ada.ends(0, &["status"]), &["drift: the live link was moved by hand: it leads to by-hand"]);
    assert_eq!(host.exec("readlink /srv/diary/current"), "by-hand", "it is explained, never guessed");
    host.exec("ln -sfn releases/v1.0.0 /srv/diary/current && rm -r /srv/diary/by-hand");
    assert_eq!(ada.run(&["deploy", "v1.0.0"]).code, Some(0));
    // Others can write.
    for folder in ["/srv/diary", "/srv/diary/.rollback-deploy"] {
        let mode = host.exec(&format!("stat -c %a {folder}"));
        host.exec(&format!("chmod o+w {folder}"));
        refused(3, &["other users can write to", folder, "chmod go-w"]);
        host.exec(&format!("chmod {mode} {folder}"));
    }
    // A host build of another program in its place is not run.
    host.exec("for f in /srv/diary/.rollback-deploy/agent/????????????????????????????????????????????????????????????????; do cp /bin/true $f; done");
    let said = ada.run(&["deploy", "v1.1.0"]);
    assert_ne!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
}

#[test]
#[ignore = "world: hosts"]
fn a_full_disk_stops_a_deploy_and_no_rollback() {
    let app = App::default();
    let host = Host::start(&Options {
        docker: vec!["--tmpfs".to_owned(), "/srv:size=120m,exec".to_owned()],
        ..Options::default()
    });
    let hosts = [("web-1", &host)];
    let ada = Operator::new(&hosts, &File::of(&app));
    ada.ends(0, &["deploy", "v1.0.0"]);
    ada.ends(0, &["deploy", "v1.1.0"]);
    // To the last block: written by the deploy user, as an app's logs would.
    let fill = || {
        host.exec(&format!("su -s /bin/sh {USER} -c 'dd if=/dev/zero of=/srv/diary/full bs=64k 2>/dev/null; dd if=/dev/zero of=/srv/diary/full2 bs=1 count=65536 2>/dev/null; true'"))
    };
    fill();
    ada.sample.tag("v1.3.0", crate::world::sample::Behaviour::Good);
    let said = ada.run(&["deploy", "v1.3.0"]);
    assert!(matches!(said.code, Some(3 | 4)), "{:?} {}{}", said.code, said.out, said.err);
    has(&said.out, &["full", "next: "]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"));
    fill();
    has(&ada.ends(0, &["rollback"]), &["confirmed: v1.0.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.0.0"));
}
