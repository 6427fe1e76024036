use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rollback_deploy_core::model::Kind;

use super::*;
use crate::source::testing::Archive;

fn gzip(archive: Archive) -> Result<Unpacked, Failure> {
    unpack(&archive.gzip()[..], Layout::GzipInFolder, &Exclude::nothing(), &Limits::default())
}

fn refusal(archive: Archive) -> String {
    let failure = unpack(&archive.file("ok", "x").plain()[..], Layout::Plain, &Exclude::nothing(), &Limits::default())
        .unwrap_err();
    assert_eq!(failure.kind, Kind::Refused { lift: None }, "{failure:?}");
    assert!(!failure.hints.is_empty(), "{failure:?}");
    failure.what
}

#[test]
fn githubs_archive_loses_its_folder_and_keeps_its_files() {
    let sha = "c".repeat(40);
    let long = format!("o-r-c/{}/{}", "d".repeat(60), "f".repeat(30));
    let archive = Archive::new()
        .commit(&sha)
        .entry(EntryType::Directory, "o-r-c/", 0o775, "", b"")
        .file("o-r-c/a.txt", "hello")
        .entry(EntryType::Regular, "o-r-c/bin/run", 0o775, "", b"#!/bin/sh\n")
        .link("o-r-c/bin/link", "../a.txt")
        .file("o-r-c/.git/config", "secret")
        .file(&long, "long");
    let unpacked = gzip(archive).unwrap();
    assert_eq!(unpacked.commit.as_deref(), Some(sha.as_str()));
    let paths: Vec<&str> = unpacked.manifest.entries().iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths.len(), 6, "{paths:?}");
    assert_eq!(&paths[..4], ["a.txt", "bin", "bin/link", "bin/run"]);
    let at = |path: &str| unpacked.folder.path().join(path);
    assert_eq!(fs::read_to_string(at("bin/link")).unwrap(), "hello");
    assert_eq!(fs::metadata(at("bin/run")).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!at(".git").exists());
    let run = unpacked.manifest.entries().iter().find(|entry| entry.path.as_str() == "bin/run").unwrap();
    assert!(matches!(run.kind, EntryKind::File { executable: true, size: 10, .. }));
}

#[test]
fn long_names_are_read_from_the_crates_own_headers() {
    let mut builder = tar::Builder::new(Vec::new());
    let name = format!("top/{}", vec!["x".repeat(90); 4].join("/"));
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    builder.append_data(&mut header, &name, &b"y"[..]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o644);
    builder.append_pax_extensions([("path", "top/ü.txt".as_bytes())]).unwrap();
    builder.append_data(&mut header, "short", &b"z"[..]).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, &builder.into_inner().unwrap()).unwrap();
    let unpacked =
        unpack(&gz.finish().unwrap()[..], Layout::GzipInFolder, &Exclude::nothing(), &Limits::default()).unwrap();
    assert!(unpacked.folder.path().join("ü.txt").exists());
    assert!(unpacked.folder.path().join(name.strip_prefix("top/").unwrap()).exists());
}

#[test]
fn hostile_entries_are_refused() {
    let regular = |name: &str, mode| Archive::new().entry(EntryType::Regular, name, mode, "", b"x");
    let special = |kind| Archive::new().entry(kind, "a", 0o644, "ok", b"");
    for (archive, says) in [
        (regular("../evil", 0o644), ".."),
        (regular("a/../../evil", 0o644), ".."),
        (regular("/etc/passwd", 0o644), "start with /"),
        (regular("a\nb", 0o644), "control"),
        (regular("a", 0o4755), "set-id"),
        (regular("a", 0o2755), "set-id"),
        (regular("a", 0o1755), "sticky"),
        (special(EntryType::Link), "hard link"),
        (special(EntryType::Char), "device"),
        (special(EntryType::Block), "device"),
        (special(EntryType::Fifo), "pipe"),
        (special(EntryType::new(b'Q')), "kind"),
        (regular("ok", 0o644), "twice"),
        (regular("ok/below", 0o644), "at once"),
        (Archive::new().link("ok", "x"), "twice"),
        (Archive::new().link("a", "/etc/passwd"), "leaves"),
        (Archive::new().link("a", "../x"), "leaves"),
        (Archive::new().link("d/up", "..").link("a", "d/up/../x"), "leaves"),
        (Archive::new().link("d", "e").file("d/evil", "x"), "not a folder"),
    ] {
        let what = refusal(archive);
        assert!(what.contains(says), "{what:?} does not say {says:?}");
    }
    assert!(gzip(Archive::new().file("top/a", "x").file("other/b", "y")).unwrap_err().what.contains("beside"));
}

#[test]
fn nothing_and_half_things_are_refused_with_the_way_out() {
    let empty = gzip(Archive::new().entry(EntryType::Directory, "top/", 0o755, "", b"")).unwrap_err();
    assert!(empty.what.contains("empty") && empty.hints[0].contains("build"), "{empty:?}");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n";
    let lfs = gzip(Archive::new().file("t/logo.png", pointer).file("t/a", "x")).unwrap_err();
    assert!(lfs.what.contains("logo.png") && lfs.hints[0].contains("lfs: true"), "{lfs:?}");
    let modules = "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = ../lib\n[submodule \"x\"]\n\tpath=there\n";
    let half = || {
        Archive::new().file("t/.gitmodules", modules).file("t/there/a", "x").entry(
            EntryType::Directory,
            "t/vendor/lib/",
            0o755,
            "",
            b"",
        )
    };
    let missing = gzip(half()).unwrap_err();
    assert!(missing.what.ends_with("vendor/lib") && missing.hints[0].contains("recursive"), "{missing:?}");
    let exclude = Exclude::new(&["vendor/"]).unwrap();
    assert!(unpack(&half().gzip()[..], Layout::GzipInFolder, &exclude, &Limits::default()).is_ok());
    let exclude = Exclude::new(&["*.png"]).unwrap();
    let left_out = Archive::new().file("t/logo.png", pointer).file("t/a", "x").gzip();
    assert_eq!(unpack(&left_out[..], Layout::GzipInFolder, &exclude, &Limits::default()).unwrap().manifest.inodes(), 1);
}

#[test]
fn bombs_and_crowds_are_stopped() {
    let bomb = Archive::new().entry(EntryType::Regular, "t/zeros", 0o644, "", &vec![0; 1 << 20]).gzip();
    let limits = Limits { grace: 64 << 10, ..Limits::default() };
    let failure = unpack(&bomb[..], Layout::GzipInFolder, &Exclude::nothing(), &limits).unwrap_err();
    assert!(failure.what.contains("bomb"), "{failure:?}");
    let small = Limits { bytes: 3, entries: 2, ..Limits::default() };
    let two = Archive::new().file("a", "xx").file("b", "yy").plain();
    assert!(unpack(&two[..], Layout::Plain, &Exclude::nothing(), &small).unwrap_err().what.contains("larger than 3"));
    let three = Archive::new().file("a", "").file("b", "").file("c", "").plain();
    assert!(unpack(&three[..], Layout::Plain, &Exclude::nothing(), &small).unwrap_err().what.contains("more than 2"));
}

#[test]
fn a_cut_archive_is_broken_not_short() {
    let whole = Archive::new().file("t/a", &"x".repeat(5000)).file("t/b", "y").gzip();
    for cut in [0, 10, whole.len() / 2, whole.len() - 9] {
        let failure = unpack(&whole[..cut], Layout::GzipInFolder, &Exclude::nothing(), &Limits::default()).unwrap_err();
        assert_eq!(failure.kind, Kind::Failed, "cut at {cut}: {failure:?}");
    }
}

proptest::proptest! {
    /// Names and links made of the parts that hurt: whatever is unpacked lies in its folder, and so does what it leads to.
    #[test]
    fn nothing_ever_lies_outside(entries in proptest::collection::vec(
        (0..3_u8, "(/)?((a|b|c|\\.\\.|\\.)/){0,3}(a|b|c|\\.\\.)", "(/)?((a|b|c|\\.\\.)/){0,3}(a|b|c|\\.\\.)"), 1..8))
    {
        let archive = entries.iter().fold(Archive::new().file("z", "x"), |archive, (kind, name, target)| match kind {
            0 => archive.file(name, "x"),
            1 => archive.link(name, target),
            _ => archive.entry(EntryType::Directory, name, 0o755, "", b""),
        });
        if let Ok(unpacked) = unpack(&archive.plain()[..], Layout::Plain, &Exclude::nothing(), &Limits::default()) {
            let root = unpacked.folder.path().canonicalize().unwrap();
            for entry in unpacked.manifest.entries() {
                if let Ok(real) = root.join(entry.path.as_path()).canonicalize() {
                    proptest::prop_assert!(real.starts_with(&root), "{entry:?} lies at {real:?}");
                }
            }
        }
    }
}
