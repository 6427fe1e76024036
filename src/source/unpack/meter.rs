//! Counts what goes into and comes out of a decompressor, and stops a bomb.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Why reading was stopped.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct TooLarge(pub(super) &'static str);

/// Counts what is read.
pub(super) struct Counted<R> {
    inner: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Counted<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, read: Rc::default() }
    }

    /// The count, which goes on counting.
    pub(super) fn so_far(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.read)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

/// Stops when more comes out than may.
pub(super) struct Meter<R> {
    inner: R,
    out: u64,
    most: u64,
    ratio: Option<Ratio>,
}

/// How many times what went in may come out.
pub(super) struct Ratio {
    pub(super) gone_in: Rc<Cell<u64>>,
    pub(super) times: u64,
    /// Below this nobody asks.
    pub(super) grace: u64,
}

impl<R: Read> Meter<R> {
    pub(super) fn new(inner: R, most: u64, ratio: Option<Ratio>) -> Self {
        Self { inner, out: 0, most, ratio }
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.out += read as u64;
        if self.out > self.most {
            return Err(io::Error::other(TooLarge("it is larger than a release may be")));
        }
        if let Some(ratio) = &self.ratio
            && self.out > ratio.grace
            && self.out > ratio.gone_in.get().saturating_mul(ratio.times)
        {
            return Err(io::Error::other(TooLarge("its content is far larger than the archive: it may be a bomb")));
        }
        Ok(read)
    }
}
