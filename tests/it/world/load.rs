//! Traffic: so many requests a second whatever the answers take, on loopback, each counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// As many may wait for their answer at once. One more is counted as failed and not sent.
const UNDER_WAY: usize = 1000;

/// Traffic under way; it ends when stopped or dropped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Report>>,
}

/// What came of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Report {
    /// Requests, the failed ones included.
    pub(crate) asked: u64,
    /// Those without a whole answer of status 200.
    pub(crate) failed: u64,
    /// What was wrong, how often.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// The bodies of the good answers, how often.
    pub(crate) answers: BTreeMap<String, u64>,
}

impl Load {
    /// Starts to ask for this path at 127.0.0.1, `rate` times a second.
    pub(crate) fn start(port: u16, path: &str, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, path) = (Arc::clone(&stop), path.to_owned());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(ask_on(port, &path, rate, &seen))
        });
        Self { stop, thread: Some(thread) }
    }

    /// Ends it, waits for the answers under way, and counts.
    pub(crate) fn stop(mut self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("stopped once").join().expect("the load does not panic")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn ask_on(port: u16, path: &str, rate: u32, stop: &AtomicBool) -> Report {
    let mut report = Report::default();
    let mut asked = JoinSet::new();
    let room = Arc::new(Semaphore::new(UNDER_WAY));
    // Late ticks are made up for: the rate is of the world outside, not of what the server bears.
    let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
    while !stop.load(Ordering::Relaxed) {
        clock.tick().await;
        report.asked += 1;
        if let Ok(place) = Arc::clone(&room).try_acquire_owned() {
            let path = path.to_owned();
            asked.spawn(async move {
                let answer = ask(port, &path).await;
                drop(place);
                answer
            });
        } else {
            report.count(Err(format!("{UNDER_WAY} requests wait for their answer")));
        }
        while let Some(answer) = asked.try_join_next() {
            report.count(answer.expect("a request does not panic"));
        }
    }
    while let Some(answer) = asked.join_next().await {
        report.count(answer.expect("a request does not panic"));
    }
    report
}

impl Report {
    fn count(&mut self, answer: Result<String, String>) {
        match answer {
            Ok(body) => *self.answers.entry(body).or_default() += 1,
            Err(reason) => {
                self.failed += 1;
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }
}

/// One request on a connection of its own.
async fn ask(port: u16, path: &str) -> Result<String, String> {
    let whole = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = match tokio::time::timeout(PATIENCE, whole).await {
        Err(_) => return Err("no answer in time".to_owned()),
        Ok(Err(error)) => return Err(error.kind().to_string()),
        Ok(Ok(answer)) => answer,
    };
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer was cut off")?;
    let status = head.split_whitespace().nth(1).unwrap_or("no status");
    if status != "200" {
        return Err(format!("status {status}"));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.trim().parse::<usize>().ok());
    if length.is_some_and(|length| length != body.len()) {
        return Err("the answer was cut off".to_owned());
    }
    Ok(body.trim_end().to_owned())
}
