use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use rollback_deploy_core::model::EntryKind;
use rollback_deploy_core::plan::version::{Wanted, choose};

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test stands where the face does")]
fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| name == "PATH").chain([("HOME".into(), "/nonexistent".into())]).collect()
}

fn sh(folder: &Path, script: &str) {
    let identity = "export GIT_CONFIG_NOSYSTEM=1 HOME=/nonexistent GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a; set -e;";
    let status = Command::new("sh").arg("-c").arg(format!("{identity}{script}")).current_dir(folder).status().unwrap();
    assert!(status.success(), "{script}");
}

/// A repository with a light tag, an annotated one, and a branch that has the annotated one's name.
fn repository() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    sh(
        folder.path(),
        "git init -q -b main . && mkdir bin docs && echo one >a.txt && echo '#!/bin/sh' >bin/run && chmod +x bin/run \
         && ln -s ../a.txt bin/link && echo x >docs/x && git add . && git commit -qm one && git tag v1.0.0 && git tag v1 \
         && echo two >a.txt && git commit -qam two && git tag -a -m t v1.1.0 && git -c advice.nestedTag=false tag -a -m t v1.1.1 v1.1.0 \
         && git tag 'odd/$(id)' && echo three >a.txt && git commit -qam three && git branch v1.1.0",
    );
    let path = folder.path().to_owned();
    (folder, path)
}

fn git(path: &Path) -> Git {
    Git::new(path.to_str().unwrap(), environment()).unwrap()
}

fn commit_of(tag: &Tag) -> Commit {
    match &tag.points {
        Points::Commit(commit) | Points::TagObject(commit) => commit.clone(),
    }
}

#[tokio::test]
async fn a_tag_is_listed_chosen_fetched_and_unpacked() {
    let (_folder, path) = repository();
    for url in [path.display().to_string(), format!("file://{}", path.display())] {
        let git = Git::new(&url, environment()).unwrap();
        let tags = git.tags().await.unwrap();
        assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["v1", "v1.0.0", "v1.1.0", "v1.1.1"]);
        let tag = choose(&Wanted::parse("v1", "v").unwrap(), "v", &tags).unwrap();
        assert_eq!(tag.name.as_str(), "v1.1.1");
        let exclude = Exclude::new(&["docs/"]).unwrap();
        let which = Which::Tag(tag.name.clone());
        let tree = git.fetch(&which, &tag.name, &commit_of(tag), &exclude, &Limits::default()).await.unwrap();
        assert_eq!(std::fs::read_to_string(tree.folder.join("bin/link")).unwrap(), "two\n");
        assert_eq!(tree.info.source, Source::Git { url });
        let paths: Vec<&str> = tree.manifest.entries().iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["a.txt", "bin", "bin/link", "bin/run"]);
        assert!(matches!(tree.manifest.entries()[3].kind, EntryKind::File { executable: true, .. }));
        assert_eq!(std::fs::metadata(tree.folder.join("bin/run")).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn a_branch_and_a_tag_of_one_name_are_told_apart() {
    let (_folder, path) = repository();
    let git = git(&path);
    let name = ReleaseId::new("v1.1.0").unwrap();
    let branch = git.commit_of_branch("v1.1.0").await.unwrap();
    let tags = git.tags().await.unwrap();
    let tag = commit_of(tags.iter().find(|tag| tag.name == name).unwrap());
    assert_ne!(branch, tag);
    let all = Exclude::nothing();
    let limits = Limits::default();
    let tree = git.fetch(&Which::Branch("v1.1.0".into()), &name, &branch, &all, &limits).await.unwrap();
    assert_eq!(std::fs::read_to_string(tree.folder.join("a.txt")).unwrap(), "three\n");
    assert_eq!(tree.info.tag, None);
    let moved = git.fetch(&Which::Tag(name.clone()), &name, &branch, &all, &limits).await.unwrap_err();
    assert!(moved.what.contains("moved"), "{moved:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_without_the_password() {
    let (_folder, path) = repository();
    let gone = Which::Tag(ReleaseId::new("v9.9.9").unwrap());
    let commit = Commit::new("a".repeat(40)).unwrap();
    let version = ReleaseId::new("v9.9.9").unwrap();
    let failure =
        git(&path).fetch(&gone, &version, &commit, &Exclude::nothing(), &Limits::default()).await.unwrap_err();
    assert!(failure.hints[0].contains("gone"), "{failure:?}");
    assert!(git(&path).commit_of_branch("none").await.is_err());
    for branch in ["", "a b", "a..b", "x:y", "x^", "@{1}"] {
        assert!(git(&path).commit_of_branch(branch).await.is_err(), "{branch:?}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(git(empty.path()).tags().await.unwrap_err().what.contains("could not read"));
    let secret = Git::new("http://user:hunter2@127.0.0.1:1/r.git", environment()).unwrap();
    let failure = secret.tags().await.unwrap_err();
    assert!(!format!("{failure:?} {secret:?}").contains("hunter2"), "{failure:?}");
    assert!(failure.what.contains("http://127.0.0.1:1/r.git"));
}

#[tokio::test]
async fn variables_of_git_do_not_reach_it_and_a_missing_git_is_told() {
    let (_folder, path) = repository();
    let hostile = [("GIT_DIR", "/nonexistent"), ("GIT_CONFIG_COUNT", "x"), ("GIT_SSH_COMMAND", "touch x")];
    let hostile = hostile.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let git = Git::new(path.to_str().unwrap(), environment().into_iter().chain(hostile)).unwrap();
    assert_eq!(git.tags().await.unwrap().len(), 4);
    let none = Git::new(path.to_str().unwrap(), [("PATH".into(), "/nonexistent".into())]).unwrap();
    assert!(none.tags().await.unwrap_err().what.contains("not installed"));
}

#[tokio::test]
async fn hostile_content_of_a_repository_is_refused() {
    let (_folder, path) = repository();
    sh(&path, "ln -s /etc/passwd out && git add out && git commit -qm out && git tag v2.0.0");
    let git = git(&path);
    let tags = git.tags().await.unwrap();
    let tag = tags.iter().find(|tag| tag.name.as_str() == "v2.0.0").unwrap();
    let which = Which::Tag(tag.name.clone());
    let fetched = git.fetch(&which, &tag.name, &commit_of(tag), &Exclude::nothing(), &Limits::default()).await;
    assert!(fetched.unwrap_err().what.contains("leaves"));
}

#[tokio::test]
async fn a_repository_of_sha256_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    sh(
        folder.path(),
        "git init -q --object-format=sha256 . && echo one >a && git add . && git commit -qm one && git tag v1.0.0",
    );
    let git = git(folder.path());
    let tags = git.tags().await.unwrap();
    let commit = commit_of(&tags[0]);
    assert_eq!(commit.as_str().len(), 64);
    let which = Which::Tag(tags[0].name.clone());
    let tree = git.fetch(&which, &tags[0].name, &commit, &Exclude::nothing(), &Limits::default()).await.unwrap();
    assert_eq!(tree.manifest.inodes(), 1);
}
