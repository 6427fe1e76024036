//! The action as GitHub runs it, and GitHub itself.

mod act;
mod action;
mod artifact_client;
mod fake;
mod harness;
