//! The action as GitHub runs it, and GitHub itself.

mod act;
mod fake;
mod harness;
