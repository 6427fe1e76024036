//! What a deploy needs of a host: names in the environment file, a web server whose files are right, a repository that
//! only this host may read.

use super::first::has;
use super::operator::{File, Operator, program};
use crate::world::host::{App, Host, Options, USER};

#[test]
#[ignore = "world: hosts"]
fn required_names_are_there_before_the_switch_and_nginx_is_asked_on_demand() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let set = |text: &str| {
        host.exec(&format!(
            "mkdir -p /srv/diary/shared && printf '{text}' >/srv/diary/shared/.env && chown -R {USER} /srv/diary/shared"
        ));
    };
    let file = File::of(&app).with("shared: [.env]").check("environment: [GREETING, SECRET_KEY]").check("nginx");
    let ada = Operator::new(&[("web-1", &host)], &file);
    let refused = |line: &[&str], code: i32| {
        let said = ada.ends(code, line);
        has(&said, &["the environment file gives no value to SECRET_KEY"]);
        assert!(!said.contains("hello-there"), "names only, never values: {said}");
        said
    };
    set("GREETING=hello-there\\nSECRET_KEY=\\n");
    ada.ends(0, &["setup"]);
    refused(&["plan", "v1.0.0"], 3);
    has(&refused(&["deploy", "v1.0.0"], 3), &["/srv/diary/shared/.env on the host", "next: Add them there"]);
    assert_eq!(host.exec("ls /srv/diary/releases 2>/dev/null | cat"), "", "nothing was even staged");
    set("GREETING=hello-there\\nSECRET_KEY=s3cr3t-of-the-test\\n");
    let said = ada.ends(0, &["deploy", "v1.0.0"]);
    assert!(!said.contains("s3cr3t-of-the-test"), "{said}");

    // It gets lost: the next release is not switched to, and what runs runs on. Going back asks for nothing.
    let process = host.get(&app, "/pid");
    set("GREETING=hello-there\\n");
    refused(&["deploy", "v1.1.0"], 3);
    assert_eq!(host.get(&app, "/pid"), process);
    has(&ada.ends(9, &["health"]), &["fail environment", "SECRET_KEY"]);
    set("GREETING=hello-there\\nexport SECRET_KEY=\"s3cr3t-of-the-test\"\\n");
    ada.ends(0, &["deploy", "v1.1.0"]);

    // A file that the release brings itself is read once it is built.
    let own = File::of(&app)
        .with("build:\n      - echo NAME= >app.env")
        .check("environment: { file: app.env, names: [NAME] }");
    ada.rewrite(&[("web-1", &host)], &own);
    has(&ada.ends(3, &["deploy", "v1.0.0"]), &["gives no value to NAME", "live: v1.1.0"]);
    assert_eq!(host.exec("readlink /srv/diary/current"), "releases/v1.1.0");

    // nginx is asked through the root face: the user may do nothing else as root.
    host.exec(&format!("rm /etc/sudoers.d/{USER}"));
    ada.rewrite(&[("web-1", &host)], &file);
    has(&ada.ends(0, &["health"]), &["pass nginx", "syntax is ok"]);
    host.exec("echo 'server { listen ; }' >/etc/nginx/sites-enabled/broken");
    has(&ada.ends(9, &["health"]), &["fail nginx", "/etc/nginx/sites-enabled/broken:1"]);
    // What ran before does not pass it any more either: that is said, and blamed on nobody's release.
    has(&ada.ends(5, &["deploy", "v1.0.0"]), &["fail nginx", "v1.1.0 is not healthy: a human is needed"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.1.0"));
    assert!(!ada.ends(0, &["list"]).contains("bad: "));
}

#[test]
#[ignore = "world: hosts"]
fn a_private_repository_is_read_from_the_host_with_its_own_key() {
    let app = App::default();
    let host = Host::start(&Options::default());
    let server = Host::start(&Options { apps: Vec::new(), ..Options::default() });
    let ada = Operator::new(&[("web-1", &host)], &File::of(&app));
    let there = ada.sample.folder().join(".github");
    std::fs::create_dir_all(&there).unwrap();
    std::fs::copy(ada.file(), there.join("rollback-deploy.yml")).unwrap();
    for tag in ["v1.3.0", "v1.4.0"] {
        ada.sample.tag(tag, crate::world::sample::Behaviour::Good);
    }
    server.copy_in(ada.sample.folder(), "/srv/diary.git");
    server.exec("chown -R deploy: /srv/diary.git && chmod 700 /srv/diary.git");
    host.copy_in(program(), "/usr/local/bin/rollback-deploy");
    let url = format!("ssh://deploy@{}/srv/diary.git", server.address());
    let on_host = |code: i32, line: &str| {
        let said = host.ssh(&format!("rollback-deploy --root /srv/diary {line}"));
        assert_eq!(said.code, Some(code), "{line}:\n{}{}", said.out, said.err);
        format!("{}{}", said.out, said.err)
    };
    // Nobody is asked for a password: what is missing is said, one after the other.
    has(&on_host(4, &format!("deploy v1.3.0 {url}")), &["host key is not known to this user", "Nothing was changed"]);
    let line = server.exec("cut -d' ' -f1-2 /etc/ssh/ssh_host_ed25519_key.pub");
    host.exec(&format!("echo '{} {line}' >/home/{USER}/.ssh/known_hosts", server.address()));
    has(&on_host(4, &format!("deploy v1.3.0 {url}")), &["asks for credentials", "SSH key for this user"]);
    assert_eq!(host.try_exec("ls /srv/diary/releases").code, Some(2), "nothing was staged");

    // A key of the host's own, which may only read that one repository.
    host.exec(&format!("su {USER} -c \"ssh-keygen -q -t ed25519 -N '' -C web-1 -f ~/.ssh/id_ed25519\""));
    let public = host.exec(&format!("cat /home/{USER}/.ssh/id_ed25519.pub"));
    server.exec(&format!(
        "echo 'restrict,command=\"git-upload-pack /srv/diary.git\" {public}' >/home/{USER}/.ssh/authorized_keys"
    ));
    has(&on_host(0, &format!("deploy v1.3.0 {url}")), &["confirmed: v1.3.0"]);
    has(&on_host(0, &format!("deploy v1.4.0 {url}")), &["confirmed: v1.4.0", "way back: v1.3.0"]);
    assert_eq!(host.app_version(&app).as_deref(), Some("v1.4.0"));
    // Going back needs neither the key nor the server.
    drop(server);
    has(&on_host(0, "rollback"), &["confirmed: v1.3.0"]);
}
