//! Evidence of a bad release, saved before it is stopped: bounded in time and bytes, and never in the way of going back.

use std::fs::File;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rollback_deploy_core::model::{Story, Txn};

use super::cx::Cx;
use super::running;

/// The most that one kind of evidence may hold, in bytes.
const LARGEST: usize = 256 * 1024;

/// Saves what can be had; nothing when the disk is full or nothing can be read.
pub fn save(cx: Cx<'_>, txn: &Txn, story: &Story, why: &str) -> Option<String> {
    cx.tell.step("save evidence");
    let name = format!("evidence/{}.tar.gz", txn.id);
    if cx.state.has(&name) {
        return Some(name);
    }
    let mut parts = vec![("why.txt".to_owned(), format!("{why}\n")), ("change".to_owned(), txn.to_record().to_text())];
    parts.extend(running::evidence(cx, story, &txn.id));
    let mut bytes = Vec::new();
    let mut archive = tar::Builder::new(GzEncoder::new(&mut bytes, Compression::fast()));
    for (path, text) in parts {
        let cut = (0..=LARGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let content = &text.as_bytes()[..cut];
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        archive.append_data(&mut header, path, content).ok()?;
    }
    archive.into_inner().ok()?.finish().ok()?;
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
