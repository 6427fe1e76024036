//! What the other side writes to its standard error: its log. Always read, never trusted, bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rollback_deploy_core::model::Foreign;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// How many lines are kept for a failure.
const KEPT: usize = 20;
/// The longest line taken as one.
const LONGEST: u64 = 4096;
/// How many bytes go to our own log.
const LOGGED: usize = 1 << 20;

/// The last lines that were said.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWords(Arc<Mutex<VecDeque<String>>>);

impl LastWords {
    /// Reads in the background until the end.
    pub(super) fn listen(from: impl AsyncRead + Unpin + Send + 'static, whose: String) -> Self {
        let words = Self::default();
        tokio::spawn(words.clone().read(from, whose));
        words
    }

    /// As one text, when there is any.
    pub(super) fn get(&self) -> Option<Foreign> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!lines.is_empty()).then(|| Foreign::new(lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")))
    }

    async fn read(self, from: impl AsyncRead + Unpin, whose: String) {
        let mut from = BufReader::new(from);
        let mut logged = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut from).take(LONGEST).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if logged < LOGGED {
                logged += line.len();
                // With Debug: nothing foreign can forge a line of ours.
                tracing::debug!(target: "agent", host = whose, line = ?text);
            }
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(text);
        }
    }
}
