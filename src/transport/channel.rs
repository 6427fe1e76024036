//! A channel over any pair of byte streams: hellos, requests, answers, contents. May use core only.
//!
//! One task reads always, one writes; so neither side waits for the other to read first. What an agent says is
//! hostile until it is parsed, and bounded: its frames, its messages, how many wait here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use rollback_deploy_core::model::{Digest, EntryKind, Failure, Kind, Manifest, RelPath};
use rollback_deploy_core::wire::{
    Act, Answer, Assembler, Frame, FrameError, FromAgent, Hello, Request, ToAgent, Whole,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::contents::{self, Sending};
use super::stderr::LastWords;
use super::{Canceller, Channel, Contents, Notice};

/// After so long without a byte the other side counts as gone; it says that it is alive every five seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// How many messages wait to be heard: the memory that a hostile agent can take is this times the longest message.
const WAITING: usize = 8;

/// What is written without a break: all frames of one message, or one piece.
pub(super) type Outgoing = Vec<Frame>;

/// What has to end together with a channel: a process, an SSH connection.
#[async_trait]
pub(super) trait Behind: Send {
    /// Waits for its end; never for ever.
    async fn close(self: Box<Self>);
}

/// An open channel.
pub(super) struct FramedChannel {
    agent: Digest,
    asked: u64,
    inbox: mpsc::Receiver<Result<FromAgent, FrameError>>,
    heard: watch::Receiver<Instant>,
    out: mpsc::Sender<Outgoing>,
    cancel: Arc<Notify>,
    /// A stream of contents whose call is over already.
    leftover: Option<JoinHandle<()>>,
    is_broken: bool,
    last_words: LastWords,
    silence: Duration,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
    behind: Option<Box<dyn Behind>>,
}

impl FramedChannel {
    /// Exchanges hellos.
    ///
    /// # Errors
    /// The other side does not answer, does not speak the protocol, or is another build.
    pub(super) async fn open(
        from: impl AsyncRead + Unpin + Send + 'static,
        to: impl AsyncWrite + Unpin + Send + 'static,
        hello: Hello,
        last_words: LastWords,
    ) -> Result<Self, Failure> {
        Self::open_with(from, to, hello, last_words, SILENCE).await
    }

    pub(super) async fn open_with(
        from: impl AsyncRead + Unpin + Send + 'static,
        to: impl AsyncWrite + Unpin + Send + 'static,
        hello: Hello,
        last_words: LastWords,
        silence: Duration,
    ) -> Result<Self, Failure> {
        let (said, inbox) = mpsc::channel(WAITING);
        let (life, heard) = watch::channel(Instant::now());
        let (out, queue) = mpsc::channel(WAITING);
        let cancel = Arc::new(Notify::new());
        let reader = tokio::spawn(read(from, said, life));
        let writer = tokio::spawn(write(to, queue, Arc::clone(&cancel)));
        let mut channel = Self {
            agent: Digest::of(b""),
            asked: 0,
            inbox,
            heard,
            out,
            cancel,
            leftover: None,
            is_broken: false,
            last_words,
            silence,
            reader,
            writer,
            behind: None,
        };
        let _closed_is_seen_below = channel.send(&ToAgent::Hello(hello.clone())).await;
        let first = channel.next().await.map_err(|lost| channel.no_hello(&lost))?;
        let FromAgent::Hello { hello: theirs, agent } = first else {
            return Err(Failure::failed("the program on the host does not greet: it is not rollback-deploy"));
        };
        if theirs != hello {
            let shown = |hello: &Hello| {
                let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
                format!("{} (build {})", plain(&hello.version), plain(&hello.build))
            };
            return Err(Failure::refused(format!(
                "the program on the host is another build: {} there, {} here",
                shown(&theirs),
                shown(&hello)
            ))
            .hint("Both ends have to be of one release: install the image or program again as a whole."));
        }
        channel.agent = agent;
        Ok(channel)
    }

    /// What ends with the channel.
    pub(super) fn with(mut self, behind: impl Behind + 'static) -> Self {
        self.behind = Some(Box::new(behind));
        self
    }

    /// The next message.
    async fn next(&mut self) -> Result<FromAgent, Lost> {
        loop {
            let last = *self.heard.borrow_and_update();
            tokio::select! {
                biased;
                said = self.inbox.recv() => return match said {
                    Some(Ok(message)) => Ok(message),
                    Some(Err(error)) => Err(Lost::Frame(error)),
                    None => Err(Lost::Frame(FrameError::Closed)),
                },
                () = tokio::time::sleep_until(last + self.silence) => {
                    if *self.heard.borrow() == last {
                        return Err(Lost::Silence(self.silence));
                    }
                }
            }
        }
    }

    fn no_hello(&self, lost: &Lost) -> Failure {
        let mut failure = Failure::failed("the program on the host ended or did not answer")
            .hint("See what it said below. A program that was damaged on the host can be removed: its folder is .rollback-deploy/agent.")
            .because(lost.to_string());
        failure.because.extend(self.last_words.get());
        failure
    }

    /// No answer will come.
    fn lost(&mut self, word: &str, lost: &Lost) -> Failure {
        self.is_broken = true;
        let mut failure = Failure::new(
            Kind::Unknown { settles_in: None },
            format!("the connection was lost during {word}: whether it was carried out is not known"),
        )
        .because(lost.to_string());
        failure.because.extend(self.last_words.get());
        failure
    }

    async fn send(&mut self, message: &ToAgent) -> Result<(), Lost> {
        let frames = message.to_frames().map_err(Lost::Frame)?;
        self.out.send(frames).await.map_err(|_| Lost::Frame(FrameError::Closed))
    }
}

#[async_trait]
impl Channel for FramedChannel {
    fn agent(&self) -> &Digest {
        &self.agent
    }

    async fn call(
        &mut self,
        request: Request,
        contents: Option<&dyn Contents>,
        hear: &mut (dyn FnMut(Notice) + Send),
    ) -> Result<Answer, Failure> {
        let word = word(&request);
        if self.is_broken {
            return Err(self.lost(word, &Lost::Before));
        }
        if let Some(leftover) = self.leftover.take() {
            // Nearly always over already; an agent that takes no more bytes is found out by its silence below.
            let _ended_either_way = tokio::time::timeout(self.silence, leftover).await;
        }
        let manifest = match &request {
            Request::Act(Act::Prepare(staging)) => Some(staging.manifest.clone()),
            _ => None,
        };
        self.asked += 1;
        let asked = self.asked;
        self.is_broken = true; // until the answer is here: a call that is dropped half-way leaves an answer behind
        let request = ToAgent::Request { id: asked, request: Box::new(request) };
        let mut sending: Option<Sending<'_>> = None;
        if let Err(lost) = self.send(&request).await {
            return Err(self.lost(word, &lost));
        }
        drop(request);
        loop {
            let message = tokio::select! {
                message = self.next() => message.map_err(|lost| self.lost(word, &lost))?,
                // Ends only when the contents cannot be sent; otherwise it waits for ever.
                failure = contents::failure_of(&mut sending) => return Err(failure),
            };
            match message {
                FromAgent::Step(step) => hear(Notice::Step(step)),
                FromAgent::Said(line) => hear(Notice::Said(line)),
                FromAgent::Checked(result) => hear(Notice::Checked(result)),
                FromAgent::Progress { done, all } => hear(Notice::Progress { done, all }),
                FromAgent::Alive => {}
                FromAgent::Need(list) if sending.is_none() => {
                    let wanted = wanted(manifest.as_ref(), &list).ok_or_else(|| self.lost(word, &Lost::Nonsense))?;
                    let contents = contents.ok_or_else(|| self.lost(word, &Lost::Nonsense))?;
                    sending = Some(Sending::start(contents, wanted, self.out.clone()));
                }
                FromAgent::Answer { id, answer } if id == asked => {
                    self.leftover = sending.and_then(Sending::stop);
                    self.is_broken = false;
                    return Ok(*answer);
                }
                FromAgent::Hello { .. } | FromAgent::Need(_) | FromAgent::Answer { .. } => {
                    return Err(self.lost(word, &Lost::Nonsense));
                }
            }
        }
    }

    fn canceller(&self) -> Canceller {
        let cancel = Arc::clone(&self.cancel);
        Canceller::new(move || cancel.notify_one())
    }

    async fn close(mut self: Box<Self>) {
        if let Some(leftover) = self.leftover.take() {
            leftover.abort();
        }
        // Closing the queue ends the writer, which closes the agent's input: that is how it knows.
        let (nobody, _) = mpsc::channel(1);
        drop(std::mem::replace(&mut self.out, nobody));
        if tokio::time::timeout(Duration::from_secs(2), &mut self.writer).await.is_err() {
            self.writer.abort();
        }
        if let Some(behind) = self.behind.take() {
            behind.close().await;
        }
    }
}

impl Drop for FramedChannel {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
    }
}

/// Why no answer comes.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{0}")]
    Frame(FrameError),
    #[error("the other side has said nothing for {} seconds", .0.as_secs())]
    Silence(Duration),
    #[error("the other side said something that makes no sense at this point")]
    Nonsense,
    #[error("the connection was already lost before")]
    Before,
}

fn word(request: &Request) -> &'static str {
    match request {
        Request::Act(act) => act.word(),
        Request::Confirm(_) => "confirm",
        Request::Ask(_) => "a question",
        Request::Setup(_) => "setup",
    }
}

/// The files of these numbers; nothing when one is no file of the release, or is asked for twice.
fn wanted(manifest: Option<&Manifest>, list: &[u32]) -> Option<VecDeque<(RelPath, u64)>> {
    let entries = manifest?.entries();
    let mut seen = vec![false; entries.len()];
    list.iter()
        .map(|number| {
            let at = usize::try_from(*number).ok()?;
            let entry = entries.get(at)?;
            match entry.kind {
                EntryKind::File { size, .. } if !std::mem::replace(&mut seen[at], true) => {
                    Some((entry.path.clone(), size))
                }
                _ => None,
            }
        })
        .collect()
}

/// Reads always. Signs of life are only noted.
async fn read(
    mut from: impl AsyncRead + Unpin,
    said: mpsc::Sender<Result<FromAgent, FrameError>>,
    life: watch::Sender<Instant>,
) {
    let mut assembler = Assembler::new(FromAgent::LONGEST);
    loop {
        let message = match next_message(&mut from, &mut assembler, &life).await {
            Ok(FromAgent::Alive) => continue,
            other => other,
        };
        let is_end = message.is_err();
        if said.send(message).await.is_err() || is_end {
            return;
        }
        // The wait for a slow listener is not the other side's silence.
        life.send_replace(Instant::now());
    }
}

async fn next_message(
    from: &mut (impl AsyncRead + Unpin),
    assembler: &mut Assembler,
    life: &watch::Sender<Instant>,
) -> Result<FromAgent, FrameError> {
    loop {
        match assembler.take(next_frame(from, life).await?)? {
            Some(Whole::Message(bytes)) => return FromAgent::from_bytes(&bytes),
            Some(Whole::Piece(_)) => return Err(FrameError::Kind(b'P')),
            None => {}
        }
    }
}

/// Memory grows only as bytes arrive; every byte counts as life.
async fn next_frame(from: &mut (impl AsyncRead + Unpin), life: &watch::Sender<Instant>) -> Result<Frame, FrameError> {
    let mut header = [0; 4];
    if from.read(&mut header[..1]).await? == 0 {
        return Err(FrameError::Closed);
    }
    from.read_exact(&mut header[1..]).await?;
    let length = Frame::length(header)?;
    let mut body = Vec::new();
    while body.len() < length {
        let rest = u64::try_from(length - body.len()).unwrap_or_default();
        if (&mut *from).take(rest).read_buf(&mut body).await? == 0 {
            return Err(FrameError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        life.send_replace(Instant::now());
    }
    Frame::from_body(body)
}

/// Writes what is queued. A cancel overtakes pieces, but never the request that it is meant for.
async fn write(mut to: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Outgoing>, cancel: Arc<Notify>) {
    let cancelled = || ToAgent::Cancel.to_frames().unwrap_or_default();
    loop {
        let next = tokio::select! {
            biased;
            next = queue.recv() => match next {
                Some(next) => next,
                None => break,
            },
            () = cancel.notified() => cancelled(),
        };
        let overtaking = match next.first() {
            Some(Frame::Piece(_)) => cancel.notified().now_or_never().map(|()| cancelled()),
            _ => None,
        };
        for frame in overtaking.iter().flatten().chain(&next) {
            let Ok(bytes) = frame.to_bytes() else { return };
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        if to.flush().await.is_err() {
            return;
        }
    }
    let _closed_anyway = to.shutdown().await;
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
