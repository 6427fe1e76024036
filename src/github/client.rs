//! One request to the API: octocrab over reqwest. GETs are repeated after a 5xx or a broken connection; a rate limit
//! is waited for as long as our patience lasts; pages are followed; everything else is a Failure with what to do.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::header::{ACCEPT, LINK, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use octocrab::service::middleware::auth_header::AuthHeaderLayer;
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::service::middleware::extra_headers::ExtraHeadersLayer;
use octocrab::service::middleware::reqwest_connector::ReqwestConnector;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use rollback_deploy_core::model::Failure;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::download::Broken;
use super::refusal::{limited, rate_limit, refused, unreachable};
use super::settings::{self, Patience, Settings};

/// The most that an answer in JSON may hold.
const LARGEST: usize = 16 << 20;
/// The most pages: of 100 tags each.
const PAGES: usize = 200;
/// How often an answer may send us on, inside the API.
const HOPS: usize = 3;
const JSON: &str = "application/vnd.github+json";

/// The API of one GitHub server, as one user or nobody.
#[derive(Debug, Clone)]
pub struct Client {
    crab: Octocrab,
    pub(super) http: reqwest::Client,
    pub(super) api: Url,
    pub(super) bearer: Option<HeaderValue>,
    pub(super) patience: Patience,
}

/// An answer that was read whole.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

pub(super) type Cause = Box<dyn Error + Send + Sync>;

impl Client {
    /// A client for these settings. It must be made inside a tokio runtime.
    ///
    /// # Errors
    /// The base, the token, the proxy or the file of authorities is not valid.
    pub fn new(settings: &Settings) -> Result<Self, Failure> {
        let api = base(&settings.api)?;
        let http = settings::http(settings)?;
        let base: Uri = api.as_str().parse().map_err(|_| Failure::input("the address of the API is not valid"))?;
        let bearer = settings.token.as_ref().map(bearer).transpose()?;
        let agent = (USER_AGENT, HeaderValue::from_static(settings::AGENT));
        // octocrab's own stack without its retries, which repeat at once and repeat POSTs too.
        let crab = OctocrabBuilder::new_empty()
            .with_service(ReqwestConnector::new(http.clone()))
            .with_layer(&ExtraHeadersLayer::new(Arc::new(vec![agent])))
            .with_layer(&BaseUriLayer::new(base.clone()))
            .with_layer(&AuthHeaderLayer::new(bearer.clone(), base.clone(), base))
            .with_auth(AuthState::None)
            .build()
            .unwrap_or_else(|never| match never {});
        Ok(Self { crab, http, api, bearer, patience: settings.patience })
    }

    /// Reads a route as JSON; `what` names it in failures.
    ///
    /// # Errors
    /// No good answer.
    pub async fn json<T: DeserializeOwned>(&self, route: &str, what: &str) -> Result<T, Failure> {
        let heard = self.get(route, JSON, what).await?;
        self.good(&heard, what)?;
        parse(&heard.body, what)
    }

    /// Reads a route as JSON; 404 is `None`.
    ///
    /// # Errors
    /// No good answer.
    pub async fn find<T: DeserializeOwned>(&self, route: &str, what: &str) -> Result<Option<T>, Failure> {
        let heard = self.get(route, JSON, what).await?;
        if heard.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.good(&heard, what)?;
        parse(&heard.body, what).map(Some)
    }

    /// Reads all pages of a list.
    ///
    /// # Errors
    /// No good answer, or more pages than can be meant.
    pub async fn pages<T: DeserializeOwned>(&self, route: &str, what: &str) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut next = Some(route.to_owned());
        for _ in 0..PAGES {
            let Some(route) = next else { return Ok(all) };
            let heard = self.get(&route, JSON, what).await?;
            // An empty repository answers 409 to everything about git.
            if heard.status == StatusCode::CONFLICT && all.is_empty() {
                return Ok(all);
            }
            self.good(&heard, what)?;
            all.extend(parse::<Vec<T>>(&heard.body, what)?);
            next = self.next_page(&heard.headers)?;
        }
        Err(Failure::failed(format!("{what}: more than {PAGES} pages")))
    }

    /// Refuses an answer that is no success.
    pub(super) fn good(&self, heard: &Heard, what: &str) -> Result<(), Failure> {
        if heard.status.is_success() {
            return Ok(());
        }
        Err(refused(heard.status, &String::from_utf8_lossy(&heard.body), what, self.bearer.is_some()))
    }

    /// One GET with all our patience. Redirects inside the API are followed; others are answered as they are.
    pub(super) async fn get(&self, route: &str, accept: &str, what: &str) -> Result<Heard, Failure> {
        let mut route = route.to_owned();
        for _ in 0..HOPS {
            let heard = self.patiently(what, || self.once(route.clone(), accept)).await?;
            match heard.headers.get(LOCATION).and_then(|to| to.to_str().ok()) {
                Some(to) if heard.status.is_redirection() => match self.inside(to) {
                    Some(inside) => route = inside,
                    None => return Ok(heard),
                },
                _ => return Ok(heard),
            }
        }
        Err(Failure::failed(format!("GitHub sends us round in circles when {what} is read")))
    }

    async fn once(&self, route: String, accept: &str) -> Result<Heard, Cause> {
        let request = Request::builder().method(Method::GET).uri(route).header(ACCEPT, accept);
        let request = self.crab.build_request(request, None::<&()>)?;
        let (parts, body) = self.crab.execute(request).await?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await?.to_bytes().to_vec();
        Ok(Heard { status: parts.status, headers: parts.headers, body })
    }

    /// Sends again what may be sent again, until there is an answer to work with.
    pub(super) async fn patiently<F, T>(&self, what: &str, mut send: F) -> Result<Heard, Failure>
    where
        F: FnMut() -> T,
        T: Future<Output = Result<Heard, Cause>>,
    {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(self.patience.first)
            .with_max_times(self.patience.retries)
            .with_jitter()
            .build();
        let mut waited = Duration::ZERO;
        loop {
            let answer = send().await;
            let limit = answer
                .as_ref()
                .ok()
                .and_then(|heard| limited(heard.status, &heard.headers, &heard.body, Timestamp::now()));
            let wait = match (&answer, limit) {
                (_, Some(limit)) => Some(limit.wait),
                (Ok(heard), None) if !heard.status.is_server_error() => None,
                (Err(error), None) if error.is::<Broken>() => None,
                _ => delays.next(),
            };
            match wait.filter(|wait| waited.saturating_add(*wait) <= self.patience.in_all) {
                Some(wait) => {
                    tracing::debug!(what, seconds = wait.as_secs(), "waiting before the request is sent again");
                    waited += wait;
                    tokio::time::sleep(wait).await;
                }
                None => {
                    return match (answer, limit) {
                        (_, Some(limit)) => Err(rate_limit(limit, what, self.bearer.is_some())),
                        (Ok(heard), None) if heard.status.is_server_error() => {
                            Err(refused(heard.status, &String::from_utf8_lossy(&heard.body), what, true))
                        }
                        (Ok(heard), None) => Ok(heard),
                        (Err(error), None) => Err(match error.downcast_ref::<Broken>() {
                            Some(broken) => Failure::failed(format!("{what} was not downloaded: {broken}")),
                            None => unreachable(error.as_ref(), what),
                        }),
                    };
                }
            }
        }
    }

    /// An address inside the API as a route; none when it lies elsewhere.
    fn inside(&self, address: &str) -> Option<String> {
        let url = self.api.join(address).ok()?;
        let inside = url.origin() == self.api.origin() && url.path().starts_with(self.api.path());
        inside.then(|| url.to_string())
    }

    /// The `next` of a Link header; it must stay inside the API, since the token goes along.
    fn next_page(&self, headers: &HeaderMap) -> Result<Option<String>, Failure> {
        let links = headers.get(LINK).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let next = links.split(',').find_map(|link| {
            let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
            rest.split(';').any(|part| part.trim() == "rel=\"next\"").then_some(address)
        });
        match next {
            None => Ok(None),
            Some(address) => self.inside(address).map(Some).ok_or_else(|| {
                Failure::failed("the next page of a list lies outside the API: it is not followed")
                    .because(address.to_owned())
            }),
        }
    }
}

/// The header of a token; marked so that nothing prints it.
fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    let text = token.expose_secret();
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    let value = plain.then(|| HeaderValue::from_str(&format!("Bearer {text}")).ok()).flatten();
    let mut value = value.ok_or_else(|| {
        Failure::input("the token is empty or has characters that no token has")
            .hint("Check the secret for spaces and line breaks; usually it is ${{ github.token }}.")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The base with a path that ends in no slash twice, and nothing else in it.
fn base(api: &Url) -> Result<Url, Failure> {
    let plain = matches!(api.scheme(), "https" | "http")
        && api.has_host()
        && api.username().is_empty()
        && api.password().is_none()
        && api.query().is_none()
        && api.fragment().is_none();
    if !plain {
        return Err(Failure::input("the address of the API is not a plain http(s) address")
            .hint("It looks like https://api.github.com, or https://HOST/api/v3 for an Enterprise server."));
    }
    let mut api = api.clone();
    let path = api.path().trim_end_matches('/').to_owned();
    api.set_path(&path);
    Ok(api)
}

fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::failed(format!("GitHub's answer about {what} cannot be read"))
            .hint("Does the address of the API belong to GitHub? A sign-in page of a proxy looks like this.")
            .because(error.to_string())
    })
}

#[cfg(test)]
mod tests;
