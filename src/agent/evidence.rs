//! Evidence of a bad release, saved before it is stopped: bounded in time and bytes, and never in the way of going back.

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rollback_deploy_core::model::{Story, Txn};

use super::cx::Cx;
use super::migrate;
use super::running::Witness;
use crate::ask::clock::Deadline;

/// The most that one part of the evidence may hold, in bytes: its end counts.
const LARGEST: usize = 256 * 1024;
/// The most that all parts together may hold.
const ALL: usize = 4 << 20;
/// How long going back waits for it: a bad release may not answer at all.
const LONGEST: Duration = Duration::from_secs(5);

/// Saves what can be had; nothing when the disk is full or nothing can be read.
pub fn save(cx: Cx<'_>, txn: &Txn, story: &Story, why: &str) -> Option<String> {
    cx.tell.step("save evidence");
    let name = format!("evidence/{}.tar.gz", txn.id);
    if cx.state.has(&name) {
        return Some(name);
    }
    let mut parts = vec![("why.txt".to_owned(), format!("{why}\n")), ("change".to_owned(), txn.to_record().to_text())];
    parts.extend(migrate::log_of(cx.state, &txn.id).map(|log| ("migration.txt".to_owned(), log)));
    parts.extend(ask(cx, story));
    let bytes = pack(parts)?;
    let path = cx.state.path(&name);
    let temporary = path.with_extension("making");
    let mut file = File::create(&temporary).ok()?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    drop(file);
    let kept = written.is_ok() && rustix::fs::renameat(rustix::fs::CWD, &temporary, rustix::fs::CWD, &path).is_ok();
    if !kept {
        let _cleaned = rustix::fs::unlinkat(rustix::fs::CWD, &temporary, rustix::fs::AtFlags::empty());
    }
    kept.then_some(name)
}

/// Asks on a thread of its own, which changes nothing: what has not answered in time is left behind.
fn ask(cx: Cx<'_>, story: &Story) -> Vec<(String, String)> {
    let (send, told) = channel();
    let over = Arc::new(AtomicBool::new(false));
    let (witness, ended) = (Witness::of(cx, story), Arc::clone(&over));
    let asking = thread::Builder::new().name("evidence".into()).spawn(move || {
        let gone = || ended.load(Ordering::Acquire);
        witness.tell(&gone, &mut |name, text| drop(send.send((name, text))));
    });
    let mut parts = Vec::new();
    if asking.is_err() {
        return parts;
    }
    let deadline = Deadline::after_duration(LONGEST);
    loop {
        match told.recv_timeout(deadline.left()) {
            Ok(part) => parts.push(part),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let text = format!("Going back did not wait longer than {} s for the rest.\n", LONGEST.as_secs());
                parts.push(("incomplete.txt".to_owned(), text));
                break;
            }
        }
    }
    over.store(true, Ordering::Release);
    parts
}

fn pack(parts: Vec<(String, String)>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut archive = tar::Builder::new(GzEncoder::new(&mut bytes, Compression::fast()));
    let mut left = ALL;
    for (path, text) in parts {
        let content = end_of(&text, LARGEST.min(left));
        left -= content.len();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        archive.append_data(&mut header, path, content.as_bytes()).ok()?;
    }
    archive.into_inner().ok()?.finish().ok()?;
    Some(bytes)
}

/// The last bytes of a text, from the beginning of a character.
fn end_of(text: &str, most: usize) -> &str {
    let from = text.len().saturating_sub(most);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_counts_and_no_character_is_cut() {
        assert_eq!(end_of("abc", 5), "abc");
        assert_eq!(end_of("abc", 2), "bc");
        assert_eq!(end_of("aäb", 2), "b");
        assert_eq!(end_of("aäb", 0), "");
    }

    #[test]
    fn all_parts_together_are_bounded() {
        let parts = (0..100).map(|number| (format!("{number}.txt"), "x".repeat(LARGEST + 1)));
        let bytes = pack(parts.collect()).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let sizes: Vec<u64> = archive.entries().unwrap().map(|entry| entry.unwrap().size()).collect();
        assert_eq!((sizes.len(), sizes.iter().sum::<u64>()), (100, ALL as u64));
    }
}
