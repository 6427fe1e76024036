use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::github::testing::{A, B, client, repository};
use crate::source::testing::Archive;
use crate::transport::Contents as _;

fn wish() -> Wish {
    let version = ReleaseId::new("v1.0.0").unwrap();
    Wish { repository: repository(), tag: Some(version.clone()), version, commit: Commit::new(A).unwrap() }
}

async fn fetched(archive: Vec<u8>) -> Result<Tree, Failure> {
    let (api, storage) = (MockServer::start().await, MockServer::start().await);
    let to = format!("{}/o/r/tar.gz/x?token=s3cret", storage.uri());
    Mock::given(path(format!("/repos/o/r/tarball/{A}")))
        .respond_with(ResponseTemplate::new(302).insert_header("location", to.as_str()))
        .mount(&api)
        .await;
    Mock::given(path("/o/r/tar.gz/x"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(archive))
        .mount(&storage)
        .await;
    fetch(&client(&api), &wish(), &Exclude::nothing(), &Limits::default()).await
}

#[tokio::test]
async fn a_tag_becomes_a_tree() {
    let tree = fetched(Archive::new().commit(A).file("o-r-a/a.txt", "hello").gzip()).await.unwrap();
    assert_eq!(tree.info.tag.as_deref(), Some("v1.0.0"));
    assert_eq!(tree.info.source, Source::Archive { repository: "o/r".into() });
    let path = tree.manifest.entries()[0].path.clone();
    assert_eq!(std::io::read_to_string(tree.open(&path).unwrap()).unwrap(), "hello");
    let folder = tree.folder.clone();
    drop(tree);
    assert!(!folder.exists());
}

#[tokio::test]
async fn another_commit_is_refused() {
    let failure = fetched(Archive::new().commit(B).file("o-r-b/a.txt", "hello").gzip()).await.unwrap_err();
    assert!(failure.what.contains("another commit"), "{failure:?}");
}
