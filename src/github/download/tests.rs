use std::io::Read as _;

use wiremock::matchers::{header, header_exists, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::github::testing::client;

#[tokio::test]
async fn the_token_stays_with_the_api() {
    let (api, storage) = (MockServer::start().await, MockServer::start().await);
    let elsewhere = format!("{}/archive?sig=s3cret", storage.uri());
    Mock::given(path("/tar"))
        .and(header("authorization", "Bearer ghs_secret"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", elsewhere.as_str()))
        .mount(&api)
        .await;
    Mock::given(header_exists("authorization"))
        .respond_with(ResponseTemplate::new(400))
        .with_priority(1)
        .mount(&storage)
        .await;
    Mock::given(path("/archive"))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(1)
        .with_priority(2)
        .mount(&storage)
        .await;
    Mock::given(path("/archive"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(b"files"))
        .mount(&storage)
        .await;
    let mut text = String::new();
    to_file(&client(&api), "/tar", 5, "the archive").await.unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "files");
    let large = to_file(&client(&api), "/tar", 4, "the archive").await.unwrap_err();
    assert!(large.what.contains("larger than 4 bytes"), "{large:?}");
}

#[tokio::test]
async fn a_missing_archive_and_a_circle_are_told_without_the_signature() {
    let api = MockServer::start().await;
    Mock::given(path("/circle"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/circle?sig=s3cret"))
        .mount(&api)
        .await;
    let circle = to_file(&client(&api), "/circle", 4, "the archive").await.unwrap_err();
    assert!(circle.what.contains("sent on"), "{circle:?}");
    assert!(!format!("{circle:?}").contains("s3cret"));
    let missing = to_file(&client(&api), "/missing", 4, "the archive").await.unwrap_err();
    assert!(missing.what.contains("not found"), "{missing:?}");
    Mock::given(path("/dead"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/x?sig=s3cret"))
        .mount(&api)
        .await;
    let dead = to_file(&client(&api), "/dead", 4, "the archive").await.unwrap_err();
    assert!(!format!("{dead:?}").contains("s3cret"), "{dead:?}");
}
