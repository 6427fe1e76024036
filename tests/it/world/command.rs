//! Programs a fixture runs: they end, and what they said is at hand when they fail.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a program said and how it ended.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Said {
    /// Did it exit with 0?
    pub(crate) fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a program, with this on its standard input.
pub(crate) fn say(program: &str, arguments: &[&str], input: &[u8]) -> Said {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {program}: {error}; run tests/world/install.sh"));
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A thread of its own: the program may write before it has read everything, and may end without reading.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("waiting for {program}: {error}"));
    feeder.join().expect("the feeder does not panic");
    output.into()
}

/// Runs a program that must succeed; its output without the last newline.
pub(crate) fn must(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let said = say(program, arguments, input);
    assert!(said.ok(), "{program} {arguments:?} ended with {:?}:\n{}{}", said.code, said.out, said.err);
    said.out.trim_end_matches('\n').to_owned()
}

/// Waits until the question has an answer, and panics with these words when it has none in time.
pub(crate) fn await_some<T>(what: &str, limit: Duration, mut question: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
