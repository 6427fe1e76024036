//! The deploy file: text → tree with spans → types → [`Environment`], the one thing that the faces read of it.
//! May use `model` and the YAML engine; nothing here reads a file or the environment.
//!
//! | step | where |
//! |---|---|
//! | text → tree with places, nothing interpreted | `tree` |
//! | tree → written types, every mistake at once | `decode`, `trouble`, `vocabulary` |
//! | the types as people write them | `written` |
//! | written → meant: defaults, checks across settings | `resolve` |
//! | the way in | `load`; without any file: `inputs` |
//! | schema and reference page from the same types | `schema`, `reference` |
//! | a first deploy file and workflows for a repository | `init` |

pub mod address;
mod decode;
pub mod init;
pub mod inputs;
mod known_host;
pub mod load;
mod mistake;
pub mod reference;
mod resolve;
pub mod resolved;
pub mod schema;
mod tree;
mod trouble;
mod vocabulary;
mod written;

pub use address::{AddressError, parse_hosts};
pub use inputs::Simple;
pub use known_host::{KnownHost, fingerprint_of_public};
pub use load::{DeployFile, PATH, load};
pub use resolved::{Address, Environment, Host, Setup, SourceChoice};
pub use vocabulary::nearest;
