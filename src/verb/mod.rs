//! What both faces can ask for: one file per verb. A face turns what it was given into a [`Wish`] and a [`World`]; a
//! verb inspects it, plans, and lets the engine perform the plan. May use everything below it, and nothing of the faces.

pub mod deploy;
pub mod fetch;
pub mod init;
pub mod look;
pub mod plan;
pub mod rollback;
pub mod settle;
pub mod setup;
pub mod validate;
pub mod wish;
pub mod world;

pub use wish::{Ended, Secrets, SimpleInputs, Stage, Verb, Wish};
pub use world::{Conclusion, World};
