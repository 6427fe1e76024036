//! What happens next, decided without touching anything; and the story it is decided from.

pub mod event;
pub mod version;

pub use event::{Event, Fact};
