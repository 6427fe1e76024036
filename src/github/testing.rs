//! What the tests of this room share: a client of a fake server that does not wait long.

use std::time::Duration;

use url::Url;
use wiremock::MockServer;

use super::{Client, Patience, Repository, Settings};

pub(crate) const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

pub(crate) fn patience() -> Patience {
    Patience {
        retries: 2,
        first: Duration::from_millis(1),
        in_all: Duration::from_secs(3),
        silence: Duration::from_secs(20),
    }
}

pub(crate) fn settings(api: &str) -> Settings {
    let token = Some("ghs_secret".to_owned().into());
    Settings { token, patience: patience(), ..Settings::new(Url::parse(api).unwrap()) }
}

pub(crate) fn client(server: &MockServer) -> Client {
    Client::new(&settings(&server.uri())).unwrap()
}

pub(crate) fn repository() -> Repository {
    Repository::new("o/r").unwrap()
}
