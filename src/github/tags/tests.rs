use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::github::testing::{A, B, client, repository};

fn reference(name: &str, kind: &str, sha: &str) -> Value {
    json!({"ref": name, "node_id": "x", "url": "x", "object": {"type": kind, "sha": sha, "url": "x"}})
}

async fn answer(server: &MockServer, at: &str, body: Value) {
    Mock::given(path(at)).respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(server).await;
}

async fn world() -> MockServer {
    let server = MockServer::start().await;
    let tags = json!([
        reference("refs/tags/v1", "commit", A),
        reference("refs/tags/v1.0.0", "commit", A),
        reference("refs/tags/v1.1.0", "tag", &"1".repeat(40)),
        reference("refs/tags/v1.9.0/x", "commit", A),
        reference("refs/tags/v1.9.0$(id)", "commit", A),
        reference("refs/tags/v9.9.9", "blob", A),
    ]);
    answer(&server, "/repos/o/r/git/matching-refs/tags/v", tags.clone()).await;
    answer(&server, "/repos/o/r/git/matching-refs/tags/", tags).await;
    answer(&server, "/repos/o/r/git/matching-refs/tags/none", json!([])).await;
    answer(
        &server,
        &format!("/repos/o/r/git/tags/{}", "1".repeat(40)),
        json!({"object": {"type": "tag", "sha": "2".repeat(40)}}),
    )
    .await;
    answer(
        &server,
        &format!("/repos/o/r/git/tags/{}", "2".repeat(40)),
        json!({"object": {"type": "commit", "sha": B}}),
    )
    .await;
    server
}

fn wanted(text: &str) -> Wanted {
    Wanted::parse(text, "v").unwrap()
}

#[tokio::test]
async fn annotated_tags_are_peeled_and_strange_names_left_out() {
    let server = world().await;
    let client = client(&server);
    let found = resolve(&client, &repository(), &wanted("latest"), "v").await.unwrap();
    assert_eq!((found.tag.as_str(), found.commit.as_str()), ("v1.1.0", B));
    let found = resolve(&client, &repository(), &wanted("v1.0.0"), "v").await.unwrap();
    assert_eq!(found.commit.as_str(), A);
    assert_eq!(list(&client, &repository(), "v").await.unwrap().len(), 3);
    assert!(list(&client, &repository(), "v?x=").await.is_err());
}

#[tokio::test]
async fn what_is_missing_names_what_there_is() {
    let server = world().await;
    let client = client(&server);
    let failure = resolve(&client, &repository(), &wanted("v1.1.1"), "v").await.unwrap_err();
    assert_eq!(failure.hints[0], "The nearest tags: v1.1.0, v1.0.0.");
    let other = resolve(&client, &repository(), &Wanted::Latest, "none").await.unwrap_err();
    assert!(other.hints[0].contains("There are: v1.1.0"), "{other:?}");
    let bare = resolve(&client, &repository(), &Wanted::parse("v1.0.0", "none").unwrap(), "none").await.unwrap_err();
    assert!(bare.hints[0].contains("v1.0.0 exists"), "{bare:?}");
    let moved = resolve(&client, &repository(), &wanted("v1"), "v").await.unwrap();
    assert_eq!(moved.tag.as_str(), "v1.1.0");
}

#[tokio::test]
async fn an_empty_repository_says_so() {
    let server = MockServer::start().await;
    let empty = ResponseTemplate::new(409).set_body_json(json!({"message": "Git Repository is empty."}));
    Mock::given(path("/repos/o/r/git/matching-refs/tags/v")).respond_with(empty.clone()).mount(&server).await;
    Mock::given(path("/repos/o/r/git/matching-refs/tags/")).respond_with(empty).mount(&server).await;
    let failure = resolve(&client(&server), &repository(), &Wanted::Latest, "v").await.unwrap_err();
    assert!(failure.what.contains("has no tag"), "{failure:?}");
}

#[tokio::test]
async fn tags_that_go_in_circles_or_lead_elsewhere_are_refused() {
    let server = MockServer::start().await;
    answer(&server, &format!("/repos/o/r/git/tags/{A}"), json!({"object": {"type": "tag", "sha": A}})).await;
    answer(&server, &format!("/repos/o/r/git/tags/{B}"), json!({"object": {"type": "tree", "sha": A}})).await;
    let tag = |sha: &str| Tag {
        name: ReleaseId::new("v1.0.0").unwrap(),
        points: Points::TagObject(Commit::new(sha).unwrap()),
    };
    let client = client(&server);
    assert!(peel(&client, &repository(), &tag(A)).await.unwrap_err().what.contains("more than 5"));
    assert!(peel(&client, &repository(), &tag(B)).await.unwrap_err().what.contains("not lead to a commit"));
}

#[tokio::test]
async fn a_branch_is_asked_for_as_a_branch() {
    let server = MockServer::start().await;
    answer(&server, "/repos/o/r/git/ref/heads/feature/a%23b", reference("refs/heads/feature/a#b", "commit", B)).await;
    answer(&server, "/repos/o/r/git/ref/heads/v1.0.0", reference("refs/heads/v1.0.0", "commit", B)).await;
    answer(&server, &format!("/repos/o/r/git/commits/{A}"), json!({"sha": A})).await;
    let client = client(&server);
    assert_eq!(commit_of_branch(&client, &repository(), "feature/a#b").await.unwrap().as_str(), B);
    assert_eq!(commit_of_branch(&client, &repository(), "v1.0.0").await.unwrap().as_str(), B);
    assert!(commit_of_branch(&client, &repository(), "../../x").await.is_err());
    assert!(commit_of_branch(&client, &repository(), "gone").await.unwrap_err().what.contains("not found"));
    assert!(commit(&client, &repository(), &Commit::new(A).unwrap()).await.is_ok());
    assert!(commit(&client, &repository(), &Commit::new(B).unwrap()).await.is_err());
}
