use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;

use rollback_deploy_core::model::{Seconds, Verdict};

use super::*;

/// A server that gives each connection the same bytes.
fn server(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _request = stream.read(&mut [0; 4096]);
            // A reader that stops early closes on us.
            let _closed = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/health?token=CANARY")
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nX-Release: app-v2\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn question(url: String) -> Http {
    Http { url, status: 200, header: BTreeMap::new(), text: None, json: BTreeMap::new(), timeout: Seconds(5) }
}

fn asked(question: &Http) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = runtime.block_on(ask(question, "v2", Way::Host));
    assert!(!seen.saw.contains("CANARY"), "the query is shown: {}", seen.saw);
    seen
}

#[test]
fn the_version_is_found_in_text_json_and_header() {
    let mut http = question(server(ok(r#"{"data":[{"version":"v2","n":3,"up":true}]}"#)));
    assert!(!names_version(&http));
    http.text = Some("\"{version}\"".into());
    http.header.insert("x-release".into(), "{version}".into());
    http.json = [("data.0.version", "{version}"), ("data.0.n", "3"), ("data.0.up", "true")]
        .map(|(path, value)| (path.to_owned(), value.to_owned()))
        .into();
    assert!(names_version(&http));
    assert_eq!(asked(&http), Seen::pass("status 200"));

    http.json.insert("data.1.version".into(), "x".into());
    assert_eq!(asked(&http).verdict, Verdict::Fail);
}

#[test]
fn what_is_wrong_is_said() {
    let http = question(server("HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\nno\ndb\nyet".into()));
    assert_eq!(asked(&http), Seen::fail("status 500, wanted 200; body: no db yet"));

    let http = question(server("HTTP/1.1 302 X\r\nLocation: /login?next=CANARY\r\nContent-Length: 0\r\n\r\n".into()));
    assert_eq!(asked(&http), Seen::fail("status 302, to /login, wanted 200; body: empty"));

    let mut http = question(server(ok("not json")));
    http.json.insert("version".into(), "v2".into());
    assert!(asked(&http).saw.starts_with("status 200; no JSON: "));

    let mut http = question(server(ok(r#"{"version":"v1"}"#)));
    http.json.insert("version".into(), "{version}".into());
    assert_eq!(asked(&http), Seen::fail(r#"status 200; version is "v1", wanted "v2""#));

    let mut http = question(server(ok("x")));
    http.header.insert("x-release".into(), "v3".into());
    assert_eq!(asked(&http), Seen::fail(r#"status 200; header x-release is "app-v2", wanted "v3""#));
}

#[test]
fn a_long_body_is_not_read_to_its_end() {
    let mut http = question(server(ok(&format!("{}needle", "x".repeat(LARGEST_BODY)))));
    assert_eq!(asked(&http).verdict, Verdict::Pass);
    http.text = Some("needle".into());
    let seen = asked(&http);
    assert!(seen.saw.contains("only the first 64 KiB"), "{}", seen.saw);
}

#[test]
fn nobody_there_is_a_fail_and_no_url_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let seen = asked(&question(format!("http://{free}/?token=CANARY")));
    assert_eq!(seen.verdict, Verdict::Fail);
    assert!(seen.saw.contains("refused"), "{}", seen.saw);
    for url in ["not a url?CANARY", "ftp://127.0.0.1/?CANARY"] {
        assert_eq!(asked(&question(url.into())).verdict, Verdict::Error, "{url}");
    }
}

#[test]
fn a_server_that_never_answers_ends_at_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut http = question(format!("http://{}/", listener.local_addr().unwrap()));
    http.timeout = Seconds(1);
    assert_eq!(asked(&http), Seen::fail("no answer within 1 s"));
}
