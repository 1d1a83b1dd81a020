//! etcd's log: a file it appends to, so that it can go on without us, and that we keep short.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// At so many bytes the file becomes the older part; with that, twice as much is kept.
pub const BOUND: u64 = 8 << 20;
/// How much of its end is told when something failed.
const TAIL: u64 = 2048;

/// For etcd to write to.
pub fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::options().create(true).append(true).mode(0o600).open(path)
}

/// Moves the text to `<path>.1` if it is more than `bound` bytes. The file stays, since etcd has it open; what it writes
/// between copying and cutting is lost.
pub fn shorten(path: &Path, bound: u64) -> io::Result<()> {
    if std::fs::metadata(path)?.len() <= bound {
        return Ok(());
    }
    let mut older = path.as_os_str().to_owned();
    older.push(".1");
    std::fs::copy(path, older)?;
    File::options().write(true).open(path)?.set_len(0)
}

/// The last lines, for an error; empty where there are none.
pub fn tail(path: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_writer_goes_on_in_the_shortened_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/etcd.log");
        let mut writer = open(&path).unwrap();
        writer.write_all(&[b'x'; 100]).unwrap();
        shorten(&path, 100).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 100, "not more than the bound");
        writer.write_all(b"\none\n").unwrap();
        shorten(&path, 100).unwrap();
        writer.write_all(b"two\nthree\nfour\nfive\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\nthree\nfour\nfive\n");
        assert_eq!(std::fs::metadata(folder.path().join("logs/etcd.log.1")).unwrap().len(), 105);
        assert_eq!(tail(&path), "three\nfour\nfive");
        assert_eq!(tail(folder.path()), "");
    }
}
