//! Where the API is and how it is reached: values that a face read, never our environment.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, NoProxy, Proxy};
use rollback_deploy_core::model::{Failure, Place};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// How we call ourselves; GitHub answers nobody without a name.
pub(super) const AGENT: &str = concat!("rollback-deploy/", env!("CARGO_PKG_VERSION"));

/// How the API is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API's base: `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise server.
    pub api: Url,
    /// The token; public repositories can be read without one.
    pub token: Option<SecretString>,
    /// A PEM file with certificates of private authorities, beside those of the system.
    pub ca: Option<PathBuf>,
    /// Proxies.
    pub proxies: Proxies,
    /// How long to go on when GitHub does not answer well.
    pub patience: Patience,
}

impl Settings {
    /// The settings for this base, with nothing else.
    #[must_use]
    pub fn new(api: Url) -> Self {
        Self { api, token: None, ca: None, proxies: Proxies::default(), patience: Patience::default() }
    }
}

/// What the usual variables say, as values.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// `https_proxy`: for `https://` addresses. May hold a password, hence secret.
    pub https: Option<SecretString>,
    /// `http_proxy`: for `http://` addresses.
    pub http: Option<SecretString>,
    /// `no_proxy`: names, addresses and networks that are reached directly.
    pub except: Option<String>,
}

/// How long to go on when there is no good answer.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often a GET is repeated after a 5xx or a broken connection.
    pub retries: usize,
    /// The first wait before such a repetition; it doubles.
    pub first: Duration,
    /// The most that one request may wait in all, rate limits included.
    pub in_all: Duration,
    /// How long a connection may be silent.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            retries: 4,
            first: Duration::from_secs(1),
            in_all: Duration::from_mins(2),
            silence: Duration::from_mins(1),
        }
    }
}

/// Makes ring the one provider of TLS. Call it once, before any client is built; again is fine.
pub fn install_tls() {
    // An error means that one is installed already, which is what we want.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// An HTTP client that follows no redirect: whoever needs one decides where the token may go.
pub(super) fn http(settings: &Settings) -> Result<reqwest::Client, Failure> {
    install_tls();
    let mut builder = reqwest::Client::builder()
        // Proxies come as values; the library must not look into our environment.
        .no_proxy()
        .redirect(Policy::none())
        .user_agent(AGENT)
        .connect_timeout(settings.patience.silence.min(Duration::from_secs(30)))
        .read_timeout(settings.patience.silence);
    for (value, name, proxy) in [
        (&settings.proxies.https, "https_proxy", Proxy::https as fn(_) -> _),
        (&settings.proxies.http, "http_proxy", Proxy::http),
    ] {
        let Some(value) = value else { continue };
        // The library's own message would repeat the address, and it may hold a password.
        let proxy: Proxy = proxy(value.expose_secret()).map_err(|_: reqwest::Error| {
            Failure::input(format!("the value of {name} is not the address of a proxy"))
                .hint("It looks like http://proxy.example:3128.")
        })?;
        builder = builder.proxy(proxy.no_proxy(settings.proxies.except.as_deref().and_then(NoProxy::from_string)));
    }
    if let Some(path) = &settings.ca {
        let place = || Place::File { path: path.display().to_string(), at: None };
        let pem = std::fs::read(path).map_err(|error| {
            Failure::input("the file of certificate authorities cannot be read").at(place()).because(error.to_string())
        })?;
        let certificates = Certificate::from_pem_bundle(&pem).ok().filter(|all| !all.is_empty()).ok_or_else(|| {
            Failure::input("the file of certificate authorities holds no certificate")
                .at(place())
                .hint("It must be PEM: blocks that begin with -----BEGIN CERTIFICATE-----.")
        })?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| {
        Failure::input("no HTTPS connection can be set up")
            .hint("The image needs the package ca-certificates, or SSL_CERT_FILE must name a PEM file.")
            .because(super::refusal::causes(&error))
    })
}
