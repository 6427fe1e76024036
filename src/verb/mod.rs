//! What both faces can ask for: one file per verb. A face gives a [`World`]; a verb inspects it, plans, and lets the
//! engine perform the plan.

pub mod deploy;
pub mod init;
pub mod look;
pub mod plan;
pub mod rollback;
pub mod settle;
pub mod setup;
pub mod validate;
pub mod world;

pub use world::{Ended, World};
