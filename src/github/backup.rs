//! The one file inside a backup's artifact: `backup.tar.gz` in a stored zip. A zip alone would lose permissions and
//! mangle names, so everything is inside the tar. The same files give the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use rollback_deploy_core::model::{Failure, RelPath};
use tar::{EntryType, Header};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What the file is called.
pub const NAME: &str = "backup.tar.gz";
/// 1 January 1980, where the time of zip begins: no clock, so that the same files give the same bytes.
const EPOCH: u64 = 315_532_800;

/// Packs files, each with its path below the backup, into the zip to upload.
///
/// # Errors
/// A path is not valid or stands twice.
pub fn pack(files: Vec<(String, Vec<u8>)>) -> Result<Vec<u8>, Failure> {
    let mut sorted = BTreeMap::new();
    for (path, content) in files {
        let path = RelPath::new(&path)
            .map_err(|error| Failure::bug("the backup cannot be packed").because(error.to_string()))?;
        if sorted.insert(path.clone(), content).is_some() {
            return Err(Failure::bug(format!("the backup has {path} twice")));
        }
    }
    packed(&sorted).map_err(|error| Failure::failed("the backup cannot be packed").because(error.to_string()))
}

fn packed(files: &BTreeMap<RelPath, Vec<u8>>) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, content) in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(EPOCH);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path.as_path(), content.as_slice())?;
    }
    let inner = tar.into_inner()?.finish()?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o600);
    zip.start_file(NAME, options)?;
    zip.write_all(&inner)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes_and_come_back() {
        let long = format!("units/{}.service", "x".repeat(150));
        let files = || vec![(long.clone(), b"[Unit]".to_vec()), ("release".to_owned(), b"v=1\nend=1\n".to_vec())];
        let zip = pack(files()).unwrap();
        assert_eq!(zip, pack(files().into_iter().rev().collect()).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(&zip)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut inner = Vec::new();
        let mut file = archive.by_name(NAME).unwrap();
        assert_eq!(file.compression(), CompressionMethod::Stored);
        file.read_to_end(&mut inner).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&inner[..]));
        let found: Vec<(String, String)> = tar
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                assert_eq!(entry.header().mtime().unwrap(), EPOCH);
                let path = entry.path().unwrap().display().to_string();
                (path, io::read_to_string(&mut entry).unwrap())
            })
            .collect();
        assert_eq!(found, [("release".to_owned(), "v=1\nend=1\n".to_owned()), (long, "[Unit]".to_owned())]);
    }

    #[test]
    fn paths_stay_inside_and_stand_once() {
        for path in ["../x", "/x", "", "a/./b"] {
            assert!(pack(vec![(path.to_owned(), Vec::new())]).is_err(), "{path:?}");
        }
        assert!(pack(vec![("a".into(), Vec::new()), ("a".into(), Vec::new())]).unwrap_err().what.contains("twice"));
    }
}
