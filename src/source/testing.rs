//! What the tests of this room share: archives, honest and hostile.

use std::io::Write as _;

use tar::{Builder, EntryType, Header};

/// An archive that takes any entry, since the crate would refuse to write most hostile ones.
pub(crate) struct Archive(Builder<Vec<u8>>);

impl Archive {
    pub(crate) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    pub(crate) fn entry(mut self, kind: EntryType, name: &str, mode: u32, link: &str, body: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        let raw = header.as_old_mut();
        raw.name[..name.len()].copy_from_slice(name.as_bytes());
        raw.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(body.len() as u64);
        header.set_cksum();
        self.0.append(&header, body).unwrap();
        self
    }

    pub(crate) fn file(self, name: &str, body: &str) -> Self {
        self.entry(EntryType::Regular, name, 0o644, "", body.as_bytes())
    }

    pub(crate) fn link(self, name: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, name, 0o777, target, b"")
    }

    /// As git notes the commit.
    pub(crate) fn commit(self, commit: &str) -> Self {
        let text = format!("52 comment={commit}\n");
        self.entry(EntryType::XGlobalHeader, "pax_global_header", 0o666, "", text.as_bytes())
    }

    pub(crate) fn plain(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }

    pub(crate) fn gzip(self) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&self.plain()).unwrap();
        gzip.finish().unwrap()
    }
}
