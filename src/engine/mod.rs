//! Performs what [`rollback_deploy_core::plan::next()`] says and tells the story as events. Decides nothing.

pub mod events;
pub mod perform;

pub use events::Events;
pub use perform::{Ended, Fleet, run};
