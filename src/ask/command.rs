//! Runs a program: limited in time, in a process group of its own, with a clean environment. Uses the clock only.
//!
//! It waits for the program itself, not for the end of its output: what the program leaves behind may keep the pipe
//! open for as long as it likes.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rollback_deploy_core::model::{Foreign, Seconds};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::clock::Deadline;

/// Where programs are looked for: an ordinary user's PATH lacks `sbin`, where `nginx` lies.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long a group may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How often exit and cancel are looked at.
const TICK: Duration = Duration::from_millis(25);
/// The most lines kept of the output.
const TAIL_LINES: usize = 200;
/// The most bytes kept of one line.
const LINE_BYTES: usize = 8 * 1024;
/// The most bytes of output kept whole, for answers that are read by us.
const WHOLE_BYTES: usize = 8 << 20;

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    /// The program and its arguments.
    pub argv: Vec<OsString>,
    /// Where it runs; `/` when absent.
    pub cwd: Option<&'a Path>,
    /// Variables besides `PATH`, `LC_ALL` and `HOME`.
    pub env: Vec<(OsString, OsString)>,
    /// Its time limit.
    pub timeout: Seconds,
    /// What it reads; nothing when absent.
    pub input: Option<&'a [u8]>,
    /// What happens at the limit and when cancelled.
    pub end: End,
    /// What its output is read through.
    pub output: Output,
}

/// What happens to a program that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The whole group is asked to end, then killed.
    Kill,
    /// Only asked: killing `sudo` would orphan a child that we cannot end.
    Ask,
}

/// What a program's output is read through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A pipe: lines arrive as they are printed. What outlives the program can no longer print.
    Lines,
    /// A file without a name: lines arrive at the end, and what outlives the program can print on, unread.
    Outlived,
    /// A pipe for the output, which is `whole`; what is said on the error stream is `tail`. For answers read by us:
    /// `sudo` and others warn on the error stream.
    Apart,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, when it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// It took too long.
    pub timed_out: bool,
    /// We were asked to end it.
    pub cancelled: bool,
    /// The last lines of what it printed: both streams, or the error stream where they are taken apart.
    pub tail: Foreign,
    /// All of what it printed, up to some MiB: both streams, or the output where they are taken apart.
    pub whole: Vec<u8>,
}

impl Ended {
    /// Whether it exited with 0, in time.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.code == Some(0) && !self.timed_out && !self.cancelled
    }

    /// How it ended, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self { cancelled: true, .. } => "was cancelled".to_owned(),
            Self { timed_out: true, .. } => "took too long and was stopped".to_owned(),
            Self { code: Some(code), .. } => format!("exited with {code}"),
            Self { signal: Some(signal), .. } => format!("was ended by signal {signal}"),
            _ => "did not end".to_owned(),
        }
    }
}

impl<'a> Spec<'a> {
    /// A program with its arguments.
    pub fn program<S: AsRef<OsStr>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(|arg| arg.as_ref().to_owned()).collect(),
            cwd: None,
            env: Vec::new(),
            timeout: Seconds(60),
            input: None,
            end: End::Kill,
            output: Output::Lines,
        }
    }

    /// A text for `sh`.
    #[must_use]
    pub fn script(text: &str) -> Self {
        Self::program(["/bin/sh", "-c", text])
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn in_folder(mut self, folder: &'a Path) -> Self {
        self.cwd = Some(folder);
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Limits its time.
    #[must_use]
    pub fn within(mut self, timeout: Seconds) -> Self {
        self.timeout = timeout;
        self
    }

    /// Never kills it: for `sudo`.
    #[must_use]
    pub fn only_asked(mut self) -> Self {
        self.end = End::Ask;
        self
    }

    /// Takes its output apart from its error stream.
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.output = Output::Apart;
        self
    }

    /// What it starts may print on after it ended.
    #[must_use]
    pub fn outlived(mut self) -> Self {
        self.output = Output::Outlived;
        self
    }
}

/// The home of the user we run as, as the system says; `/` when it does not say.
#[must_use]
pub fn home() -> OsString {
    std::env::home_dir().filter(|home| home.is_absolute()).map_or_else(|| "/".into(), Into::into)
}

/// Runs a program until it ends, its time is over, or `cancelled` says so. Lines of its output go to `line`.
///
/// # Errors
/// It could not be started.
pub fn run(spec: &Spec<'_>, line: &mut dyn FnMut(&str), cancelled: &dyn Fn() -> bool) -> io::Result<Ended> {
    let (mut child, mut source, errors) = start(spec)?;
    let pid = Pid::from_child(&child);
    // Wakes us at once when the program ends; a kernel before 5.3 has none, and we look every tick.
    let end_of_it = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok();
    let wake = end_of_it.as_ref().map(AsFd::as_fd);
    let mut lines = Lines::default();
    let deadline = Deadline::after(spec.timeout);
    let mut ended = Ended {
        code: None,
        signal: None,
        timed_out: false,
        cancelled: false,
        tail: Foreign::default(),
        whole: Vec::new(),
    };
    while !is_over(pid) {
        source.take(wake, &mut lines, line);
        if is_over(pid) {
            // It ended in time, even if just so.
            break;
        }
        ended.cancelled = cancelled();
        ended.timed_out = !ended.cancelled && deadline.passed();
        if ended.cancelled || ended.timed_out {
            end(spec.end, pid, &mut || source.take(wake, &mut lines, line));
            break;
        }
    }
    // A child that may only be asked and does not end is left to itself: nothing of ours waits for it.
    let status = if is_over(pid) { Some(child.wait()?) } else { child.try_wait()? };
    source.rest(&mut lines, line);
    lines.finish(line);
    ended.code = status.and_then(|status: ExitStatus| status.code());
    ended.signal = status.and_then(|status| status.signal());
    if let Some(errors) = errors {
        let mut said = Lines::default();
        Source::File(errors).rest(&mut said, &mut |_| {});
        said.finish(&mut |_| {});
        lines.tail = said.tail;
    }
    ended.tail = lines.last();
    ended.whole = lines.whole;
    Ok(ended)
}

/// Runs a program and takes its output whole; nobody listens on the way.
///
/// # Errors
/// It could not be started.
pub fn take(spec: &Spec<'_>) -> io::Result<Ended> {
    run(spec, &mut |_| {}, &|| false)
}

fn start(spec: &Spec<'_>) -> io::Result<(Child, Source, Option<File>)> {
    let mut argv = spec.argv.iter();
    let program = argv.next().ok_or(io::ErrorKind::InvalidInput)?;
    let (source, out) = match spec.output {
        Output::Lines | Output::Apart => {
            let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(&read, true)?;
            (Source::Pipe(Some(read.into())), write)
        }
        Output::Outlived => {
            let file = lasting()?;
            let write = OwnedFd::from(file.try_clone()?);
            (Source::File(file), write)
        }
    };
    let input = match spec.input {
        None => Stdio::null(),
        Some(bytes) => {
            let mut file = in_memory()?;
            file.write_all(bytes)?;
            file.rewind()?;
            Stdio::from(file)
        }
    };
    let errors = if spec.output == Output::Apart { Some(in_memory()?) } else { None };
    let error_stream = match &errors {
        Some(file) => OwnedFd::from(file.try_clone()?),
        None => out.try_clone()?,
    };
    let child = Command::new(program)
        .args(argv)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", home())
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .current_dir(spec.cwd.unwrap_or(Path::new("/")))
        .stdin(input)
        .stdout(out)
        .stderr(error_stream)
        .process_group(0)
        .spawn()?;
    Ok((child, source, errors))
}

/// A file for what programs of ours say: it needs neither block nor inode, so a full disk is no hindrance.
fn in_memory() -> io::Result<File> {
    Ok(rustix::fs::memfd_create("rollback-deploy", rustix::fs::MemfdFlags::CLOEXEC)?.into())
}

/// A file that an app may hold as its output for as long as it runs: on a disk while there is room, not in memory.
fn lasting() -> io::Result<File> {
    let on_disk = || -> io::Result<File> {
        let mut file = tempfile::tempfile()?;
        file.write_all(&[0; 4096])?;
        file.set_len(0)?;
        file.rewind()?;
        Ok(file)
    };
    on_disk().or_else(|_no_room| in_memory())
}

/// Whether the main process has ended. It is not reaped yet, so its group keeps its number.
fn is_over(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None) | Err(rustix::io::Errno::INTR))
}

/// Asks the group to end, then kills it where that is allowed. Called while the main process is not reaped.
fn end(how: End, pid: Pid, meanwhile: &mut dyn FnMut()) {
    if how == End::Ask {
        let _gone = rustix::process::kill_process(pid, Signal::TERM);
    } else {
        let _gone = rustix::process::kill_process_group(pid, Signal::TERM);
    }
    let grace = Deadline::after_duration(GRACE);
    while !is_over(pid) && !grace.passed() {
        meanwhile();
    }
    if how == End::Kill {
        let _gone = rustix::process::kill_process_group(pid, Signal::KILL);
        let kernel = Deadline::after_duration(GRACE);
        while !is_over(pid) && !kernel.passed() {
            meanwhile();
        }
    }
}

enum Source {
    Pipe(Option<File>),
    File(File),
}

impl Source {
    /// Takes what has come, waiting a tick for it or for the end of the program.
    fn take(&mut self, wake: Option<BorrowedFd<'_>>, lines: &mut Lines, line: &mut dyn FnMut(&str)) {
        let pipe = match self {
            Self::Pipe(slot) => slot.as_ref().map(AsFd::as_fd),
            Self::File(_) => None,
        };
        let fds = pipe.into_iter().chain(wake);
        let mut fds: Vec<_> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let tick = rustix::time::Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
        let _interrupted = rustix::event::poll(&mut fds, Some(&tick));
        let Self::Pipe(slot) = self else { return };
        // Bounded: a program that prints without end must not keep us from its time limit.
        for _ in 0..16 {
            if !read_some(slot, lines, line) {
                break;
            }
        }
    }

    /// Takes what is there now, without waiting for more.
    fn rest(&mut self, lines: &mut Lines, line: &mut dyn FnMut(&str)) {
        match self {
            Self::Pipe(slot) => {
                for _ in 0..64 {
                    if !read_some(slot, lines, line) {
                        break;
                    }
                }
            }
            Self::File(file) => {
                let mut bytes = Vec::new();
                if file.rewind().is_ok() && file.take(WHOLE_BYTES as u64).read_to_end(&mut bytes).is_ok() {
                    lines.add(&bytes, line);
                }
            }
        }
    }
}

/// Reads once; says whether there may be more.
fn read_some(slot: &mut Option<File>, lines: &mut Lines, line: &mut dyn FnMut(&str)) -> bool {
    let mut buffer = [0; 16 * 1024];
    let Some(pipe) = slot else { return false };
    match pipe.read(&mut buffer) {
        Ok(0) => {
            *slot = None;
            false
        }
        Ok(count) => {
            lines.add(&buffer[..count], line);
            true
        }
        Err(error) => error.kind() == io::ErrorKind::Interrupted,
    }
}

/// Output cut into lines; the last ones are kept.
#[derive(Default)]
struct Lines {
    open: Vec<u8>,
    tail: VecDeque<String>,
    whole: Vec<u8>,
}

impl Lines {
    fn add(&mut self, bytes: &[u8], line: &mut dyn FnMut(&str)) {
        let room = WHOLE_BYTES.saturating_sub(self.whole.len());
        self.whole.extend_from_slice(&bytes[..bytes.len().min(room)]);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES.saturating_sub(self.open.len());
            self.open.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.finish(line);
            }
        }
    }

    /// The last lines that fit: how something ended says more than how it began.
    fn last(&self) -> Foreign {
        let mut room = Foreign::LONGEST;
        let fits = |line: &&String| room.checked_sub(line.len() + 1).inspect(|left| room = *left).is_some();
        let kept: Vec<&str> = self.tail.iter().rev().take_while(fits).map(String::as_str).collect();
        Foreign::new(kept.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    fn finish(&mut self, line: &mut dyn FnMut(&str)) {
        if self.open.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.open).trim_end_matches(['\n', '\r']).to_owned();
        self.open.clear();
        line(&text);
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(text);
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
