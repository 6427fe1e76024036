use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, header_exists, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::github::testing::settings;

const SERVICE: &str = "/twirp/github.actions.results.api.v1.ArtifactService";

fn token() -> SecretString {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"scp":"Actions.Results:run:job"}"#)).into()
}

fn open(server: &MockServer) -> Artifacts {
    Artifacts::open(&format!("{}/some/path/", server.uri()), &token(), &settings("https://x.invalid")).unwrap()
}

fn name() -> ArtifactName {
    ArtifactName::new("backup").unwrap()
}

async fn twirp(server: &MockServer, method_name: &str, ask: Value, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(path(format!("{SERVICE}/{method_name}")))
        .and(header("authorization", format!("Bearer {}", secrecy::ExposeSecret::expose_secret(&token())).as_str()))
        .and(body_json(ask))
        .respond_with(answer)
        .mount(server)
        .await;
}

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// Both spellings of answers, and a store whose first block fails once.
async fn uploading(camel: bool) -> MockServer {
    let server = MockServer::start().await;
    // Padded as some servers sign: it must not be written otherwise.
    let signed = format!("{}/blob/x.zip?se=1&sig=a%2Bb/c==", server.uri());
    let create = json!({"workflow_run_backend_id": "run", "workflow_job_run_backend_id": "job", "name": "backup", "version": 4, "expires_at": "2026-09-30T00:00:00Z"});
    let created = if camel {
        json!({"ok": true, "signedUploadUrl": signed})
    } else {
        json!({"ok": true, "signed_upload_url": signed, "new": 1})
    };
    twirp(&server, "CreateArtifact", create, ok(&created)).await;
    let size = content().len().to_string();
    let hash = format!("sha256:{}", Digest::of(&content()));
    let finalize = json!({"workflow_run_backend_id": "run", "workflow_job_run_backend_id": "job", "name": "backup", "size": size, "hash": hash});
    let done = if camel { json!({"ok": true, "artifactId": 42}) } else { json!({"ok": true, "artifact_id": "42"}) };
    twirp(&server, "FinalizeArtifact", finalize, ok(&done)).await;
    Mock::given(header_exists("authorization"))
        .and(method("PUT"))
        .respond_with(ResponseTemplate::new(400))
        .with_priority(1)
        .mount(&server)
        .await;
    let put = || Mock::given(method("PUT")).and(path("/blob/x.zip")).and(query_param("sig", "a+b/c=="));
    put().respond_with(ResponseTemplate::new(503)).up_to_n_times(1).with_priority(2).mount(&server).await;
    put().and(query_param("comp", "block")).respond_with(ResponseTemplate::new(201)).expect(2).mount(&server).await;
    put().and(query_param("comp", "blocklist")).respond_with(ResponseTemplate::new(201)).expect(1).mount(&server).await;
    server
}

/// A little more than one block.
fn content() -> Vec<u8> {
    vec![7; (8 << 20) + 3]
}

#[tokio::test]
async fn an_artifact_is_made_filled_and_finished() {
    for camel in [false, true] {
        let server = uploading(camel).await;
        let expires = Some("2026-09-30T00:00:00Z".parse().unwrap());
        let uploaded = open(&server).upload(&name(), &content(), expires).await.unwrap();
        assert_eq!((uploaded.id, uploaded.size), (42, (8 << 20) + 3));
        let requests = server.received_requests().await.unwrap();
        let puts: Vec<_> = requests.iter().filter(|request| request.method.as_str() == "PUT").collect();
        assert!(
            puts[0].url.as_str().contains("se=1&sig=a%2Bb/c==&comp=block&blockid=MDAwMDAwMDA%3D"),
            "{}",
            puts[0].url
        );
        assert_eq!(puts[1].body.len(), 8 << 20, "the block that failed came again");
        let list = String::from_utf8(puts[3].body.clone()).unwrap();
        assert!(
            list.ends_with("<BlockList><Latest>MDAwMDAwMDA=</Latest><Latest>MDAwMDAwMDE=</Latest></BlockList>"),
            "{list}"
        );
        assert_eq!(puts[3].headers["x-ms-blob-content-type"], "application/zip");
    }
}

#[tokio::test]
async fn every_reason_has_its_type() {
    for (status, body, why) in [
        (
            409,
            json!({"code": "already_exists", "msg": "an artifact with this name already exists"}),
            Unavailable::NameTaken,
        ),
        (400, json!({"code": "x", "msg": "insufficient usage to create artifact"}), Unavailable::Quota),
        (403, json!({}), Unavailable::Denied),
        (404, json!("no"), Unavailable::NotHere),
        (
            400,
            json!({"code": "malformed", "msg": "no"}),
            Unavailable::Answered { status: 400, said: "malformed no".into() },
        ),
        (503, json!({}), Unavailable::Answered { status: 503, said: "".into() }),
    ] {
        let server = MockServer::start().await;
        let times = if status == 503 { 3 } else { 1 };
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .expect(times)
            .mount(&server)
            .await;
        assert_eq!(open(&server).upload(&name(), b"x", None).await, Err(why));
    }
    let nobody = settings("https://x.invalid");
    assert_eq!(Artifacts::open("", &token(), &nobody).unwrap_err(), Unavailable::NotHere);
    assert_eq!(
        Artifacts::open("http://127.0.0.1:1", &String::new().into(), &nobody).unwrap_err(),
        Unavailable::NotHere
    );
    let dead = Artifacts::open("http://127.0.0.1:1/", &token(), &nobody).unwrap().list(None).await.unwrap_err();
    assert!(matches!(dead, Unavailable::Unreachable(_)));
}

#[tokio::test]
async fn a_store_that_refuses_never_says_the_signature() {
    let server = MockServer::start().await;
    let signed = format!("{}/blob?sig=s3cret", server.uri());
    Mock::given(method("POST"))
        .respond_with(ok(&json!({"ok": true, "signed_upload_url": signed})))
        .mount(&server)
        .await;
    let said = "<Error><Code>AuthenticationFailed</Code><Detail>sig=s3cret</Detail></Error>";
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(403).set_body_string(said))
        .expect(1)
        .mount(&server)
        .await;
    let why = open(&server).upload(&name(), b"x", None).await.unwrap_err();
    assert!(why.because().unwrap().expose().contains("403 AuthenticationFailed"), "{why:?}");
    assert!(!format!("{why:?}").contains("s3cret"));
    let nowhere = MockServer::start().await;
    let dead = json!({"ok": true, "signed_upload_url": "http://127.0.0.1:1/b?sig=s3cret"});
    Mock::given(method("POST")).respond_with(ok(&dead)).mount(&nowhere).await;
    let why = open(&nowhere).upload(&name(), b"x", None).await.unwrap_err();
    assert!(matches!(why, Unavailable::Unreachable(_)) && !format!("{why:?}").contains("s3cret"), "{why:?}");
}

#[tokio::test]
async fn artifacts_of_the_run_are_listed_and_downloaded() {
    let server = MockServer::start().await;
    let digest = format!("sha256:{}", Digest::of(b"zip"));
    let list = json!({"artifacts": [
        {"workflowRunBackendId": "run", "workflowJobRunBackendId": "job-1", "databaseId": "7", "name": "backup", "size": "3"},
        {"workflow_run_backend_id": "run", "workflow_job_run_backend_id": "job-2", "database_id": 9, "name": "backup", "size": 3, "digest": digest},
        {"workflow_run_backend_id": "run", "workflow_job_run_backend_id": "job-2", "database_id": 8, "name": "other", "size": 3},
    ]});
    let ids = json!({"workflow_run_backend_id": "run", "workflow_job_run_backend_id": "job", "name_filter": "backup"});
    twirp(&server, "ListArtifacts", ids, ok(&list)).await;
    let ask = json!({"workflow_run_backend_id": "run", "workflow_job_run_backend_id": "job-2", "name": "backup"});
    twirp(&server, "GetSignedArtifactURL", ask, ok(&json!({"signedUrl": format!("{}/blob?sig=x", server.uri())})))
        .await;
    Mock::given(method("GET"))
        .and(path("/blob"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(b"zip"))
        .mount(&server)
        .await;
    let artifacts = open(&server);
    let found = artifacts.list(Some(&name())).await.unwrap();
    assert_eq!(found.iter().map(|artifact| artifact.id).collect::<Vec<_>>(), [9, 7]);
    assert_eq!(artifacts.download(&found[0], 100).await.unwrap(), b"zip");
    assert_eq!(artifacts.download(&found[0], 2).await, Err(Unavailable::TooLarge));
    let other = Listed { digest: Some(format!("sha256:{}", Digest::of(b"other"))), ..found[0].clone() };
    assert_eq!(artifacts.download(&other, 100).await, Err(Unavailable::Altered));
}
