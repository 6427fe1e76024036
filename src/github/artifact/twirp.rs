//! One call of the service: JSON in, JSON out, sent again when that may help.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::{Response, StatusCode};
use rollback_deploy_core::model::Foreign;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize};
use url::Url;

use super::unavailable::Unavailable;
use crate::github::refusal::causes;
use crate::github::settings::Patience;

/// The most that an answer may hold.
const LARGEST: usize = 4 << 20;

/// The service, with the token that only it may see.
pub(super) struct Twirp {
    pub(super) http: reqwest::Client,
    service: Url,
    token: SecretString,
    patience: Patience,
}

impl std::fmt::Debug for Twirp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Twirp").field("service", &self.service.as_str()).finish_non_exhaustive()
    }
}

#[derive(Deserialize, Default)]
struct Refused {
    #[serde(default)]
    code: String,
    #[serde(default)]
    msg: String,
}

impl Twirp {
    /// The service at this origin; whatever path the base has is not the service's.
    pub(super) fn new(
        http: reqwest::Client,
        base: &Url,
        token: &SecretString,
        patience: Patience,
    ) -> Result<Self, Unavailable> {
        let mut service = base.clone();
        service.set_query(None);
        service.set_fragment(None);
        service.set_path("/twirp/github.actions.results.api.v1.ArtifactService/");
        if !token.expose_secret().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Unavailable::NoScope);
        }
        Ok(Self { http, service, token: token.clone(), patience })
    }

    /// Whether addresses that the service hands out must be https.
    pub(super) fn is_https(&self) -> bool {
        self.service.scheme() == "https"
    }

    /// Calls a method.
    pub(super) async fn call<A: Serialize, B: DeserializeOwned>(
        &self,
        method: &str,
        ask: &A,
    ) -> Result<B, Unavailable> {
        let url = self.service.join(method).map_err(|_| Unavailable::NotHere)?;
        let body = serde_json::to_vec(ask).map_err(|error| Unavailable::Unreachable(error.to_string().into()))?;
        self.again(|| async {
            let sent = self.http.post(url.clone()).bearer_auth(self.token.expose_secret());
            let sent = sent.header("content-type", "application/json").body(body.clone()).send().await;
            let answer = sent.map_err(lost)?;
            let status = answer.status();
            let body = read(answer, LARGEST).await?;
            if !status.is_success() {
                return Err(refused(status, &body));
            }
            serde_json::from_slice(&body)
                .map_err(|error| Again(true, Unavailable::Unreachable(error.to_string().into())))
        })
        .await
    }

    /// Sends again what failed in a way that may pass.
    pub(super) async fn again<T, F>(&self, mut send: impl FnMut() -> F) -> Result<T, Unavailable>
    where
        F: Future<Output = Result<T, Again>>,
    {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(self.patience.first)
            .with_max_times(self.patience.retries)
            .with_factor(1.5)
            .with_jitter()
            .build();
        let mut waited = Duration::ZERO;
        loop {
            match send().await {
                Ok(done) => return Ok(done),
                Err(Again(false, why)) => return Err(why),
                Err(Again(true, why)) => {
                    let Some(delay) = delays.next().filter(|delay| waited + *delay <= self.patience.in_all) else {
                        return Err(why);
                    };
                    waited += delay;
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }
}

/// A failed attempt, and whether another one may help.
pub(super) struct Again(pub(super) bool, pub(super) Unavailable);

/// There was no answer. The address is left out: it can be signed.
pub(super) fn lost(error: reqwest::Error) -> Again {
    Again(true, Unavailable::Unreachable(causes(&error.without_url()).into()))
}

/// Whether another attempt may help.
pub(super) fn passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Reads an answer, at most `limit` bytes.
pub(super) async fn read(mut answer: Response, limit: usize) -> Result<Vec<u8>, Again> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(lost)? {
        if body.len() + piece.len() > limit {
            return Err(Again(false, Unavailable::TooLarge));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn refused(status: StatusCode, body: &[u8]) -> Again {
    let said: Refused = serde_json::from_slice(body).unwrap_or_default();
    let why = match status.as_u16() {
        _ if said.msg.contains("insufficient usage") => return Again(false, Unavailable::Quota),
        409 => Unavailable::NameTaken,
        _ if said.code == "already_exists" => Unavailable::NameTaken,
        401 | 403 => Unavailable::Denied,
        404 | 405 | 501 => Unavailable::NotHere,
        status => Unavailable::Answered { status, said: Foreign::new(format!("{} {}", said.code, said.msg).trim()) },
    };
    Again(passing(status), why)
}

/// A whole number that may be a text: servers differ.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    struct Number;
    impl Visitor<'_> for Number {
        type Value = u64;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a whole number, or one as text")
        }
        fn visit_u64<E>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }
        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<u64, E> {
            u64::try_from(number).map_err(E::custom)
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
            text.parse().map_err(E::custom)
        }
    }
    from.deserialize_any(Number).map_err(D::Error::custom)
}
