//! The contents that a host lacks, as one gzip stream in pieces. Files are read on a blocking thread.

use std::collections::VecDeque;
use std::fs::File;
use std::future::pending;
use std::io::{self, Read as _, Write};
use std::pin::Pin;

use flate2::Compression;
use flate2::write::GzEncoder;
use rollback_deploy_core::model::{Failure, RelPath};
use rollback_deploy_core::wire::Frame;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Contents;
use super::channel::Outgoing;

/// The longest piece, in bytes.
const PIECE: usize = 256 * 1024;

/// Opens the files one after the other.
type Feeding<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// A stream under way.
pub(super) struct Sending<'a> {
    feeding: Option<Feeding<'a>>,
    /// Compresses and sends them.
    worker: Option<JoinHandle<Result<(), Failure>>>,
}

enum Feed {
    File { path: RelPath, size: u64, file: File },
    End,
}

impl<'a> Sending<'a> {
    pub(super) fn start(
        contents: &'a dyn Contents,
        wanted: VecDeque<(RelPath, u64)>,
        out: mpsc::Sender<Outgoing>,
    ) -> Self {
        let (feed, queue) = mpsc::channel(2);
        let worker = tokio::task::spawn_blocking(move || compress(queue, &out));
        let feeding = async move {
            for (path, size) in wanted {
                let file = contents.open(&path).map_err(|error| unreadable(&path, &error))?;
                if feed.send(Feed::File { path, size, file }).await.is_err() {
                    return Ok(()); // the worker ended and says why
                }
            }
            let _ended = feed.send(Feed::End).await;
            Ok(())
        };
        Self { feeding: Some(Box::pin(feeding)), worker: Some(worker) }
    }

    /// The call is over: what is left of the stream is cut off and ended.
    pub(super) fn stop(self) -> Option<JoinHandle<()>> {
        let worker = self.worker?;
        drop(self.feeding);
        Some(tokio::spawn(async move { drop(worker.await) }))
    }

    /// Goes on until all is sent, or something cannot be.
    async fn drive(&mut self) -> Result<(), Failure> {
        if let Some(feeding) = &mut self.feeding {
            let fed = feeding.await;
            self.feeding = None;
            fed?;
        }
        if let Some(worker) = &mut self.worker {
            let done = worker.await;
            self.worker = None;
            return done
                .unwrap_or_else(|error| Err(Failure::bug("sending files ended early").because(error.to_string())));
        }
        Ok(())
    }
}

/// Drives a stream; ends only with what went wrong.
pub(super) async fn failure_of(sending: &mut Option<Sending<'_>>) -> Failure {
    match sending {
        Some(sending) => match sending.drive().await {
            Ok(()) => pending().await,
            Err(failure) => failure,
        },
        None => pending().await,
    }
}

fn unreadable(path: &RelPath, error: &io::Error) -> Failure {
    Failure::failed(format!("the file {path} of the release cannot be read any more")).because(error.to_string())
}

fn compress(mut fed: mpsc::Receiver<Feed>, out: &mpsc::Sender<Outgoing>) -> Result<(), Failure> {
    let pieces = Pieces { out: out.clone(), piece: Vec::with_capacity(PIECE), is_cut: false };
    let mut gzip = GzEncoder::new(pieces, Compression::fast());
    let lost = |_error: io::Error| Failure::failed("the connection was lost while files were sent");
    while let Some(next) = fed.blocking_recv() {
        match next {
            Feed::File { path, size, mut file } => {
                if let Err(failure) = one(&path, size, &mut file, &mut gzip) {
                    gzip.get_mut().is_cut = true;
                    return Err(failure);
                }
            }
            Feed::End => {
                let mut pieces = gzip.finish().map_err(lost)?;
                pieces.flush().map_err(lost)?;
                let _closed_is_seen_by_the_call = out.blocking_send(vec![Frame::Piece(Vec::new())]);
                return Ok(());
            }
        }
    }
    // Stopped: nothing more of the stream, not even its proper end, only the mark that pieces are over.
    gzip.get_mut().is_cut = true;
    let _closed_is_seen_by_the_call = out.blocking_send(vec![Frame::Piece(Vec::new())]);
    Ok(())
}

/// One file: as long as the manifest says, or the stream would be read wrongly from here on.
fn one(path: &RelPath, size: u64, file: &mut File, to: &mut impl Write) -> Result<(), Failure> {
    let changed = || {
        Failure::failed(format!("the file {path} changed while it was sent"))
            .hint("Nothing may write to the release's folder during a deploy; deploy again.")
    };
    let copied = io::copy(&mut (&mut *file).take(size), to).map_err(|error| unreadable(path, &error))?;
    let more = file.read(&mut [0]).map_err(|error| unreadable(path, &error))?;
    if copied == size && more == 0 { Ok(()) } else { Err(changed()) }
}

/// Cuts a stream into pieces.
struct Pieces {
    out: mpsc::Sender<Outgoing>,
    piece: Vec<u8>,
    is_cut: bool,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_cut {
            return Ok(bytes.len());
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() || self.is_cut {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.out.blocking_send(vec![Frame::Piece(piece)]).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
