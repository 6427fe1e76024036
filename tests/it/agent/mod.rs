//! The agent level: the real program on a temporary root, spoken to by frames, one act at a time. No world is needed.

mod answer;
pub(crate) mod client;
mod endings;
mod environments;
mod injected;
mod migrations;
mod own_commands;
mod plain;
mod questions;
mod records;
mod releases;
mod rollbacks;
pub(crate) mod root;
pub(crate) mod trace;
mod unreadable;
pub(crate) mod walk;
