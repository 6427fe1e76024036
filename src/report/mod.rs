//! Readers of the event stream: terminal, log, summary, JSON; escaping of Foreign text per medium. Only this room and
//! the faces print. May use core, and the stream of [`crate::engine`].
//!
//! | file | what |
//! |---|---|
//! | [`mask`] | secrets that must not be seen |
//! | [`escape`] | text of others, per medium |
//! | [`words`] | the sentence for each fact, answer and failure |
//! | [`log`], [`terminal`], [`json`] | readers: the log of a step, a person, a program |
//! | [`fold`], [`summary`] | what a run was, and the page about it |
//! | [`commands`], [`files`] | how a step talks to GitHub's runner |

pub mod commands;
pub mod escape;
pub mod files;
pub mod fold;
pub mod json;
pub mod log;
pub mod mask;
pub mod summary;
pub mod terminal;
pub mod words;

pub use mask::Masker;
