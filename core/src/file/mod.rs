//! The deploy file: text → tree with spans → types → [`Environment`], the one thing that the faces read of it.

pub mod resolved;

pub use resolved::{Address, Environment, Host, Setup, SourceChoice};
