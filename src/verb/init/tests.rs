//! Real folders, the real git, and the real linters of workflows.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use rollback_deploy_core::file::load;

use super::*;

/// A file as a test puts it there.
fn put(root: &Path, path: &str, text: &str) {
    let full = root.join(path);
    fs::create_dir_all(full.parent().unwrap()).unwrap();
    let mut file = fs::File::create(full).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn git(root: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-C"]).arg(root).args(arguments);
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// A repository with these files.
fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["init", "--quiet"]);
    for (path, text) in files {
        put(root.path(), path, text);
    }
    root
}

/// Every regular file of a repository and its bytes.
fn all(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != ".git") {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
                _ => {}
            }
        }
    }
    found
}

const PAGES: &str = r#"{"scripts":{"build":"vite build"},"devDependencies":{"vite":"7"}}"#;

#[test]
fn a_repository_gets_its_files_once() {
    let root = repository(&[("manage.py", ""), ("requirements.txt", "Django\n"), (".env.example", "SECRET_KEY=\n")]);
    git(root.path(), &["remote", "add", "origin", "https://me:secret@github.com/acme/diary.git"]);
    git(root.path(), &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"]);
    git(root.path(), &["commit", "--quiet", "--allow-empty", "-m", "x"]);
    git(root.path(), &["tag", "app-v1.0.0"]);
    let below = root.path().join("docs");
    fs::create_dir(&below).unwrap();
    // From a folder below, too: workflows count at the root only.
    let first = init(&below).unwrap();
    assert_eq!(first.root.canonicalize().unwrap(), root.path().canonicalize().unwrap());
    let paths: Vec<_> = first.files.iter().map(|(path, done)| (path.as_str(), *done)).collect();
    let wanted = [".github/rollback-deploy.yml", ".github/workflows/deploy.yml", ".github/workflows/rollback.yml"];
    assert_eq!(paths, wanted.map(|path| (path, Draft::Written)));
    let text = fs::read_to_string(root.path().join(wanted[0])).unwrap();
    let file = load(&text, wanted[0]).unwrap();
    assert_eq!((file.app().as_str(), file.environment(None).unwrap().tag_prefix.as_str()), ("diary", "app-v"));
    let next = first.next.join("\n");
    assert!(
        next.contains("HEAD:trunk") && next.contains("--repo acme/diary") && next.contains("version=app-v1.0.0"),
        "{next}"
    );
    let before = all(root.path());
    let shown =
        before.values().chain([&next.into_bytes()]).any(|bytes| bytes.windows(9).any(|part| part == b"me:secret"));
    assert!(!shown, "a password in the remote's URL goes nowhere");

    let second = init(root.path()).unwrap();
    assert!(second.files.iter().all(|(_, done)| *done == Draft::Kept), "{second:?}");
    assert_eq!(second.files.len(), 3);
    assert_eq!(all(root.path()), before);
}

#[test]
fn what_is_there_is_kept_and_only_the_rest_is_written() {
    let root = repository(&[("index.html", "x"), (".github/rollback-deploy.yml", "mine")]);
    let done = init(root.path()).unwrap();
    let words: Vec<_> = done.files.iter().map(|(_, done)| done.word()).collect();
    assert_eq!(words, ["kept", "written", "written"]);
    assert_eq!(fs::read(root.path().join(".github/rollback-deploy.yml")).unwrap(), b"mine");
    // Nothing half-written and nothing temporary.
    assert_eq!(all(root.path()).len(), 4);
}

#[test]
fn nothing_is_written_or_read_through_a_link() {
    let outside = tempfile::tempdir().unwrap();
    put(outside.path(), "package.json", PAGES);
    let root = repository(&[]);
    std::os::unix::fs::symlink(outside.path(), root.path().join(".github")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("package.json"), root.path().join("package.json")).unwrap();
    let failure = init(root.path()).unwrap_err();
    assert!(failure.because[0].expose().contains(".github is no folder"), "{failure:?}");
    assert_eq!(all(outside.path()).len(), 1);
}

#[test]
fn a_folder_without_git_is_fine_and_one_that_is_missing_is_named() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "index.html", "x");
    assert_eq!(init(root.path()).unwrap().files.len(), 3);
    let failure = init(&root.path().join("missing")).unwrap_err();
    assert_eq!(failure.what, "the folder of the repository cannot be read");
}

/// Needs `actionlint` in the PATH; zizmor has one finding by design (this action by its tag), so it is not asked here.
#[test]
#[ignore = "world: github"]
fn linters_take_the_workflows() {
    let kinds = [
        vec![("manage.py", "")],
        vec![("package.json", PAGES), ("yarn.lock", "")],
        vec![("go.mod", "module x\n")],
        vec![("Cargo.toml", "[package]\nname = \"x\"\n")],
    ];
    for files in kinds {
        let root = repository(&files);
        init(root.path()).unwrap();
        let output = Command::new("actionlint").current_dir(root.path()).output().unwrap();
        assert!(output.status.success(), "{files:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
