//! Versions, files and artifacts through the API of GitHub. May use core only; nothing here reads our environment.
//!
//! | file | what |
//! |---|---|
//! | `settings` | where the API is and how it is reached, as values from the face |
//! | `client` | one request: retries of GETs, rate limits, pages, answers as Failures |
//! | `tags` | tags and branches → commits |
//! | `contents` | one file at a commit |
//! | `download` | a large answer into a file, without the token on foreign hosts |
//! | `artifact` | artifacts of the run (protocol v4) |
//! | `backup` | the one file inside such an artifact |

pub mod artifact;
pub mod backup;
pub mod client;
pub mod contents;
pub mod download;
mod refusal;
pub mod repository;
pub mod settings;
pub mod tags;

pub use client::Client;
pub use repository::Repository;
pub use settings::{Patience, Proxies, Settings, install_tls};

#[cfg(test)]
pub(crate) mod testing;
