use std::os::unix::net::UnixStream;

use rollback_deploy_core::wire::{Query, Report};

use super::*;

fn hello() -> Hello {
    Hello { version: "1.2.3".into(), build: "b".into() }
}

/// The controller's side: greets and is greeted.
fn pair() -> (WireEnd, UnixStream) {
    let (agent, mut controller) = UnixStream::pair().unwrap();
    send(&mut controller, &ToAgent::Hello(hello()));
    let end = WireEnd::start(agent.try_clone().unwrap(), agent, &hello(), Digest::of(b"x")).unwrap();
    assert_eq!(next(&mut controller), FromAgent::Hello { hello: hello(), agent: Digest::of(b"x") });
    (end, controller)
}

fn send(to: &mut UnixStream, message: &ToAgent) {
    message.to_frames().unwrap().iter().for_each(|frame| frame.write_to(to).unwrap());
}

fn next(from: &mut UnixStream) -> FromAgent {
    let mut assembler = Assembler::new(FromAgent::LONGEST);
    loop {
        if let Some(Whole::Message(bytes)) = assembler.take(Frame::read_from(from).unwrap()).unwrap() {
            return FromAgent::from_bytes(&bytes).unwrap();
        }
    }
}

fn ask(to: &mut UnixStream, id: u64) {
    send(to, &ToAgent::Request { id, request: Box::new(Request::Ask(Query::Status)) });
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn requests_are_answered_in_turn() {
    let (end, mut controller) = pair();
    for id in [1, 2] {
        ask(&mut controller, id);
        let (asked, request) = end.next().unwrap();
        assert_eq!((asked, request), (id, Request::Ask(Query::Status)));
        end.tell(FromAgent::Step("one".into()));
        end.answer(id, Answer::Done(Box::new(Report::LogsEnded)));
        assert_eq!(next(&mut controller), FromAgent::Step("one".into()));
        assert!(matches!(next(&mut controller), FromAgent::Answer { id: answered, .. } if answered == id));
    }
    drop(controller);
    assert!(end.next().is_none());
    until(|| end.gone());
}

#[test]
fn another_build_is_told_which_one_we_are() {
    let (agent, mut controller) = UnixStream::pair().unwrap();
    let other = Hello { version: "9".into(), build: "other".into() };
    send(&mut controller, &ToAgent::Hello(other.clone()));
    let started = WireEnd::start(agent.try_clone().unwrap(), agent, &hello(), Digest::of(b"x"));
    assert!(matches!(started, Err(WireError::OtherBuild(theirs)) if theirs == other));
    assert!(matches!(next(&mut controller), FromAgent::Hello { hello: ours, .. } if ours == hello()));
}

#[test]
fn what_does_not_greet_is_refused() {
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\n", &[0, 0, 0, 3, b'M', b'{', b'}']] {
        let started = WireEnd::start(bytes, io::sink(), &hello(), Digest::of(b"x"));
        assert!(matches!(started, Err(WireError::NoHello(_))), "{bytes:?}");
    }
}

#[test]
fn a_cancel_is_seen_at_once_and_ends_with_its_request() {
    let (end, mut controller) = pair();
    ask(&mut controller, 1);
    end.next().unwrap();
    assert!(!end.cancelled());
    send(&mut controller, &ToAgent::Cancel);
    until(|| end.cancelled());
    ask(&mut controller, 2);
    end.next().unwrap();
    assert!(!end.cancelled(), "the next request is not cancelled");
}

#[test]
fn pieces_are_one_stream_and_the_rest_is_thrown_away() {
    let (end, mut controller) = pair();
    let mut first = end.need(vec![0]);
    assert_eq!(next(&mut controller), FromAgent::Need(vec![0]));
    for piece in [&b"ab"[..], b"cd", b""] {
        Frame::Piece(piece.to_vec()).write_to(&mut controller).unwrap();
    }
    let mut text = String::new();
    first.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abcd");

    drop(end.need(vec![1])); // given up at once
    assert_eq!(next(&mut controller), FromAgent::Need(vec![1]));
    for _ in 0..3 * PIECES_WAITING {
        Frame::Piece(vec![7; 1000]).write_to(&mut controller).unwrap();
    }
    Frame::Piece(Vec::new()).write_to(&mut controller).unwrap();
    ask(&mut controller, 5);
    assert_eq!(end.next().unwrap().0, 5);

    let mut cut = end.need(vec![2]);
    Frame::Piece(b"half".to_vec()).write_to(&mut controller).unwrap();
    drop(controller);
    assert_eq!(cut.read_to_end(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_stream_that_is_asked_for_when_nobody_is_there_is_cut_off_at_once() {
    let (end, controller) = pair();
    drop(controller);
    until(|| end.gone());
    let (tell, read) = sync_channel(1);
    thread::spawn(move || tell.send(end.need(vec![0]).read(&mut [0; 1]).unwrap_err().kind()));
    assert_eq!(read.recv_timeout(Duration::from_secs(10)), Ok(io::ErrorKind::UnexpectedEof));
}

#[test]
fn nobody_listening_never_hinders_the_work() {
    let (end, controller) = pair();
    drop(controller);
    for _ in 0..10 * WAITING {
        end.tell(FromAgent::Step("x".repeat(1000)));
    }
    end.answer(1, Answer::Done(Box::new(Report::LogsEnded)));
    end.finish();
}

/// Takes nothing until it is let go.
struct Stuck(Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _let_go = self.0.recv();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn progress_is_dropped_for_a_reader_that_is_slow() {
    let (agent, mut controller) = UnixStream::pair().unwrap();
    send(&mut controller, &ToAgent::Hello(hello()));
    let (let_go, stuck) = sync_channel(0);
    let end = WireEnd::start(agent, Stuck(stuck), &hello(), Digest::of(b"x")).unwrap();
    for done in 0..10 * u64::try_from(WAITING).unwrap() {
        end.tell(FromAgent::Progress { done, all: 1 });
    }
    assert!(lock(&end.shared.queue).waiting.len() <= WAITING);
    assert!(!end.gone());
    drop(let_go);
}

#[test]
fn a_reader_that_never_reads_counts_as_gone_and_the_work_goes_on() {
    let (agent, mut controller) = UnixStream::pair().unwrap();
    send(&mut controller, &ToAgent::Hello(hello()));
    let (let_go, stuck) = sync_channel(0);
    let patience = Duration::from_millis(20);
    let end = WireEnd::start_with(agent, Stuck(stuck), &hello(), Digest::of(b"x"), patience).unwrap();
    for _ in 0..10 * WAITING {
        end.tell(FromAgent::Step("a fact".into()));
    }
    assert!(end.gone());
    end.finish();
    drop(let_go);
}
