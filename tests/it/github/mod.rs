//! The action as GitHub runs it, and GitHub itself.

mod act;
mod artifact_client;
mod fake;
mod harness;
