//! A first deploy file and first workflows, from what was seen in a repository. Pure: the verb `init` looks and writes.
//! May use `model` and the rest of `file`.
//!
//! | step | where |
//! |---|---|
//! | what is worth looking at → [`Folder`] | `folder` |
//! | names and texts → [`Seen`] | `seen`, `units`, `remote`, `kind` |
//! | kind of app → what it needs | `recipe` |
//! | [`Seen`] → [`Proposal`] | `proposal`, `deploy_file`, `workflows`, `next` |
//!
//! Texts of the repository are only ever read for names, and a name gets into a proposal only when it is plain:
//! nothing here can end a comment, a YAML value or a line of shell.

mod deploy_file;
mod folder;
mod kind;
mod next;
mod proposal;
mod recipe;
mod remote;
mod seen;
mod units;
mod words;
mod workflows;

pub use folder::{Folder, is_listed, is_read};
pub use kind::{Kind, Node, Python};
pub use proposal::Proposal;
pub use remote::Repository;
pub use seen::{Port, Process, Seen, Workflow};
pub use units::Unit;

#[cfg(test)]
mod tests;
