use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;
use crate::transport::Contents as _;

fn named() -> Named {
    Named { version: ReleaseId::new("v1.0.0").unwrap(), tag: None, commit: None }
}

fn file(at: &Path, text: &str) {
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    File::create(at).unwrap().write_all(text.as_bytes()).unwrap();
}

fn take_in(workspace: &Path, path: &str) -> Result<Tree, Failure> {
    read(workspace, path, named(), &Exclude::new(&["*.map"]).unwrap(), &Limits::default())
}

#[test]
fn a_folder_becomes_a_tree() {
    let workspace = tempfile::tempdir().unwrap();
    let dist = workspace.path().join("dist");
    file(&dist.join("index.html"), "<html>");
    file(&dist.join("js/app.js.map"), "left out");
    file(&dist.join("run"), "#!/bin/sh");
    fs::set_permissions(dist.join("run"), Permissions::from_mode(0o755)).unwrap();
    symlink("index.html", dist.join("home")).unwrap();
    let tree = take_in(workspace.path(), "dist/").unwrap();
    assert_eq!(tree.manifest.to_text().lines().map(|line| line.split(' ').next().unwrap()).collect::<String>(), "lfdx");
    let path = RelPath::new("index.html").unwrap();
    assert_eq!(io::read_to_string(tree.open(&path).unwrap()).unwrap(), "<html>");
    assert_eq!(take_in(workspace.path(), "./dist").unwrap().manifest.digest(), tree.manifest.digest());
    assert_eq!(take_in(workspace.path(), ".").unwrap().manifest.entries().len(), 5);
}

#[test]
fn what_is_no_release_is_refused_with_its_path() {
    let workspace = tempfile::tempdir().unwrap();
    let at = |path: &str| workspace.path().join(path);
    let refusal = |path: &str| take_in(workspace.path(), path).unwrap_err();
    file(&at("socket/ok"), "x");
    let _listener = UnixListener::bind(at("socket/a.sock")).unwrap();
    let failure = refusal("socket");
    assert!(failure.what.contains("a.sock") && failure.because[0].expose().contains("socket"), "{failure:?}");
    file(&at("pipe/ok"), "x");
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe/fifo"), rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .unwrap();
    assert!(refusal("pipe").what.contains("fifo"));
    file(&at("setuid/tool"), "x");
    fs::set_permissions(at("setuid/tool"), Permissions::from_mode(0o4755)).unwrap();
    assert!(refusal("setuid").what.contains("set-id"));
    file(&at("out/ok"), "x");
    symlink("/etc/passwd", at("out/link")).unwrap();
    assert!(refusal("out").what.contains("leaves"));
    fs::create_dir(at("empty")).unwrap();
    assert!(refusal("empty").hints[0].contains("earlier step"));
    file(&at("plain"), "x");
    assert!(refusal("plain").what.contains("not a folder"));
    assert!(refusal("missing").hints[0].contains("workspace"));
    for path in ["..", "../x", "/etc", ""] {
        assert!(take_in(workspace.path(), path).is_err(), "{path:?}");
    }
    symlink("/etc", at("etc")).unwrap();
    assert!(refusal("etc").what.contains("out of the workspace"));
}

#[test]
fn pointers_of_lfs_are_refused_in_a_folder_too() {
    let workspace = tempfile::tempdir().unwrap();
    file(&workspace.path().join("dist/a.bin"), "version https://git-lfs.github.com/spec/v1\noid sha256:x\nsize 1\n");
    assert!(take_in(workspace.path(), "dist").unwrap_err().what.contains("a.bin"));
}
