//! Which build this is.

use rollback_deploy_core::wire::Hello;

/// What this program says first on a channel.
#[must_use]
pub fn hello() -> Hello {
    Hello { version: env!("CARGO_PKG_VERSION").to_owned(), build: env!("ROLLBACK_DEPLOY_BUILD").to_owned() }
}
