//! Traffic: so many requests a second, whatever the answers; each is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// What one answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) asked: u64,
    pub(super) failed: u64,
}

#[derive(Default)]
struct Counters {
    asked: AtomicU64,
    failed: AtomicU64,
    open: AtomicBool,
    over: AtomicBool,
}

/// Traffic, until it is stopped.
pub(super) struct Traffic {
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Traffic {
    /// Starts; requests are sent once [`Self::open`] was called.
    pub(super) fn start(port: u16, rate: u32) -> Self {
        let counters = Arc::new(Counters::default());
        let shared = counters.clone();
        let task = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_secs(1) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut open = JoinSet::new();
            while !shared.over.load(Ordering::Relaxed) {
                ticks.tick().await;
                if shared.open.load(Ordering::Relaxed) {
                    let counters = shared.clone();
                    open.spawn(async move { one(port, &counters).await });
                }
                while open.try_join_next().is_some() {}
            }
            while open.join_next().await.is_some() {}
        });
        Self { counters, task }
    }

    /// Visitors come from now on.
    pub(super) fn open(&self) {
        self.counters.open.store(true, Ordering::Relaxed);
    }

    /// How many failed so far.
    pub(super) fn failed(&self) -> u64 {
        self.counters.failed.load(Ordering::Relaxed)
    }

    /// Sends no more and waits for the answers under way.
    pub(super) async fn stop(self) -> Counted {
        self.counters.over.store(true, Ordering::Relaxed);
        let _ended = self.task.await;
        Counted {
            asked: self.counters.asked.load(Ordering::Relaxed),
            failed: self.counters.failed.load(Ordering::Relaxed),
        }
    }
}

async fn one(port: u16, counters: &Counters) {
    counters.asked.fetch_add(1, Ordering::Relaxed);
    let answered = matches!(timeout(PATIENCE, ask(port)).await, Ok(Some(text)) if text.starts_with("HTTP/1.1 200"));
    if !answered {
        counters.failed.fetch_add(1, Ordering::Relaxed);
    }
}

async fn ask(port: u16) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    connection.write_all(b"GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.ok()?;
    String::from_utf8(answer).ok()
}
