//! Messages: JSON in frames. Both ends are the same build, so they need no compatibility; records do.

use serde::{Deserialize, Serialize};

use super::act::{Answer, Request};
use super::frame::{Frame, FrameError};
use crate::model::{CheckResult, Digest, Foreign};

/// Which program speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of rollback-deploy.
    pub version: String,
    /// A digest over the sources or of the program: another build is refused.
    pub build: String,
}

/// From the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToAgent {
    /// The first message.
    Hello(Hello),
    /// Asks for something; the answer carries the same number.
    Request {
        /// Counted by the controller.
        id: u64,
        /// What.
        request: Box<Request>,
    },
    /// Ends what is under way as soon as it safely can; read out of band.
    Cancel,
}

/// From the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromAgent {
    /// The first message.
    Hello {
        /// Which program.
        hello: Hello,
        /// The digest of the program file.
        agent: Digest,
    },
    /// Contents that the host lacks: these numbers of the manifest's entries. They follow as one gzip stream of
    /// pieces, in this order, ended by an empty piece.
    Need(Vec<u32>),
    /// A step of a long act began.
    Step(String),
    /// A command on the host printed a line.
    Said(Foreign),
    /// A check answered.
    Checked(CheckResult),
    /// Progress of a step: done of all, in bytes. Dropped when the reader is slow.
    Progress {
        /// So far.
        done: u64,
        /// In all.
        all: u64,
    },
    /// Still alive.
    Alive,
    /// The answer.
    Answer {
        /// The number of the request.
        id: u64,
        /// What.
        answer: Box<Answer>,
    },
}

macro_rules! framed {
    ($name:ident) => {
        impl $name {
            /// The frame to send.
            ///
            /// # Errors
            /// It is too long for one frame.
            pub fn to_frame(&self) -> Result<Frame, FrameError> {
                let bytes = serde_json::to_vec(self).map_err(std::io::Error::other)?;
                Ok(Frame::Message(bytes))
            }

            /// The frames to send, however long the message is.
            ///
            /// # Errors
            /// It is no JSON.
            pub fn to_frames(&self) -> Result<Vec<Frame>, FrameError> {
                let bytes = serde_json::to_vec(self).map_err(std::io::Error::other)?;
                Ok(Frame::of_message(&bytes).collect())
            }

            /// Reads the content of a message frame.
            ///
            /// # Errors
            /// It is not such a message.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrameError> {
                serde_json::from_slice(bytes).map_err(|error| FrameError::Io(std::io::Error::other(error)))
            }
        }
    };
}
framed!(ToAgent);
framed!(FromAgent);

impl ToAgent {
    /// The longest message that an agent takes: the manifest of the largest release.
    pub const LONGEST: usize = 256 << 20;
}

impl FromAgent {
    /// The longest message that a controller takes from an agent.
    pub const LONGEST: usize = 16 << 20;
}
