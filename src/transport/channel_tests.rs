use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::Mutex;

use rollback_deploy_core::model::{Entry, Foreign};
use rollback_deploy_core::wire::{LONGEST_FRAME, Query, Report};
use tokio::net::UnixStream;

use super::*;
use crate::agent::wire_end::WireEnd;
use crate::transport::testing::{self, hello};

/// A channel to a real agent's end on a thread of its own.
async fn channel(work: impl FnOnce(WireEnd) + Send + 'static) -> FramedChannel {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let theirs = theirs.into_std().unwrap();
    theirs.set_nonblocking(false).unwrap();
    std::thread::spawn(move || {
        if let Ok(end) = WireEnd::start(theirs.try_clone().unwrap(), theirs, &hello(), Digest::of(b"agent")) {
            work(end);
        }
    });
    let (from, to) = ours.into_split();
    FramedChannel::open(from, to, hello(), LastWords::default()).await.unwrap()
}

/// A channel to somebody who says these bytes and then keeps the line open.
async fn stranger(bytes: Vec<u8>) -> (Result<FramedChannel, Failure>, tokio::io::DuplexStream) {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let (from, to) = tokio::io::split(ours);
    let opening = FramedChannel::open_with(from, to, hello(), LastWords::default(), Duration::from_millis(200));
    let (opened, ()) = tokio::join!(opening, async {
        let _not_all_is_read = theirs.write_all(&bytes).await;
    });
    (opened, theirs)
}

fn frames(messages: &[FromAgent]) -> Vec<u8> {
    messages.iter().flat_map(|message| message.to_frame().unwrap().to_bytes().unwrap()).collect()
}

fn greeting() -> FromAgent {
    FromAgent::Hello { hello: hello(), agent: Digest::of(b"agent") }
}

fn status() -> Request {
    Request::Ask(Query::Status)
}

struct Files(BTreeMap<RelPath, Vec<u8>>);

impl Contents for Files {
    fn open(&self, path: &RelPath) -> std::io::Result<File> {
        let bytes = self.0.get(path).ok_or(std::io::ErrorKind::NotFound)?;
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(file)
    }
}

fn files(count: usize) -> Files {
    // Noise, so that it does not shrink.
    let content = |n: usize| {
        let mut bytes = vec![0; n * 997];
        getrandom::fill(&mut bytes).unwrap();
        bytes
    };
    Files((0..count).map(|n| (RelPath::new(format!("dir/{n:04}")).unwrap(), content(n))).collect())
}

fn prepare(files: &Files) -> Request {
    let entries = files.0.iter().map(|(path, bytes)| Entry {
        path: path.clone(),
        kind: EntryKind::File { executable: false, size: bytes.len() as u64, sha256: Digest::of(bytes) },
    });
    Request::Act(Act::Prepare(Box::new(testing::staging(Manifest::new(entries.collect()).unwrap()))))
}

fn staged() -> Answer {
    Answer::Done(Box::new(Report::LogsEnded))
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_come_before_their_answer() {
    let mut channel = channel(|end| {
        while let Some((id, _)) = end.next() {
            end.tell(FromAgent::Step("look".into()));
            end.tell(FromAgent::Said(Foreign::new("::error::forged")));
            end.answer(id, staged());
        }
    })
    .await;
    assert_eq!(channel.agent(), &Digest::of(b"agent"));
    for _ in 0..3 {
        let mut heard = Vec::new();
        let answer = channel.call(status(), None, &mut |notice| heard.push(notice)).await.unwrap();
        assert_eq!(answer, staged());
        assert_eq!(heard, [Notice::Step("look".into()), Notice::Said(Foreign::new("::error::forged"))]);
    }
    Box::new(channel).close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_lacking_travels_in_the_order_asked() {
    let ours = files(90);
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let there = Arc::clone(&arrived);
    let mut channel = channel(move |end| {
        let (id, request) = end.next().unwrap();
        let Request::Act(Act::Prepare(staging)) = request else { panic!() };
        let entries = staging.manifest.entries();
        // The first entry is the folder; every third file, backwards.
        let list: Vec<u32> = (1..entries.len()).rev().step_by(3).map(|at| u32::try_from(at).unwrap()).collect();
        let mut stream = flate2::read::GzDecoder::new(end.need(list.clone()));
        for at in list {
            let entry = &entries[usize::try_from(at).unwrap()];
            let EntryKind::File { size, sha256, .. } = &entry.kind else { panic!() };
            let mut bytes = Vec::new();
            (&mut stream).take(*size).read_to_end(&mut bytes).unwrap();
            assert_eq!(&Digest::of(&bytes), sha256);
            there.lock().unwrap().push(entry.path.clone());
        }
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        end.answer(id, staged());
    })
    .await;
    let answer = channel.call(prepare(&ours), Some(&ours), &mut |_| {}).await.unwrap();
    assert_eq!(answer, staged());
    assert_eq!(arrived.lock().unwrap().len(), 30);
    Box::new(channel).close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_longer_than_a_frame_arrives() {
    let many = Files((0..20_000).map(|n| (RelPath::new(format!("d/{n}")).unwrap(), Vec::new())).collect());
    let request = prepare(&many);
    assert!(serde_json::to_vec(&request).unwrap().len() > 2 * LONGEST_FRAME);
    let expected = request.clone();
    let mut channel = channel(move |end| {
        let (id, request) = end.next().unwrap();
        assert_eq!(request, expected);
        end.answer(id, staged());
    })
    .await;
    assert_eq!(channel.call(request, Some(&many), &mut |_| {}).await.unwrap(), staged());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_stops_the_stream_and_the_channel_goes_on() {
    let ours = files(120);
    let mut channel = channel(|end| {
        for _ in 0..2 {
            let (id, request) = end.next().unwrap();
            let Request::Act(Act::Prepare(staging)) = request else { panic!() };
            let list = (1..staging.manifest.entries().len()).map(|at| u32::try_from(at).unwrap()).collect();
            let mut pieces = end.need(list);
            pieces.read_exact(&mut [0; 10]).unwrap();
            drop(pieces);
            end.answer(id, Answer::Failed(Failure::failed("the disk is full")));
        }
        let (id, _) = end.next().unwrap();
        end.answer(id, staged());
    })
    .await;
    for _ in 0..2 {
        let answer = channel.call(prepare(&ours), Some(&ours), &mut |_| {}).await.unwrap();
        assert!(matches!(answer, Answer::Failed(_)));
    }
    assert_eq!(channel.call(status(), None, &mut |_| {}).await.unwrap(), staged());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_ends_the_call_with_its_name() {
    let ours = files(5);
    let request = prepare(&ours);
    for change in ["longer", "shorter", "gone"] {
        let path = RelPath::new("dir/0003").unwrap();
        let mut changed = Files(ours.0.clone());
        match change {
            "longer" => changed.0.get_mut(&path).unwrap().push(0),
            "shorter" => drop(changed.0.get_mut(&path).unwrap().pop()),
            _ => drop(changed.0.remove(&path)),
        }
        let mut channel = channel(|end| {
            let _request = end.next();
            let mut stream = flate2::read::GzDecoder::new(end.need(vec![1, 2, 3, 4, 5]));
            assert!(stream.read_to_end(&mut Vec::new()).is_err(), "the stream must not look whole");
        })
        .await;
        let failure = channel.call(request.clone(), Some(&changed), &mut |_| {}).await.unwrap_err();
        assert!(failure.what.contains("dir/0003"), "{change}: {}", failure.what);
        let again = channel.call(status(), None, &mut |_| {}).await.unwrap_err();
        assert!(matches!(again.kind, Kind::Unknown { .. }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_reaches_a_busy_agent_each_time() {
    let mut channel = channel(|end| {
        while let Some((id, _)) = end.next() {
            while !end.cancelled() {
                std::thread::yield_now();
            }
            end.answer(id, staged());
        }
    })
    .await;
    let canceller = channel.canceller();
    for _ in 0..100 {
        let mut deaf = |_| {};
        // The request is not written yet when the cancel comes: it must not be overtaken.
        let (answer, ()) = tokio::join!(channel.call(status(), None, &mut deaf), async { canceller.cancel() });
        assert_eq!(answer.unwrap(), staged());
    }
}

#[tokio::test]
async fn another_build_is_refused_with_both_versions() {
    let other = Hello { version: "0.9.0\u{1b}[2J".into(), build: "old".into() };
    let (opened, _line) = stranger(frames(&[FromAgent::Hello { hello: other, agent: Digest::of(b"") }])).await;
    let failure = opened.err().unwrap();
    assert!(failure.what.contains("0.9.0") && failure.what.contains(&hello().version), "{}", failure.what);
    assert!(!failure.what.contains('\u{1b}'));
}

#[tokio::test]
async fn what_speaks_another_protocol_is_refused() {
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0, 0, 0, 0],
        vec![0, 0, 0, 2, b'P', 0],
        vec![0, 0, 0, 3, b'M', b'{', b'}'],
        vec![0xff; 10],
        frames(&[FromAgent::Step("no greeting".into())]),
        [vec![0, 8, 0, 0, b'C'], vec![b' '; (1 << 19) - 1]].concat().repeat(40),
    ] {
        let (opened, _line) = stranger(bytes.clone()).await;
        assert!(opened.is_err(), "{:?}", &bytes[..bytes.len().min(20)]);
    }
    let (silent, _line) = stranger(Vec::new()).await;
    let failure = silent.err().unwrap();
    assert!(failure.because[0].expose().contains("said nothing"), "{failure:?}");
}

#[tokio::test]
async fn nonsense_silence_and_an_end_leave_the_outcome_unknown() {
    for nonsense in [
        vec![FromAgent::Answer { id: 7, answer: Box::new(staged()) }],
        vec![FromAgent::Need(vec![0])],
        vec![greeting()],
        vec![],
    ] {
        let (opened, mut line) = stranger(frames(&[greeting()])).await;
        let mut channel = opened.unwrap();
        let (bytes, mut deaf) = (frames(&nonsense), |_| {});
        let (answer, _) = tokio::join!(channel.call(status(), None, &mut deaf), line.write_all(&bytes));
        let failure = answer.unwrap_err();
        assert_eq!(failure.kind, Kind::Unknown { settles_in: None }, "{nonsense:?}");
        let again = channel.call(status(), None, &mut |_| {}).await.unwrap_err();
        assert!(again.because[0].expose().contains("already lost"));
    }
    let (opened, line) = stranger(frames(&[greeting()])).await;
    drop(line);
    let failure = opened.unwrap().call(status(), None, &mut |_| {}).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unknown { settles_in: None });
}

#[test]
fn only_files_of_the_release_can_be_asked_for_and_once() {
    let Request::Act(Act::Prepare(staging)) = prepare(&files(2)) else { panic!() };
    let manifest = Some(&staging.manifest);
    assert_eq!(wanted(manifest, &[2, 1]).unwrap().len(), 2);
    for list in [&[0][..], &[3], &[1, 1], &[u32::MAX]] {
        assert_eq!(wanted(manifest, list), None, "{list:?}");
    }
    assert_eq!(wanted(None, &[]), None);
}
