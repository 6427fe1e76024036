//! The agent's end of the wire: a thread that reads, a thread that writes, and the main thread that works.
//!
//! Synchronous, and nothing here touches the disk. A controller that is gone, or has stopped reading, never blocks or
//! fails the step under way: what cannot be told is dropped, the host's own records hold the truth.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rollback_deploy_core::model::Digest;
use rollback_deploy_core::wire::{Answer, Assembler, Frame, FrameError, FromAgent, Hello, Request, ToAgent, Whole};

/// How often a sign of life is given when there is nothing else to say.
const ALIVE: Duration = Duration::from_secs(5);
/// How many messages wait for the writer.
const WAITING: usize = 256;
/// How long a reader that does not read is waited for, once the queue is full.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many pieces wait for the main thread: 4 MiB at most.
const PIECES_WAITING: usize = 16;

/// Why no conversation came about.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// What came was no greeting.
    #[error("no controller speaks on standard input: {0}")]
    NoHello(FrameError),
    /// The controller is another build. It was told which one we are.
    #[error("the controller is another build: {} ({})", .0.version, .0.build)]
    OtherBuild(Hello),
    /// A thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(io::Error),
}

/// The end of the wire that the agent holds.
pub struct WireEnd {
    requests: Mutex<Receiver<(u64, Request)>>,
    shared: Arc<Shared>,
}

struct Shared {
    /// How long a fact waits for a reader that does not read.
    patience: Duration,
    queue: Mutex<Queue>,
    changed: Condvar,
    cancelled: AtomicBool,
    gone: AtomicBool,
    /// Where pieces go; without one they are read and thrown away.
    pieces: Mutex<Option<SyncSender<Vec<u8>>>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<FromAgent>,
    is_writing: bool,
    is_closed: bool,
}

impl WireEnd {
    /// Greets, reads the greeting, and starts both threads.
    ///
    /// # Errors
    /// Nobody speaks the protocol at the other side, or another build does.
    pub fn start(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        hello: &Hello,
        agent: Digest,
    ) -> Result<Self, WireError> {
        Self::start_with(input, output, hello, agent, PATIENCE)
    }

    fn start_with(
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
        hello: &Hello,
        agent: Digest,
        patience: Duration,
    ) -> Result<Self, WireError> {
        let shared = Arc::new(Shared::new(patience));
        let writing = Arc::clone(&shared);
        thread::Builder::new()
            .name("wire-out".into())
            .spawn(move || writing.write(output))
            .map_err(WireError::Thread)?;

        let end_with = |shared: &Shared, error| {
            shared.close();
            Err(error)
        };
        // Ours goes first, so that a controller of another build can name both.
        shared.tell(FromAgent::Hello { hello: hello.clone(), agent });
        let mut input = BufReader::new(input);
        let mut assembler = Assembler::new(ToAgent::LONGEST);
        match next_message(&mut input, &mut assembler, &mut |_piece| {}) {
            Ok(ToAgent::Hello(theirs)) if theirs == *hello => {}
            Ok(ToAgent::Hello(theirs)) => return end_with(&shared, WireError::OtherBuild(theirs)),
            Ok(_) => return end_with(&shared, WireError::NoHello(FrameError::Kind(b'M'))),
            Err(error) => return end_with(&shared, WireError::NoHello(error)),
        }
        let (send, requests) = sync_channel(1);
        let reading = Arc::clone(&shared);
        thread::Builder::new()
            .name("wire-in".into())
            .spawn(move || reading.read(input, assembler, &send))
            .map_err(WireError::Thread)?;
        Ok(Self { requests: Mutex::new(requests), shared })
    }

    /// Waits for the next request; nothing when the controller is gone.
    pub fn next(&self) -> Option<(u64, Request)> {
        lock(&self.requests).recv().ok()
    }

    /// Tells something on the way to the answer. Facts wait a while for a slow reader; progress is dropped.
    pub fn tell(&self, message: FromAgent) {
        self.shared.tell(message);
    }

    /// Answers a request.
    pub fn answer(&self, id: u64, answer: Answer) {
        self.shared.tell(FromAgent::Answer { id, answer: Box::new(answer) });
    }

    /// Whether the controller asked the request under way to end. A new request is not cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Whether nobody listens any more.
    #[must_use]
    pub fn gone(&self) -> bool {
        self.shared.is_gone()
    }

    /// Asks for the contents of these entries and gives their stream: still gzipped, the files one after the other in
    /// this order. Dropping it throws the rest away.
    pub fn need(&self, entries: Vec<u32>) -> Pieces {
        let pieces = self.pieces();
        self.tell(FromAgent::Need(entries));
        pieces
    }

    /// The gzip stream of the pieces that come next, until the empty one. Has to be called before `Need` is told
    /// ([`Self::need`] does both); pieces that nobody waits for are thrown away.
    pub fn pieces(&self) -> Pieces {
        let (send, from) = sync_channel(PIECES_WAITING);
        let mut slot = lock(&self.shared.pieces);
        // Whoever is gone is so before the slot is cleared: a stream that nobody will end is never waited for.
        if !self.shared.is_gone() {
            *slot = Some(send);
        }
        drop(slot);
        Pieces { from, piece: Vec::new(), at: 0, is_over: false }
    }

    /// Lets the writer finish what waits, for a while.
    pub fn finish(self) {
        self.shared.close();
    }
}

impl Shared {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            queue: Mutex::default(),
            changed: Condvar::new(),
            cancelled: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            pieces: Mutex::default(),
        }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    fn set_gone(&self) {
        self.gone.store(true, Ordering::Release);
        // A stream that is cut off is seen as such by whoever reads it.
        *lock(&self.pieces) = None;
        self.changed.notify_all();
    }

    fn tell(&self, message: FromAgent) {
        let is_progress = matches!(message, FromAgent::Progress { .. } | FromAgent::Alive);
        let mut queue = lock(&self.queue);
        while queue.waiting.len() >= WAITING && !self.is_gone() {
            if is_progress {
                return;
            }
            let (locked, waited) =
                self.changed.wait_timeout(queue, self.patience).unwrap_or_else(PoisonError::into_inner);
            queue = locked;
            if waited.timed_out() && queue.waiting.len() >= WAITING {
                // Connected, but not reading: from here on the same as gone.
                self.set_gone();
            }
        }
        if self.is_gone() {
            queue.waiting.clear();
        } else {
            queue.waiting.push_back(message);
        }
        self.changed.notify_all();
    }

    /// The reading thread: until the controller closes.
    fn read(&self, mut input: impl Read, mut assembler: Assembler, requests: &SyncSender<(u64, Request)>) {
        loop {
            let message = next_message(&mut input, &mut assembler, &mut |piece| self.take_piece(piece));
            match message {
                Ok(ToAgent::Request { id, request }) => {
                    self.cancelled.store(false, Ordering::Release);
                    if requests.send((id, *request)).is_err() {
                        break;
                    }
                }
                Ok(ToAgent::Cancel) => self.cancelled.store(true, Ordering::Release),
                Ok(ToAgent::Hello(_)) | Err(_) => break,
            }
        }
        self.set_gone();
    }

    fn take_piece(&self, piece: Vec<u8>) {
        let mut slot = lock(&self.pieces);
        let is_last = piece.is_empty();
        let to = if is_last { slot.take() } else { slot.clone() };
        drop(slot);
        let Some(to) = to else { return };
        if to.send(piece).is_err() && !is_last {
            *lock(&self.pieces) = None;
        }
    }

    /// The writing thread: until the queue is closed and empty, or nobody takes it.
    fn write(&self, mut output: impl Write) {
        loop {
            let mut queue = lock(&self.queue);
            queue.is_writing = false;
            self.changed.notify_all();
            let message = loop {
                if self.is_gone() {
                    return;
                }
                if let Some(message) = queue.waiting.pop_front() {
                    break message;
                }
                if queue.is_closed {
                    return;
                }
                let (locked, waited) = self.changed.wait_timeout(queue, ALIVE).unwrap_or_else(PoisonError::into_inner);
                queue = locked;
                if waited.timed_out() && queue.waiting.is_empty() {
                    break FromAgent::Alive;
                }
            };
            queue.is_writing = true;
            drop(queue);
            self.changed.notify_all();
            let written =
                message.to_frames().and_then(|frames| frames.iter().try_for_each(|frame| frame.write_to(&mut output)));
            if written.is_err() {
                lock(&self.queue).is_writing = false;
                self.set_gone();
                return;
            }
        }
    }

    /// Takes nothing more and waits until all is written, but not for a reader that does not read.
    fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.is_closed = true;
        self.changed.notify_all();
        while !self.is_gone() && (queue.is_writing || !queue.waiting.is_empty()) {
            let left = queue.waiting.len();
            let (locked, waited) =
                self.changed.wait_timeout(queue, self.patience).unwrap_or_else(PoisonError::into_inner);
            queue = locked;
            if waited.timed_out() && queue.waiting.len() == left {
                return;
            }
        }
    }
}

/// The next message; pieces on the way go where they belong.
fn next_message(
    input: &mut impl Read,
    assembler: &mut Assembler,
    take_piece: &mut dyn FnMut(Vec<u8>),
) -> Result<ToAgent, FrameError> {
    loop {
        match assembler.take(Frame::read_from(input)?)? {
            Some(Whole::Message(bytes)) => return ToAgent::from_bytes(&bytes),
            Some(Whole::Piece(piece)) => take_piece(piece),
            None => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stream of pieces, still gzipped. Ends where the controller says so; a lost connection is an error.
pub struct Pieces {
    from: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    is_over: bool,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() && !self.is_over {
            self.piece = self.from.recv().map_err(|_| {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the controller was lost before all files were here")
            })?;
            self.at = 0;
            self.is_over = self.piece.is_empty();
        }
        let taken = to.len().min(self.piece.len() - self.at);
        to[..taken].copy_from_slice(&self.piece[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}

#[cfg(test)]
#[path = "wire_end_tests.rs"]
mod tests;
