//! Reads a log across its rotated files, oldest first, and turns CRI entries into what users see.
//!
//! Invariant: every entry once, in order, also when the log is rotated while it is read. Files are followed by inode:
//! a file is left only when a newer one exists and the old one is read to its end after that was seen.

use super::LogOptions;
use super::writer::rotated;
use bytes::Bytes;
use jiff::Timestamp;
use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// Read at once; also bounds what is held of one file.
const BLOCK: usize = 64 << 10;
/// Entries are at most 16 KiB and a little: a longer one is not from us.
const MAX_ENTRY: usize = 1 << 20;

pub struct Reader {
    path: PathBuf,
    options: LogOptions,
    file: File,
    inode: u64,
    /// A begun entry.
    rest: Vec<u8>,
    /// The next entry begins a line, by stream.
    line_begins: [bool; 2],
    /// Bytes that may still be given.
    room: u64,
}

impl Reader {
    pub async fn open(path: &Path, options: LogOptions) -> io::Result<Self> {
        let (start, offset) = match options.tail {
            Some(lines) => tail_start(path, lines).await?,
            None => (rotated(path).into_iter().next().unwrap_or_else(|| path.into()), 0),
        };
        // The oldest may have been removed since it was listed.
        let mut file = match File::open(&start).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::open(path).await?,
            other => other?,
        };
        file.seek(SeekFrom::Start(offset)).await?;
        let inode = file.metadata().await?.ino();
        let room = options.limit_bytes.unwrap_or(u64::MAX);
        Ok(Self { path: path.into(), options, file, inode, rest: Vec::new(), line_begins: [true; 2], room })
    }

    /// The limit of bytes is reached.
    pub fn is_full(&self) -> bool {
        self.room == 0
    }

    /// The next piece; may be empty when nothing in it was wanted. `None` at the end of what there is now.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.is_full() {
            return Ok(None);
        }
        let mut block = vec![0; BLOCK];
        let mut count = self.file.read(&mut block).await?;
        if count == 0 {
            let Some(newer) = self.newer()? else { return Ok(None) };
            count = self.file.read(&mut block).await?;
            if count == 0 {
                self.file = File::open(newer).await?;
                self.inode = self.file.metadata().await?.ino();
                self.rest.clear();
                return Ok(Some(Bytes::new()));
            }
        }
        self.rest.extend_from_slice(&block[..count]);
        let Some(end) = memchr_last(&self.rest) else {
            if self.rest.len() > MAX_ENTRY {
                return Err(io::Error::other("the log is damaged: an entry has no end"));
            }
            return Ok(Some(Bytes::new()));
        };
        let tail = self.rest.split_off(end + 1);
        let entries = std::mem::replace(&mut self.rest, tail);
        let mut out = Vec::with_capacity(entries.len());
        for entry in entries.split_inclusive(|b| *b == b'\n') {
            self.show(&entry[..entry.len() - 1], &mut out);
        }
        out.truncate(self.room.min(usize::MAX as u64) as usize);
        self.room -= out.len() as u64;
        Ok(Some(out.into()))
    }

    fn show(&mut self, entry: &[u8], out: &mut Vec<u8>) {
        let mut fields = entry.splitn(4, |b| *b == b' ');
        let (Some(time), Some(stream), Some(tag)) = (fields.next(), fields.next(), fields.next()) else { return };
        let text = fields.next().unwrap_or_default();
        if self.options.stream.is_some_and(|wanted| wanted.as_bytes() != stream) {
            return;
        }
        if let Some(since) = self.options.since {
            let parsed = std::str::from_utf8(time).ok().and_then(|t| t.parse::<Timestamp>().ok());
            if parsed.is_some_and(|t| t < since) {
                return;
            }
        }
        let begins = &mut self.line_begins[(stream == b"stderr") as usize];
        if self.options.timestamps && *begins {
            out.extend_from_slice(time);
            out.push(b' ');
        }
        out.extend_from_slice(text);
        *begins = tag.first() != Some(&b'P');
        if *begins {
            out.push(b'\n');
        }
    }

    /// The file after the one we read, if there is one.
    fn newer(&self) -> io::Result<Option<PathBuf>> {
        let mut files = rotated(&self.path);
        files.push(self.path.clone());
        let inode = |path: &PathBuf| std::fs::metadata(path).map(|m| m.ino()).ok();
        let at = files.iter().position(|path| inode(path) == Some(self.inode));
        Ok(match at {
            Some(at) => files[at + 1..].iter().find(|path| inode(path).is_some()).cloned(),
            // Ours was old and has been removed: go on with the oldest that is left.
            None => files.into_iter().find(|path| inode(path).is_some()),
        })
    }
}

fn memchr_last(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|b| *b == b'\n')
}

/// Where the last `lines` entries begin: file and offset.
async fn tail_start(path: &Path, lines: u64) -> io::Result<(PathBuf, u64)> {
    let mut files = rotated(path);
    files.push(path.to_path_buf());
    let mut wanted = lines;
    let mut start = (path.to_path_buf(), std::fs::metadata(path)?.len());
    if lines == 0 {
        return Ok(start);
    }
    let mut block = vec![0; BLOCK];
    for file_path in files.iter().rev() {
        let Ok(mut file) = File::open(file_path).await else { continue };
        let length = file.metadata().await?.len();
        let mut end = length;
        while end > 0 {
            let begin = end.saturating_sub(BLOCK as u64);
            let piece = &mut block[..(end - begin) as usize];
            file.seek(SeekFrom::Start(begin)).await?;
            file.read_exact(piece).await?;
            for at in (0..piece.len()).rev().filter(|at| piece[*at] == b'\n') {
                let position = begin + at as u64 + 1;
                if position == length {
                    continue; // ends the last entry, begins none
                }
                wanted -= 1;
                if wanted == 0 {
                    return Ok((file_path.clone(), position));
                }
            }
            end = begin;
        }
        start = (file_path.clone(), 0);
        if length > 0 {
            wanted -= 1;
            if wanted == 0 {
                return Ok(start);
            }
        }
    }
    Ok(start)
}
