//! A step's process: read until it ends, and ended as the runner ends it.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::console::{Console, Lines};

/// A test tells here when the run is to be disturbed, having seen a line; while none comes it is asked with an empty one.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(&str) -> Go;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Go {
    /// The run goes on.
    On,
    /// The run is cancelled: SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL.
    Cancel,
    /// The process is killed at once, as with the whole runner.
    Kill,
}

/// How long a run may be silent before the test is asked again.
const LOOK: Duration = Duration::from_millis(100);

/// How a process ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) status: ExitStatus,
    /// From the disturbance to the end.
    pub(super) settled_in: Option<Duration>,
}

impl End {
    pub(super) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}

/// Runs it to its end. Every line goes to the console, then to the watch.
pub(super) fn run(mut command: Command, console: &mut Console, watch: Watch<'_>) -> End {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let (send, lines) = channel();
    read(child.stdout.take().expect("piped"), send.clone());
    read(child.stderr.take().expect("piped"), send);
    let mut ladder = Ladder::default();
    loop {
        match next(&lines, ladder.due()) {
            Ok(line) => {
                console.line(&line);
                match watch(&line) {
                    Go::On => {}
                    go => ladder.start(&child, go),
                }
            }
            Err(RecvTimeoutError::Timeout) if ladder.is_due() => ladder.climb(&child),
            Err(RecvTimeoutError::Timeout) => match watch("") {
                Go::On => {}
                go => ladder.start(&child, go),
            },
            // Both ends are closed: the process and those who had its pipes are done, or it was killed.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        // A killed docker client leaves nobody who would close the pipes of a container that goes on.
        if ladder.killed && child.try_wait().expect("our own child").is_some() {
            break;
        }
    }
    let status = child.wait().expect("our own child");
    End { status, settled_in: ladder.started.map(|started| started.elapsed()) }
}

fn next(lines: &Receiver<String>, due: Option<Instant>) -> Result<String, RecvTimeoutError> {
    let patience = due.map_or(LOOK, |due| due.saturating_duration_since(Instant::now()).min(LOOK));
    lines.recv_timeout(patience)
}

fn read(mut pipe: impl Read + Send + 'static, send: Sender<String>) {
    std::thread::spawn(move || {
        let (mut lines, mut buffer) = (Lines::default(), [0; 8192]);
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            for line in lines.take(&buffer[..count]) {
                if send.send(line).is_err() {
                    return;
                }
            }
        }
        if let Some(line) = lines.rest() {
            // Nobody listens any more: fine.
            drop(send.send(line));
        }
    });
}

/// The runner's way to end a process.
#[derive(Default)]
struct Ladder {
    started: Option<Instant>,
    due: Option<(Instant, Signal)>,
    killed: bool,
}

impl Ladder {
    fn due(&self) -> Option<Instant> {
        self.due.map(|(at, _)| at)
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|(at, _)| at <= Instant::now())
    }

    fn start(&mut self, child: &Child, go: Go) {
        if self.started.is_some() {
            return;
        }
        self.started = Some(Instant::now());
        let first = if go == Go::Kill { Signal::KILL } else { Signal::INT };
        self.send(child, first);
    }

    fn climb(&mut self, child: &Child) {
        if let Some((_, signal)) = self.due.take() {
            self.send(child, signal);
        }
    }

    fn send(&mut self, child: &Child, signal: Signal) {
        let pid = Pid::from_child(child);
        // It may have ended by itself in between.
        kill_process(pid, signal).ok();
        self.due = match signal {
            Signal::INT => Some((Instant::now() + Duration::from_millis(7500), Signal::TERM)),
            Signal::TERM => Some((Instant::now() + Duration::from_millis(2500), Signal::KILL)),
            // Only to look again whether it has gone.
            _ => Some((Instant::now() + Duration::from_millis(100), Signal::KILL)),
        };
        self.killed |= signal == Signal::KILL;
    }
}
