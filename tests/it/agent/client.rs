//! A small synchronous controller: one agent process, one connection.

use std::io::{BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rollback_deploy_core::wire::{Answer, Assembler, Frame, FromAgent, Request, ToAgent, Whole};

/// No act of these tests takes longer.
const LIMIT: Duration = Duration::from_secs(90);

/// One agent and the connection to it.
pub(crate) struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    heard: Receiver<FromAgent>,
    asked: u64,
    /// The steps it told.
    pub(crate) steps: Vec<String>,
}

impl Agent {
    /// Starts the program and greets it.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the agent starts");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            let mut assembler = Assembler::new(FromAgent::LONGEST);
            while let Ok(frame) = Frame::read_from(&mut output) {
                let Ok(Some(Whole::Message(bytes))) = assembler.take(frame) else { continue };
                let Ok(message) = FromAgent::from_bytes(&bytes) else { return };
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        let mut agent = Self { input: child.stdin.take(), child, heard, asked: 0, steps: Vec::new() };
        agent.send(&ToAgent::Hello(rollback_deploy::hello::hello()));
        agent
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn send(&mut self, message: &ToAgent) {
        let Some(input) = &mut self.input else { return };
        // One that died in between is noticed by its silence.
        let _sent = message.to_frames().unwrap().iter().try_for_each(|frame| frame.write_to(input));
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send_request(&mut self, request: Request) {
        self.asked += 1;
        self.send(&ToAgent::Request { id: self.asked, request: Box::new(request) });
    }

    /// Asks that what is under way ends.
    pub(crate) fn cancel(&mut self) {
        self.send(&ToAgent::Cancel);
    }

    /// The answer to the last request; nothing when the agent died. `contents` are what it may ask for, by entry.
    pub(crate) fn answer(&mut self, contents: &dyn Fn(u32) -> Vec<u8>) -> Option<Answer> {
        loop {
            match self.heard.recv_timeout(LIMIT) {
                Ok(FromAgent::Answer { id, answer }) if id == self.asked => return Some(*answer),
                Ok(FromAgent::Need(entries)) => self.send_contents(&entries, contents),
                Ok(FromAgent::Step(step)) => self.steps.push(step),
                Ok(_) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the agent says nothing for {LIMIT:?}"),
            }
        }
    }

    /// Waits until it tells this step.
    pub(crate) fn await_step(&mut self, wanted: &str) {
        loop {
            match self.heard.recv_timeout(LIMIT) {
                Ok(FromAgent::Step(step)) => {
                    self.steps.push(step);
                    if self.steps.last().is_some_and(|step| step == wanted) {
                        return;
                    }
                }
                Ok(FromAgent::Answer { answer, .. }) => panic!("{answer:?} before the step {wanted}"),
                Ok(_) => {}
                Err(error) => panic!("{error} before the step {wanted}"),
            }
        }
    }

    fn send_contents(&mut self, entries: &[u32], contents: &dyn Fn(u32) -> Vec<u8>) {
        let Some(input) = &mut self.input else { return };
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        for entry in entries {
            packed.write_all(&contents(*entry)).unwrap();
        }
        for piece in packed.finish().unwrap().chunks(64 * 1024).chain([&[][..]]) {
            if Frame::Piece(piece.to_vec()).write_to(input).is_err() {
                return;
            }
        }
    }

    /// Asks and waits.
    pub(crate) fn ask(&mut self, request: Request) -> Option<Answer> {
        self.send_request(request);
        self.answer(&|_| Vec::new())
    }

    /// Closes the connection and waits for the process.
    pub(crate) fn leave(mut self) {
        drop(self.input.take());
        let _status = self.child.wait();
    }

    /// Kills the process in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.input.take());
        // Whoever wants an agent to live on keeps it; a hanging one ends with its test.
        if std::thread::panicking() {
            let _killed = self.child.kill();
        }
        let _status = self.child.wait();
    }
}
