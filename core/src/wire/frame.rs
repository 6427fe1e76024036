//! Frames: a big-endian `u32` length of what follows, a kind byte, the content; at most 1 MiB in all.
//!
//! A message that is longer (the manifest of a large release is) travels as parts before its last frame.

use std::io::{self, Read, Write};

/// The longest frame, kind byte included, in bytes.
pub const LONGEST_FRAME: usize = 1 << 20;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message in JSON, or the end of one whose parts came before.
    Message(Vec<u8>),
    /// A part of a message that goes on in the next frame of a message.
    Part(Vec<u8>),
    /// A piece of the stream of file contents; an empty one ends the stream.
    Piece(Vec<u8>),
}

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other side closed between two frames.
    #[error("the other side closed the connection")]
    Closed,
    /// It says that a frame is longer than is allowed, or empty.
    #[error("a frame of {0} bytes is not allowed (1 to {LONGEST_FRAME}): the other side does not speak this protocol")]
    Length(usize),
    /// A kind that nobody knows.
    #[error("a frame of kind {0} is not known: the other side does not speak this protocol")]
    Kind(u8),
    /// The parts of one message are more than its reader takes.
    #[error("a message of more than {0} bytes is not allowed")]
    Message(usize),
    /// The connection broke, or ended inside a frame.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
}

const MESSAGE: u8 = b'M';
const PART: u8 = b'C';
const PIECE: u8 = b'P';

impl Frame {
    /// The bytes to send.
    ///
    /// # Errors
    /// The content is longer than a frame may be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FrameError> {
        let (kind, content) = match self {
            Self::Message(content) => (MESSAGE, content),
            Self::Part(content) => (PART, content),
            Self::Piece(content) => (PIECE, content),
        };
        let length = content.len() + 1;
        let header =
            u32::try_from(length).ok().filter(|_| length <= LONGEST_FRAME).ok_or(FrameError::Length(length))?;
        let mut bytes = Vec::with_capacity(length + 4);
        bytes.extend_from_slice(&header.to_be_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(content);
        Ok(bytes)
    }

    /// How many bytes follow a header.
    ///
    /// # Errors
    /// The length is not allowed.
    pub fn length(header: [u8; 4]) -> Result<usize, FrameError> {
        let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
        if (1..=LONGEST_FRAME).contains(&length) { Ok(length) } else { Err(FrameError::Length(length)) }
    }

    /// A frame from what follows a header.
    ///
    /// # Errors
    /// The kind is not known.
    pub fn from_body(mut body: Vec<u8>) -> Result<Self, FrameError> {
        if body.is_empty() {
            return Err(FrameError::Length(0));
        }
        match body.remove(0) {
            MESSAGE => Ok(Self::Message(body)),
            PART => Ok(Self::Part(body)),
            PIECE => Ok(Self::Piece(body)),
            kind => Err(FrameError::Kind(kind)),
        }
    }

    /// The frames of a message of any length.
    pub fn of_message(bytes: &[u8]) -> impl Iterator<Item = Self> + '_ {
        let last = bytes.len().div_ceil(LONGEST_PART).max(1);
        (1..=last).map(move |nth| {
            let part = &bytes[(nth - 1) * LONGEST_PART..bytes.len().min(nth * LONGEST_PART)];
            if nth == last { Self::Message(part.to_vec()) } else { Self::Part(part.to_vec()) }
        })
    }

    /// Writes the frame.
    ///
    /// # Errors
    /// It is too long, or the other side does not take it.
    pub fn write_to(&self, to: &mut impl Write) -> Result<(), FrameError> {
        to.write_all(&self.to_bytes()?)?;
        to.flush()?;
        Ok(())
    }

    /// Reads the next frame; memory grows only as bytes arrive.
    ///
    /// # Errors
    /// There is none, or it is not one.
    pub fn read_from(from: &mut impl Read) -> Result<Self, FrameError> {
        let mut header = [0; 4];
        match from.read(&mut header[..1])? {
            0 => return Err(FrameError::Closed),
            _ => from.read_exact(&mut header[1..])?,
        }
        let length = Self::length(header)?;
        let mut body = Vec::new();
        from.take(length as u64).read_to_end(&mut body)?;
        if body.len() < length {
            return Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Self::from_body(body)
    }
}

/// How a long message is cut.
const LONGEST_PART: usize = LONGEST_FRAME / 2;

/// What frames amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whole {
    /// A whole message in JSON.
    Message(Vec<u8>),
    /// A piece of the stream of file contents; an empty one ends the stream.
    Piece(Vec<u8>),
}

/// Puts messages together from their frames.
#[derive(Debug)]
pub struct Assembler {
    longest: usize,
    parts: Vec<u8>,
}

impl Assembler {
    /// One that takes messages of at most so many bytes.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self { longest, parts: Vec::new() }
    }

    /// Takes the next frame; gives what is whole with it.
    ///
    /// # Errors
    /// The message is longer than is taken.
    pub fn take(&mut self, frame: Frame) -> Result<Option<Whole>, FrameError> {
        let (content, is_last) = match frame {
            Frame::Piece(piece) => return Ok(Some(Whole::Piece(piece))),
            Frame::Message(content) => (content, true),
            Frame::Part(content) => (content, false),
        };
        if self.parts.len() + content.len() > self.longest {
            return Err(FrameError::Message(self.longest));
        }
        if is_last && self.parts.is_empty() {
            return Ok(Some(Whole::Message(content)));
        }
        self.parts.extend_from_slice(&content);
        Ok(is_last.then(|| Whole::Message(std::mem::take(&mut self.parts))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_travel_in_parts() {
        for length in [0, 1, LONGEST_PART, LONGEST_PART + 1, 3 * LONGEST_FRAME] {
            let message: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut assembler = Assembler::new(4 * LONGEST_FRAME);
            let mut whole = Vec::new();
            for frame in Frame::of_message(&message) {
                assert!(frame.to_bytes().is_ok());
                whole.extend(assembler.take(frame).unwrap());
            }
            assert_eq!(whole, [Whole::Message(message)]);
        }
        let mut assembler = Assembler::new(3);
        assert_eq!(assembler.take(Frame::Part(vec![1, 2])).unwrap(), None);
        assert_eq!(assembler.take(Frame::Piece(vec![9])).unwrap(), Some(Whole::Piece(vec![9])));
        assert!(assembler.take(Frame::Message(vec![1, 2])).is_err());
    }

    #[test]
    fn frames_round_trip() {
        let frames = [Frame::Message(b"{}".to_vec()), Frame::Piece(vec![]), Frame::Piece(vec![7; LONGEST_FRAME - 1])];
        let mut bytes = Vec::new();
        for frame in &frames {
            frame.write_to(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        for frame in &frames {
            assert_eq!(&Frame::read_from(&mut rest).unwrap(), frame);
        }
        assert!(matches!(Frame::read_from(&mut rest), Err(FrameError::Closed)));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [&[0, 0, 0, 0][..], &[255, 255, 255, 255, 1], &[0, 0, 0, 1, b'x'], &[0, 0], &[0, 0, 0, 9, b'M', 1]]
        {
            assert!(Frame::read_from(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
        assert!(Frame::Piece(vec![0; LONGEST_FRAME]).to_bytes().is_err());
    }
}
