//! A small HTTP server: one origin, each request handed to a function, everything remembered.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;

/// Which of GitHub's hosts a request went to. Their ports differ, so that a client sees different hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The API and the results service.
    Api,
    /// Where archives and artifacts lie, at signed addresses.
    Storage,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Which host was asked.
    pub(crate) origin: Origin,
    /// `GET` …
    pub(crate) method: String,
    /// The path, still escaped.
    pub(crate) path: String,
    /// The query, still escaped.
    pub(crate) query: String,
    /// Headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(have, _)| have == name).map(|(_, value)| value.into_owned())
    }
}

/// An answer. Status 0 cuts the connection instead.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    pub(super) fn text(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type", kind.to_owned())], body: body.into() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What answers.
pub(super) type Handler = Arc<dyn Fn(Asked) -> Answer + Send + Sync>;

/// Listens on every address of this machine, so that containers reach it as well; ends with the runtime.
pub(super) fn listen(runtime: &Runtime, origin: Origin, handler: Handler) -> u16 {
    let socket = TcpListener::bind(("0.0.0.0", 0)).expect("a free port");
    socket.set_nonblocking(true).expect("a socket of ours");
    let port = socket.local_addr().expect("it is bound").port();
    runtime.spawn(async move {
        let socket = tokio::net::TcpListener::from_std(socket).expect("inside the runtime");
        while let Ok((stream, _)) = socket.accept().await {
            let handler = Arc::clone(&handler);
            let service = service_fn(move |request| answer(origin, Arc::clone(&handler), request));
            // A client that goes away is its own matter.
            tokio::spawn(async move {
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
            });
        }
    });
    port
}

async fn answer(
    origin: Origin,
    handler: Handler,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let asked = Asked {
        origin,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: body.collect().await?.to_bytes().to_vec(),
    };
    let answer = tokio::task::spawn_blocking(move || handler(asked)).await?;
    if answer.status == 0 {
        return Err("cut on purpose".into());
    }
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    Ok::<_, Infallible>(response.body(Full::new(Bytes::from(answer.body)))?).map_err(|never| match never {})
}

/// Undoes percent-escaping of a path.
pub(super) fn unescaped(text: &str) -> String {
    // `+` stands for itself in a path.
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
