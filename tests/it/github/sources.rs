//! Where a release comes from, and what must not come: folders of the workspace, other prefixes of tags, archives that
//! somebody tampered with. And a run that waits for another one.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::scene::{FIRST, SECOND, SICK, Scene};
use crate::world::command::must;
use crate::world::runner::{Go, Stage};

/// A gzipped archive with one entry of this name and kind.
fn archive(name: &str, kind: tar::EntryType, mode: u32) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(mode);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend([0; 1024]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
#[ignore = "world: github"]
fn an_archive_that_git_would_never_make_is_refused_and_nothing_changes() {
    let scene = Scene::new();
    scene.deployed(FIRST);
    let before = scene.host.exec("ls -lR --time-style=full-iso /srv/diary");
    for (name, kind, mode) in [
        ("org-diary-1/../../etc/cron.d/x", tar::EntryType::Regular, 0o644),
        ("/etc/cron.d/x", tar::EntryType::Regular, 0o644),
        ("org-diary-1/null", tar::EntryType::Char, 0o644),
        ("org-diary-1/su", tar::EntryType::Regular, 0o4755),
    ] {
        scene.github.archive_is(archive(name, kind, mode));
        let ended = scene.step("deploy", SECOND).run(Stage::Main);
        let text = ended.console.text();
        assert_eq!(ended.code, Some(3), "{name}: {text}");
        assert!(text.contains("the archive is refused") && text.contains("next: "), "{name}: {text}");
        assert_eq!(scene.host.exec("ls -lR --time-style=full-iso /srv/diary"), before, "{name}");
    }
}

#[test]
#[ignore = "world: github"]
fn a_folder_of_the_workspace_under_another_prefix_is_a_release() {
    let scene = Scene::with("    source: { folder: dist, exclude: [\"*.map\"] }\n    tag-prefix: app-v\n", &[]);
    scene.sample.git(&["tag", "app-v2.0.0"]);
    let mut runner = scene.step("deploy", "2.0");
    let (files, dist) = (scene.sample.files_of(SECOND), runner.workspace().join("dist"));
    must("cp", &["-a", files.path().to_str().unwrap(), dist.to_str().unwrap()], b"");
    std::fs::write(dist.join("app.py.map"), "what must not travel").unwrap();
    let ended = runner.run(Stage::Main);
    assert!(ended.success(), "{}\n{:?}", ended.console.text(), ended.problems);
    assert_eq!(ended.outputs["version"], "app-v2.0.0");
    let there = scene.host.exec("ls /srv/diary/current/");
    assert!(there.contains("app.py") && !there.contains(".map"), "{there}");
    assert_eq!(scene.serves(), SECOND);
}

#[test]
#[ignore = "world: github"]
fn a_run_waits_for_another_one_when_it_is_asked_to() {
    let scene = Scene::new();
    scene.deployed(FIRST);
    // Its checks last, and it goes back by itself.
    let sick = scene.step("deploy", SICK);
    std::thread::scope(|scope| {
        let (open, is_open) = std::sync::mpsc::channel();
        let busy = scope.spawn(move || {
            let mut sick = sick;
            let ended = sick.run_watched(Stage::Main, &mut |line| {
                if line == "::group::verify" {
                    open.send(()).unwrap();
                }
                Go::On
            });
            assert_eq!(ended.code, Some(4), "{}", ended.console.text());
        });
        is_open.recv().unwrap();
        let refused = scene.step("deploy", SECOND).run(Stage::Main);
        assert_eq!(refused.code, Some(3), "{}", refused.console.text());
        assert!(refused.console.text().contains("busy"), "{}", refused.console.text());
        let mut patient = scene.step("deploy", SECOND);
        patient.input("wait", "2m");
        let ended = patient.run(Stage::Main);
        assert!(ended.success(), "{}", ended.console.text());
        busy.join().unwrap();
    });
    assert_eq!(scene.serves(), SECOND);
}
