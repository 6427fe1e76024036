//! The action as GitHub runs it, and GitHub itself.

mod act;
mod action;
mod artifact_client;
mod deploy;
mod fake;
mod harness;
mod hostile;
mod image;
mod inputs;
mod laptop;
mod readme;
mod scene;
mod several;
mod signals;
mod sources;
mod versions;
mod workflows;
