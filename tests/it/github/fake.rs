//! The fake GitHub: what it says is what GitHub's published description allows.

use std::io::{Cursor, Read};

use serde_json::{Value, json};

use crate::world::github::{GitHub, OpenApi, Origin, Spelling, TOKEN, Trouble, digest};
use crate::world::sample::Sample;

/// What a client hears.
struct Heard {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

/// A plain client that follows nothing by itself.
struct Client {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
}

impl Client {
    fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("test")
            .no_proxy()
            .build()
            .unwrap();
        Self { runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(), http }
    }

    fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Heard> {
        self.runtime.block_on(async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok(Heard { status, headers, body: response.bytes().await?.to_vec() })
        })
    }

    fn get(&self, url: &str, headers: &[(&str, &str)]) -> Heard {
        let request = headers.iter().fold(self.http.get(url), |request, (name, value)| request.header(*name, *value));
        self.send(request).unwrap()
    }

    fn authorized(&self, url: &str) -> Heard {
        self.get(url, &[("authorization", &format!("Bearer {TOKEN}"))])
    }

    fn post(&self, url: &str, token: &str, body: &Value) -> Heard {
        self.send(
            self.http.post(url).bearer_auth(token).header("content-type", "application/json").body(body.to_string()),
        )
        .unwrap()
    }

    fn put(&self, url: &str, body: &str) -> u16 {
        self.send(self.http.put(url).body(body.to_owned())).unwrap().status
    }
}

fn served() -> (GitHub, Sample, Client, String) {
    let (github, sample) = (GitHub::start(), Sample::new());
    github.serve("org/diary", sample.folder());
    let base = format!("{}/repos/org/diary", github.api_url("127.0.0.1"));
    (github, sample, Client::new(), base)
}

#[test]
#[ignore = "world: github"]
fn every_answer_is_one_that_the_published_description_allows() {
    let (github, sample, client, base) = served();
    github.pages_of(2);
    let (plain, annotated) = (sample.commit("v1.0.0"), sample.commit("v1.1.0"));
    let tag = sample.git(&["rev-parse", "refs/tags/v1.1.0"]);
    for path in [
        "git/matching-refs/tags/v",
        "git/matching-refs/tags/",
        "git/matching-refs/tags/none",
        "git/ref/tags/v1.0.0",
        "git/ref/heads/main",
        "git/ref/tags/none",
        &format!("git/tags/{tag}"),
        &format!("git/commits/{plain}"),
        "tags?per_page=2&page=2",
        "commits/tags/v1.1.0",
        "commits/none",
        "contents/bin/build?ref=v1.0.0",
        "contents/none?ref=v1.0.0",
        "tarball/v1.0.0",
        "actions/artifacts?name=x&per_page=100",
        "actions/runs/7/artifacts?name=x",
    ] {
        client.authorized(&format!("{base}/{path}"));
    }
    upload(&github, &client, 7, "backup", b"PK zip");
    let listed = client.authorized(&format!("{base}/actions/artifacts?name=backup")).json();
    client.authorized(&format!("{base}/actions/artifacts/{}/zip", listed["artifacts"][0]["id"]));
    client.get(&format!("{base}/commits/{annotated}"), &[("accept", "application/vnd.github.sha")]);
    for trouble in [Trouble::RateLimit(60), Trouble::SecondaryLimit(60), Trouble::Forbidden, Trouble::Server(502)] {
        github.trouble("/tags", 1, trouble);
        client.authorized(&format!("{base}/tags"));
    }
    let seen = github.seen();
    assert!(seen.len() >= 22, "{}", seen.len());
    assert_eq!(OpenApi::read().problems(&seen), Vec::<String>::new());
}

#[test]
#[ignore = "world: github"]
fn the_description_notices_a_wrong_answer() {
    let (github, _sample, client, base) = served();
    client.authorized(&format!("{base}/git/ref/tags/v1.0.0?pages=2"));
    client.authorized(&format!("{base}/git/refs/none"));
    client.authorized(&format!("{base}/tags"));
    let (api, mut seen) = (OpenApi::read(), github.seen());
    assert_eq!(api.problems(&seen).len(), 2, "an unknown parameter and an unknown route");
    let mut tags: Value = serde_json::from_slice(&seen[2].answer.body).unwrap();
    tags[0]["commit"] = json!("a commit is no text");
    seen[2].answer.body = tags.to_string().into_bytes();
    let problems = api.problems(&seen[2..]);
    assert!(problems.len() == 1 && problems[0].contains("/0/commit"), "{problems:?}");
}

#[test]
fn tags_lead_to_their_commits_and_lists_to_their_next_page() {
    let (github, sample, client, base) = served();
    let found = client.get(&format!("{base}/git/matching-refs/tags/v1.1"), &[]).json();
    assert_eq!((&found[0]["ref"], &found[0]["object"]["type"]), (&json!("refs/tags/v1.1.0"), &json!("tag")));
    let tag = client.get(&format!("{base}/git/tags/{}", found[0]["object"]["sha"].as_str().unwrap()), &[]).json();
    assert_eq!(tag["object"]["sha"], sample.commit("v1.1.0"));
    let sha = client.get(&format!("{base}/commits/tags/v1.1.0"), &[("accept", "application/vnd.github.sha")]);
    assert_eq!(sha.text(), sample.commit("v1.1.0"));
    github.pages_of(3);
    let (mut url, mut names) = (format!("{base}/git/matching-refs/tags/"), Vec::new());
    loop {
        let page = client.get(&url, &[]);
        names.extend(page.json().as_array().unwrap().iter().map(|found| found["ref"].as_str().unwrap().to_owned()));
        let link = page.header("link");
        let Some(next) = link.strip_prefix('<').and_then(|link| link.split_once('>')) else { break };
        next.0.clone_into(&mut url);
    }
    assert_eq!(names.len(), 7, "{names:?}");
}

#[test]
fn an_archive_lies_on_another_host_at_a_signed_address() {
    let (github, sample, client, base) = served();
    github.make_private("org/diary");
    assert_eq!(client.get(&format!("{base}/tarball/v1.0.0"), &[]).status, 404, "nobody sees a private repository");
    assert_eq!(client.get(&format!("{base}/tarball/v1.0.0"), &[("authorization", "Bearer no")]).status, 401);
    let sent = client.authorized(&format!("{base}/tarball/v1.0.0"));
    assert_eq!(sent.status, 302);
    let there = sent.header("location");
    let archive = client.get(&there, &[]);
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(Cursor::new(archive.body)));
    let root = format!("org-diary-{}", &sample.commit("v1.0.0")[..7]);
    let names: Vec<_> = tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
    assert!(names.contains(&format!("{root}/bin/build").into()), "{names:?}");
    github.assert_no_token_left_the_api();
    assert_eq!(client.authorized(&there).status, 403, "a token beside the signature is refused");
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| github.assert_no_token_left_the_api()));
    assert!(told.is_err(), "and noticed");
}

#[test]
fn trouble_comes_as_often_as_asked() {
    let (github, _sample, client, base) = served();
    github.trouble("/git/", 1, Trouble::RateLimit(60));
    github.trouble("/git/", 1, Trouble::Cut);
    github.trouble("/git/", 1, Trouble::Server(503));
    let url = format!("{base}/git/ref/tags/v1.0.0");
    let limited = client.get(&url, &[]);
    assert_eq!((limited.status, limited.header("x-ratelimit-remaining").as_str()), (403, "0"));
    assert!(client.send(client.http.get(&url)).is_err(), "the connection was cut");
    assert_eq!(client.get(&url, &[]).status, 503);
    assert_eq!(client.get(&url, &[]).status, 200);
    assert_eq!(github.seen().iter().filter(|seen| seen.asked.origin == Origin::Api).count(), 4);
}

/// Uploads as a client of the artifact service does; the reply to Finalize.
fn upload(github: &GitHub, client: &Client, run: u64, name: &str, zip: &[u8]) -> Value {
    let token = github.runtime_token(run);
    let ids = ids(&token);
    let call = |method: &str, more: Value| service(github, client, &token, &ids, method, &more);
    let begun = call("CreateArtifact", json!({"name": name, "version": 4})).json();
    let url = begun["signed_upload_url"].as_str().or(begun["signedUploadUrl"].as_str()).unwrap().to_owned();
    let (first, second) = zip.split_at(zip.len() / 2);
    for (id, half) in [("MDAwMDE=", first), ("MDAwMDI=", second)] {
        let put = client.http.put(format!("{url}&comp=block&blockid={}", id.replace('=', "%3D"))).body(half.to_vec());
        assert_eq!(client.send(put).unwrap().status, 201);
    }
    let list = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><Latest>MDAwMDE=</Latest><Latest>MDAwMDI=</Latest></BlockList>";
    assert_eq!(client.put(&format!("{url}&comp=blocklist"), list), 201);
    let done = json!({"name": name, "size": zip.len().to_string(), "hash": digest(zip)});
    call("FinalizeArtifact", done).json()
}

/// The backend's names of run and job, as a client finds them in the token.
fn ids(token: &str) -> (String, String) {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let scope =
        claims["scp"].as_str().unwrap().split(' ').find_map(|scope| scope.strip_prefix("Actions.Results:")).unwrap();
    let (run, job) = scope.split_once(':').unwrap();
    (run.to_owned(), job.to_owned())
}

fn service(github: &GitHub, client: &Client, token: &str, ids: &(String, String), method: &str, more: &Value) -> Heard {
    let origin = github.api_url("127.0.0.1");
    let mut body = json!({"workflow_run_backend_id": ids.0, "workflow_job_run_backend_id": ids.1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post(&format!("{origin}/twirp/github.actions.results.api.v1.ArtifactService/{method}"), token, &body)
}

#[test]
fn artifacts_are_uploaded_in_blocks_and_read_back() {
    let (github, _sample, client, base) = served();
    for (spelling, key) in [(Spelling::Snake, "artifact_id"), (Spelling::Camel, "artifactId")] {
        github.spell(spelling);
        let name = format!("backup-{key}");
        let done = upload(&github, &client, 7, &name, b"PK\x03\x04 some zip");
        assert!(done[key].as_str().is_some_and(|id| id.parse::<u64>().is_ok()), "{done}");
        let artifact = github.artifacts().pop().unwrap();
        assert_eq!(
            (artifact.name.as_str(), artifact.run, artifact.zip.as_slice()),
            (name.as_str(), 7, &b"PK\x03\x04 some zip"[..])
        );
    }
    let listed = client.authorized(&format!("{base}/actions/runs/7/artifacts")).json();
    assert_eq!(listed["total_count"], 2);
    let url = listed["artifacts"][0]["archive_download_url"].as_str().unwrap();
    let sent = client.authorized(url);
    let mut read = Vec::new();
    Cursor::new(client.get(&sent.header("location"), &[]).body).read_to_end(&mut read).unwrap();
    assert_eq!(read, b"PK\x03\x04 some zip");
    let token = github.runtime_token(7);
    let again = service(
        &github,
        &client,
        &token,
        &ids(&token),
        "CreateArtifact",
        &json!({"name": "backup-artifactId", "version": 4}),
    );
    assert_eq!(again.status, 409, "a name is used once in a run");
}

#[test]
fn the_block_store_is_strict() {
    let (github, _sample, client, _base) = served();
    let token = github.runtime_token(8);
    let call = |method: &str, more: Value| service(&github, &client, &token, &ids(&token), method, &more);
    assert_eq!(call("CreateArtifact", json!({"name": "a/b", "version": 4})).status, 400);
    assert_eq!(call("CreateArtifact", json!({"name": "a", "version": 4, "mime_type": "x/y"})).status, 400);
    let url = call("CreateArtifact", json!({"name": "a", "version": 4})).json()["signed_upload_url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(client.put(&format!("{url}&comp=block&blockid=MDAwMDE%3D"), "one"), 201);
    assert_eq!(client.put(&format!("{url}&comp=block&blockid=MDAwMDAwMDI%3D"), "two"), 400, "ids of another length");
    assert_eq!(client.put(&format!("{url}&comp=blocklist"), "<BlockList><Latest>MDAwMDI=</Latest></BlockList>"), 400);
    assert_eq!(client.put(&url, "all at once"), 400);
    let renewed = reqwest::Url::parse(&url).map(|mut url| {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        url.query_pairs_mut().clear().extend_pairs(pairs.iter().rev());
        url.to_string()
    });
    assert_eq!(client.put(&format!("{}&comp=blocklist", renewed.unwrap()), "x"), 403, "a query written anew");
    assert_eq!(call("FinalizeArtifact", json!({"name": "a", "size": "3"})).status, 412, "nothing is there yet");
    assert_eq!(client.put(&format!("{url}&comp=blocklist"), "<BlockList><Latest>MDAwMDE=</Latest></BlockList>"), 201);
    assert_eq!(call("FinalizeArtifact", json!({"name": "a", "size": 3})).status, 400, "a number is no string");
    assert_eq!(call("FinalizeArtifact", json!({"name": "a", "size": "3", "hash": "sha256:00"})).status, 400);
    assert_eq!(call("FinalizeArtifact", json!({"name": "a", "size": "3"})).status, 200);
    let wrong = service(&github, &client, "no.token.here", &ids(&token), "ListArtifacts", &json!({}));
    assert_eq!(wrong.status, 401);
}
