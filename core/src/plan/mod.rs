//! What happens next, decided without touching anything; and the story it is decided from.
//!
//! [`next()`] is the one place where a roll-out is decided: the engine only performs what it says and folds the answers
//! into the [`Story`].

pub mod describe;
pub mod event;
pub mod foresee;
pub mod next;
pub mod noop;
pub mod order;
pub mod story;
pub mod version;

pub use describe::describe;
pub use event::{Event, Fact};
pub use foresee::stops;
pub use next::{Next, next};
pub use order::{Plan, TargetPlan, Wanted};
pub use story::{Course, Reached, Story};
