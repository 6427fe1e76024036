use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use rollback_deploy_core::model::Kind;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::github::testing::{client, settings};

fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn pages_are_followed_with_the_token_and_the_version() {
    let server = MockServer::start().await;
    let next = format!("<{0}/list?page=2>; rel=\"next\", <{0}/list?page=2>; rel=\"last\"", server.uri());
    Mock::given(path("/list"))
        .and(query_param("page", "2"))
        .and(header("authorization", "Bearer ghs_secret"))
        .respond_with(ok(&json!([3])))
        .expect(1)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(path("/list"))
        .and(header("x-github-api-version", "2022-11-28"))
        .respond_with(ok(&json!([1, 2])).insert_header("link", next.as_str()))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(client(&server).pages::<u32>("/list", "numbers").await.unwrap(), [1, 2, 3]);
    for request in server.received_requests().await.unwrap() {
        let agents: Vec<_> = request.headers.get_all("user-agent").iter().collect();
        assert_eq!(agents, [concat!("rollback-deploy/", env!("CARGO_PKG_VERSION"))]);
        assert_eq!(request.headers.get_all("authorization").iter().count(), 1);
    }
}

#[tokio::test]
async fn a_page_elsewhere_is_not_followed() {
    let server = MockServer::start().await;
    Mock::given(path("/list"))
        .respond_with(ok(&json!([1])).insert_header("link", "<https://evil.example/list>; rel=\"next\""))
        .mount(&server)
        .await;
    assert!(client(&server).pages::<u32>("/list", "numbers").await.unwrap_err().what.contains("outside"));
}

#[tokio::test]
async fn a_5xx_is_asked_again_and_then_it_is_over() {
    let server = MockServer::start().await;
    Mock::given(path("/shaky"))
        .respond_with(ResponseTemplate::new(502))
        .up_to_n_times(2)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(path("/shaky")).respond_with(ok(&json!(7))).mount(&server).await;
    assert_eq!(client(&server).json::<u32>("/shaky", "it").await.unwrap(), 7);
    Mock::given(path("/down")).respond_with(ResponseTemplate::new(503)).expect(3).mount(&server).await;
    let failure = client(&server).json::<u32>("/down", "it").await.unwrap_err();
    assert_eq!(failure.kind, Kind::Failed);
    assert!(failure.what.contains("503"), "{failure:?}");
}

#[tokio::test]
async fn a_short_rate_limit_is_waited_for_and_a_long_one_says_when_it_ends() {
    let server = MockServer::start().await;
    let limit = |status: u16, name: &str, value: &str| ResponseTemplate::new(status).insert_header(name, value);
    Mock::given(path("/short"))
        .respond_with(limit(429, "retry-after", "1"))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(path("/short")).respond_with(ok(&json!(7))).mount(&server).await;
    assert_eq!(client(&server).json::<u32>("/short", "it").await.unwrap(), 7);
    let far = limit(403, "x-ratelimit-remaining", "0").insert_header("x-ratelimit-reset", "4102444800");
    Mock::given(path("/long")).respond_with(far).expect(1).mount(&server).await;
    let failure = client(&server).json::<u32>("/long", "it").await.unwrap_err();
    assert!(failure.what.contains("until 2100-01-01 00:00:00 UTC"), "{failure:?}");
}

#[tokio::test]
async fn refusals_name_the_permission_and_never_the_token() {
    let server = MockServer::start().await;
    for status in [401, 403, 404] {
        let no =
            ResponseTemplate::new(status).set_body_json(json!({"message": "Resource not accessible by integration"}));
        Mock::given(path(format!("/{status}"))).respond_with(no).expect(1).mount(&server).await;
        let failure = client(&server).json::<Value>(&format!("/{status}"), "it").await.unwrap_err();
        assert_eq!(failure.kind, Kind::Input);
        assert!(!format!("{failure:?}").contains("ghs_secret"));
        assert!(status == 401 || failure.hints.iter().any(|hint| hint.contains("contents: read")), "{failure:?}");
    }
    Mock::given(path("/html")).respond_with(ResponseTemplate::new(200).set_body_string("<html>")).mount(&server).await;
    assert!(client(&server).json::<Value>("/html", "it").await.unwrap_err().hints[0].contains("proxy"));
    for text in [format!("{:?}", settings("http://x")), format!("{:?}", client(&server))] {
        assert!(!text.contains("ghs_secret"), "{text}");
    }
}

#[tokio::test]
async fn an_enterprise_server_keeps_its_base_path() {
    let server = MockServer::start().await;
    let moved = format!("{}/api/v3/repositories/7", server.uri());
    Mock::given(path("/api/v3/repos/o/r"))
        .respond_with(ResponseTemplate::new(301).insert_header("location", moved.as_str()))
        .mount(&server)
        .await;
    Mock::given(path("/api/v3/repositories/7")).respond_with(ok(&json!(7))).mount(&server).await;
    for base in ["/api/v3", "/api/v3/"] {
        let client = Client::new(&settings(&format!("{}{base}", server.uri()))).unwrap();
        assert_eq!(client.json::<u32>("/repos/o/r", "it").await.unwrap(), 7);
    }
}

#[tokio::test]
async fn an_http_proxy_is_used_except_where_it_must_not_be() {
    let proxy = MockServer::start().await;
    Mock::given(method("GET"))
        .and(header("host", "api.invalid"))
        .respond_with(ok(&json!(7)))
        .expect(1)
        .mount(&proxy)
        .await;
    let mut settings = settings("http://api.invalid");
    settings.proxies.http = Some(proxy.uri().into());
    assert_eq!(Client::new(&settings).unwrap().json::<u32>("/x", "it").await.unwrap(), 7);
    settings.proxies.except = Some("api.invalid".into());
    assert!(
        Client::new(&settings).unwrap().json::<u32>("/x", "it").await.unwrap_err().what.contains("cannot be reached")
    );
    settings.proxies.http = Some("http://user:hunter2@[".to_owned().into());
    let failure = Client::new(&settings).unwrap_err();
    assert!(failure.what.contains("http_proxy") && !format!("{failure:?}").contains("hunter2"), "{failure:?}");
}

/// A server with a certificate of a private authority that answers 7 to everything; and the authority's PEM.
async fn private_server() -> (std::net::SocketAddr, String) {
    settings::install_tls();
    let authority = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = params.self_signed(&authority).unwrap();
    let issuer = rcgen::Issuer::new(params, authority);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "api.invalid".to_owned()];
    let leaf = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = tokio_rustls::rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut tls) = acceptor.accept(stream).await {
                let _asked = tls.read(&mut [0; 4096]).await;
                let _sent = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n7").await;
                let _ended = tls.shutdown().await;
            }
        }
    });
    (address, root.pem())
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_when_it_is_named() {
    let (address, pem) = private_server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let mut written = std::fs::File::create(&file).unwrap();
    written.write_all(pem.as_bytes()).unwrap();
    let mut settings = settings(&format!("https://localhost:{}", address.port()));
    settings.patience.retries = 0;
    assert!(Client::new(&settings).unwrap().json::<u32>("/x", "it").await.unwrap_err().what.contains("reached"));
    settings.ca = Some(file.clone());
    assert_eq!(Client::new(&settings).unwrap().json::<u32>("/x", "it").await.unwrap(), 7);
    written.set_len(0).unwrap();
    assert!(Client::new(&settings).unwrap_err().what.contains("no certificate"));
    settings.ca = Some(folder.path().join("missing.pem"));
    assert!(Client::new(&settings).unwrap_err().what.contains("cannot be read"));
}

#[tokio::test]
async fn https_goes_through_a_tunnel_of_the_proxy() {
    let (address, pem) = private_server().await;
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy_address = proxy.local_addr().unwrap();
    let tunnel = std::thread::spawn(move || {
        let (mut near, _) = proxy.accept().unwrap();
        let mut lines = BufReader::new(near.try_clone().unwrap()).lines().map_while(Result::ok);
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let far = std::net::TcpStream::connect(address).unwrap();
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut up, mut down) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut up, &mut down));
        let _ended = std::io::copy(&mut &far, &mut near);
        let _closed = near.shutdown(std::net::Shutdown::Both);
        head
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::File::create(&file).unwrap().write_all(pem.as_bytes()).unwrap();
    let mut settings = settings("https://api.invalid");
    settings.ca = Some(file);
    settings.proxies.https = Some(format!("http://user:pass@{proxy_address}").into());
    assert_eq!(Client::new(&settings).unwrap().json::<u32>("/x", "it").await.unwrap(), 7);
    let head = tunnel.join().unwrap();
    assert_eq!(head[0], "CONNECT api.invalid:443 HTTP/1.1");
    assert!(!head.iter().any(|line| line.contains("ghs_secret")));
}

#[test]
fn addresses_and_tokens_are_checked() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    for api in ["ftp://x", "https://user:pass@x", "https://x/?q=1", "https://x/#f", "data:x"] {
        assert!(Client::new(&settings(api)).is_err(), "{api}");
    }
    for token in ["", "a b", "a\n", "é"] {
        let token = Some(token.to_owned().into());
        assert!(Client::new(&Settings { token, ..settings("https://x") }).is_err());
    }
}
