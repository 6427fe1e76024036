//! What travels between a controller and an agent: frames of bytes, messages of words. May use [`crate::model`].

pub mod act;
pub mod frame;
pub mod message;

pub use act::{Act, Answer, Intent, Logs, Query, Report, Request, SetupMode, SetupRequest, Staged, Staging};
pub use frame::{Assembler, Frame, FrameError, LONGEST_FRAME, Whole};
pub use message::{FromAgent, Hello, ToAgent};
