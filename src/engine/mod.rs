//! Performs what `next` says and tells the story as events. Decides nothing.

pub mod events;

pub use events::Events;
