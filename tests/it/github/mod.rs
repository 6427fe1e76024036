//! The action as GitHub runs it, and GitHub itself.

mod fake;
mod harness;
