//! The one stream of facts: numbered here, read by any number of reporters.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rollback_deploy_core::model::Label;
use rollback_deploy_core::plan::{Event, Fact};
use tokio::time::Instant;

/// Somebody who reads the stream: a log, a terminal, a summary.
pub trait Reader: Send {
    /// Takes the next event. Must not block on anything but its own medium.
    fn read(&mut self, event: &Event);

    /// Bytes sent so far, of all: the latest value only, never a part of the story.
    fn progress(&mut self, _target: &Label, _done: u64, _all: u64) {}
}

/// The stream. Clones write to the same one.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Mutex<Inner>>,
    began: Instant,
}

struct Inner {
    seq: u64,
    readers: Vec<Box<dyn Reader>>,
}

impl Events {
    /// A stream with its readers; it begins now.
    #[must_use]
    pub fn new(readers: Vec<Box<dyn Reader>>) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { seq: 0, readers })), began: Instant::now() }
    }

    /// Tells a fact about a target, or about the run.
    pub fn tell(&self, target: Option<&Label>, fact: Fact) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.seq += 1;
        let event = Event {
            seq: inner.seq,
            at: Timestamp::now().to_string(),
            elapsed_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            target: target.cloned(),
            fact,
        };
        for reader in &mut inner.readers {
            reader.read(&event);
        }
    }

    /// Tells how far a transfer is; readers without a bar let it pass.
    pub fn progress(&self, target: &Label, done: u64, all: u64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for reader in &mut inner.readers {
            reader.progress(target, done, all);
        }
    }
}
