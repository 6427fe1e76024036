use serde_json::{Value, json};
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::github::testing::{A, client, repository};

async fn reading(body: Value) -> Result<Option<Vec<u8>>, Failure> {
    let server = MockServer::start().await;
    let status = if body.is_null() { 404 } else { 200 };
    Mock::given(path("/repos/o/r/contents/.github/rollback-deploy.yml"))
        .and(query_param("ref", A))
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .expect(1)
        .mount(&server)
        .await;
    let file = RelPath::new(".github/rollback-deploy.yml").unwrap();
    read(&client(&server), &repository(), &file, &Commit::new(A).unwrap()).await
}

#[tokio::test]
async fn a_plain_small_file_is_read_and_nothing_else() {
    let file = json!({"type": "file", "size": 11, "encoding": "base64", "content": "dmVyc2lv\nbjogMQo=\n"});
    assert_eq!(reading(file).await.unwrap().unwrap(), b"version: 1\n");
    assert_eq!(reading(Value::Null).await.unwrap(), None);
    let large = json!({"type": "file", "size": 256 * 1024 + 1, "encoding": "none", "content": ""});
    assert!(reading(large).await.unwrap_err().what.contains("256 KiB"));
    assert!(reading(json!([])).await.unwrap_err().what.contains("folder"));
    assert!(reading(json!({"type": "symlink", "target": "/etc/passwd"})).await.is_err());
    assert!(reading(json!({"type": "file", "size": 1, "encoding": "rot13", "content": "a"})).await.is_err());
    assert!(reading(json!({"type": "file", "size": 1, "encoding": "base64", "content": "!"})).await.is_err());
}
