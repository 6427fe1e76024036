use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rollback_deploy_core::model::{Digest, Kind};

use super::super::programs::Program;
use super::*;

/// The stand-in for the agent: says its arguments and what is left on standard input.
const STAND_IN: &[u8] = b"#!/bin/sh\nprintf '%s|' \"$@\"\ncat\n";

fn programs(bytes: &[u8]) -> Programs {
    let mut programs = Programs::default();
    for cpu in Cpu::ALL {
        programs.put(cpu, Program { path: PathBuf::new(), digest: Digest::of(bytes) });
    }
    programs
}

fn here() -> Cpu {
    if cfg!(target_arch = "aarch64") { Cpu::Aarch64 } else { Cpu::X86_64 }
}

/// Runs a command as sshd would.
fn login(shell: &str, command: &str, input: &[u8]) -> Output {
    let mut child = Command::new(shell)
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shell}: {error}"));
    let _early_end = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> Said {
    let first = output.stdout.split(|byte| *byte == b'\n').next().unwrap();
    Said::parse(first).unwrap_or_else(|| panic!("{output:?}"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn upload_to(root: &str, programs: &Programs, program: &[u8]) -> Output {
    let input = [format!("{root}\n").as_bytes(), &gzip(program)].concat();
    login("sh", &upload(programs), &input)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Login shells that must be there, and those that are tried where they are.
fn shells() -> Vec<&'static str> {
    let extra = ["mksh", "zsh"].into_iter().filter(|shell| Path::new("/usr/bin").join(shell).exists());
    ["sh", "dash", "bash", "fish", "tcsh"].into_iter().chain(extra).collect()
}

#[test]
fn the_commands_are_one_quoted_constant() {
    for command in [start(&programs(b"x")), upload(&programs(b"x"))] {
        let script = command.strip_prefix("exec /bin/sh -c '").unwrap().strip_suffix('\'').unwrap();
        assert!(!script.contains(['\'', '\\', '!', '\n', '`', '@']), "{script}");
        assert!(script.is_ascii());
    }
}

#[test]
fn the_program_is_brought_once_and_then_run() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("app").to_str().unwrap().to_owned();
    let programs = programs(STAND_IN);
    let first = login("sh", &start(&programs), format!("{root}\n").as_bytes());
    assert_eq!(said(&first), Said::Missing(here()));
    assert_eq!(said(&upload_to(&root, &programs, STAND_IN)), Said::Here);
    let agent = Path::new(&root).join(".rollback-deploy/agent");
    let names: Vec<_> = std::fs::read_dir(&agent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [Digest::of(STAND_IN).as_str()]);
    let modes = [agent.join(&names[0]), agent.clone(), agent.join(".."), PathBuf::from(&root)].map(|path| mode(&path));
    assert_eq!(modes, [0o755, 0o700, 0o700, 0o755]);
    for shell in shells() {
        let run = login(shell, &start(&programs), format!("{root}\nthe rest\n\0of it").as_bytes());
        let expected = format!("rollback-deploy: run\nagent|{root}|the rest\n\0of it");
        assert_eq!(run.stdout, expected.as_bytes(), "{shell}: {run:?}");
    }
}

#[test]
fn hostile_roots_are_only_names() {
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("FILE");
    let programs = programs(STAND_IN);
    let parent = folder.path().to_str().unwrap();
    for shell in shells() {
        for value in [
            "v1.2.3; touch FILE",
            "$(touch FILE)",
            "`touch FILE`",
            "v1'; touch FILE; '",
            "v1\" ; touch FILE; \"",
            "v1 && touch FILE",
            "v1|touch FILE",
            "-oProxyCommand=touch FILE",
            "--upload-pack=touch FILE",
            "a\\\\b",
            "a\\'b",
            "!touch",
            "~root",
            "*",
            "\\'; touch FILE; #",
            " leading and trailing ",
            "$HOME",
            "a\tb",
            "%s%n",
        ] {
            let root = format!("{parent}/{value}");
            std::fs::create_dir_all(format!("{root}/.rollback-deploy/agent")).unwrap();
            let agent = format!("{root}/.rollback-deploy/agent/{}", Digest::of(STAND_IN));
            File::create(&agent).unwrap().write_all(STAND_IN).unwrap();
            std::fs::set_permissions(&agent, Permissions::from_mode(0o755)).unwrap();
            let mut child = Command::new(shell)
                .args(["-c", &start(&programs)])
                .current_dir(folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(format!("{root}\n").as_bytes()).unwrap();
            let run = child.wait_with_output().unwrap();
            assert_eq!(String::from_utf8_lossy(&run.stdout), format!("rollback-deploy: run\nagent|{root}|"), "{shell}");
            assert!(!canary.exists(), "{shell} executed {value:?}");
        }
    }
    for root in ["", "relative", "-n"] {
        assert_eq!(said(&login("sh", &start(&programs), format!("{root}\n").as_bytes())), Said::No("input".into()));
    }
}

/// What makes a root unfit.
type Spoil = dyn Fn(&Path);

#[test]
fn folders_that_others_can_change_are_refused() {
    let programs = programs(STAND_IN);
    let cases: [(&str, &Spoil); 8] = [
        ("others-root", &|root| chmod(root, 0o777)),
        ("others-root", &|root| chmod(root, 0o775)),
        ("others-state", &|root| chmod(&root.join(".rollback-deploy"), 0o777)),
        ("others-agent", &|root| chmod(&root.join(".rollback-deploy/agent"), 0o722)),
        ("link-root", &|root| replace_by_link(root)),
        ("link-state", &|root| replace_by_link(&root.join(".rollback-deploy"))),
        ("link-agent", &|root| replace_by_link(&root.join(".rollback-deploy/agent"))),
        ("folder-state", &|root| replace_by_file(&root.join(".rollback-deploy"))),
    ];
    for (word, spoil) in cases {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("app");
        std::fs::create_dir_all(root.join(".rollback-deploy/agent")).unwrap();
        spoil(&root);
        for command in [start(&programs), upload(&programs)] {
            let output = login("sh", &command, format!("{}\n", root.display()).as_bytes());
            assert_eq!(said(&output), Said::No(word.into()));
            let failure = refusal(&word.into(), "/srv/app");
            assert!(matches!(failure.kind, Kind::Refused { .. }), "{failure:?}");
        }
    }
}

#[test]
fn a_root_whose_parent_is_missing_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("no/such/app");
    let output = login("sh", &start(&programs(STAND_IN)), format!("{}\n", root.display()).as_bytes());
    let Said::No(why) = said(&output) else { panic!("{output:?}") };
    let failure = refusal(&why, "/no/such/app");
    assert!(failure.what.contains("cannot be made"), "{failure:?}");
    assert!(failure.because[0].expose().contains("No such file"));
}

#[test]
fn a_damaged_or_cut_program_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    chmod(folder.path(), 0o755);
    let programs = programs(STAND_IN);
    assert_eq!(said(&upload_to(root, &programs, b"something else")), Said::No("digest".into()));
    let mut cut = format!("{root}\n").into_bytes();
    cut.extend_from_slice(&gzip(STAND_IN)[..20]);
    let Said::No(why) = said(&login("sh", &upload(&programs), &cut)) else { panic!() };
    assert!(refusal(&why, root).what.contains("could not be written"), "{why:?}");
    let agent = folder.path().join(".rollback-deploy/agent");
    assert_eq!(std::fs::read_dir(agent).unwrap().count(), 0);
}

#[test]
fn a_cpu_without_a_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o755);
    let output = login("sh", &start(&Programs::default()), format!("{}\n", folder.path().display()).as_bytes());
    let Said::No(why) = said(&output) else { panic!("{output:?}") };
    assert!(refusal(&why, "/x").what.contains(here().word()), "{why:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn every_word_of_the_scripts_has_its_sentence() {
    for word in [
        "link-root",
        "folder-agent",
        "owner-state",
        "others-root",
        "make-root mkdir: No space left on device",
        "make-state x",
        "os FreeBSD",
        "cpu riscv64",
        "program aarch64",
        "noexec",
        "tool gzip",
        "digest",
        "write gzip: stdout: No space left on device",
        "write x",
        "link-program",
    ] {
        let failure = refusal(&word.into(), "/srv/app");
        assert!(matches!(failure.kind, Kind::Refused { .. }), "{word}: {failure:?}");
    }
    assert!(
        refusal(&"write gzip: stdout: No space left on device".into(), "/x").what.contains("disk of the host is full")
    );
    assert_eq!(refusal(&"\u{1b}[2Jwhat".into(), "/x").kind, Kind::Failed);
}

#[test]
fn noise_is_no_answer() {
    for line in ["Welcome!", "rollback-deploy: ", "rollback-deploy: missing pdp11", "rollback-deploy: runs", ""] {
        assert_eq!(Said::parse(line.as_bytes()), None, "{line:?}");
    }
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test prepares its own folder")]
fn replace_by_link(path: &Path) {
    let aside = path.with_extension("aside");
    std::fs::rename(path, &aside).unwrap();
    symlink(&aside, path).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test prepares its own folder")]
fn replace_by_file(path: &Path) {
    std::fs::rename(path, path.with_extension("aside")).unwrap();
    drop(File::create(path).unwrap());
}

/// A small filesystem, gone with the test.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()).status();
        assert!(mount.unwrap().success(), "mounting needs root");
        Self(folder)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _reported_by_the_next_mount = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "world: hosts"]
fn a_full_disk_and_one_without_programs_are_named() {
    // Random, so that it does not shrink.
    let mut large = vec![0; 200 * 1024];
    getrandom::fill(&mut large).unwrap();
    let full = Mount::new("size=64k,mode=755");
    let root = full.0.path().to_str().unwrap();
    let Said::No(why) = said(&upload_to(root, &programs(&large), &large)) else { panic!() };
    assert!(refusal(&why, root).what.contains("disk of the host is full"), "{why:?}");
    assert_eq!(std::fs::read_dir(full.0.path().join(".rollback-deploy/agent")).unwrap().count(), 0);

    let noexec = Mount::new("noexec,mode=755");
    let root = noexec.0.path().to_str().unwrap();
    let programs = programs(STAND_IN);
    assert_eq!(said(&upload_to(root, &programs, STAND_IN)), Said::Here);
    let started = login("sh", &start(&programs), format!("{root}\n").as_bytes());
    assert_eq!(said(&started), Said::No("noexec".into()));
}

#[test]
#[ignore = "world: hosts"]
fn another_users_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o755);
    std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
    let output = login("sh", &start(&programs(STAND_IN)), format!("{}\n", folder.path().display()).as_bytes());
    assert_eq!(said(&output), Said::No("owner-root".into()));
    assert!(refusal(&"owner-root".into(), "/srv/app").hints[0].contains("chown"));
}
