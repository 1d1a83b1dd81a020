//! Reads a log across its rotated files, oldest first, and turns CRI entries into what users see.
//!
//! Invariant: every entry once, in order, also when the log is rotated while it is read. Files are followed by inode:
//! a file is left only when a newer one exists and the old one is read to its end after that was seen. Names are looked up
//! and opened in two steps, between which a rotation may give them to other files: what was opened is compared, and looked
//! up again if it is another.

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
/// Rotations that may come between looking a file up and opening it before a missing log is an error. A rotation takes a
/// moment and is followed by megabytes of log: one is rare.
const ROTATIONS_MET: u32 = 100;

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
    /// How often in a row the file being read was not among the log's files.
    astray: u32,
}

impl Reader {
    pub async fn open(path: &Path, options: LogOptions) -> io::Result<Self> {
        let mut tries = ROTATIONS_MET;
        let (mut file, offset) = loop {
            match start(path, options.tail).await? {
                Some(found) => break found,
                None if tries == 0 => return Err(io::ErrorKind::NotFound.into()),
                None => tries -= 1,
            }
        };
        file.seek(SeekFrom::Start(offset)).await?;
        let inode = file.metadata().await?.ino();
        let room = options.limit_bytes.unwrap_or(u64::MAX);
        Ok(Self { path: path.into(), options, file, inode, rest: Vec::new(), line_begins: [true; 2], room, astray: 0 })
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
            let newer = match self.newer().await? {
                Newer::None => return Ok(None),
                Newer::Unclear => return Ok(Some(Bytes::new())),
                Newer::File(file) => file,
            };
            count = self.file.read(&mut block).await?;
            if count == 0 {
                self.inode = newer.metadata().await?.ino();
                self.file = newer;
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

    /// The file after the one we read.
    async fn newer(&mut self) -> io::Result<Newer> {
        let Some(files) = Files::list(&self.path) else { return Ok(Newer::Unclear) };
        let next = match files.0.iter().position(|(_, inode)| *inode == self.inode) {
            Some(at) => files.0.get(at + 1),
            // Ours was old and has been removed: go on with the oldest that is left.
            None if self.file.metadata().await?.nlink() == 0 => files.0.first(),
            // Ours was renamed while we looked, or somebody else moved it away.
            None if self.astray < ROTATIONS_MET => {
                self.astray += 1;
                return Ok(Newer::Unclear);
            }
            None => return Err(io::Error::other("the log file was moved away while it was read")),
        };
        self.astray = 0;
        let Some(next) = next else { return Ok(Newer::None) };
        Ok(open(next).await?.map_or(Newer::Unclear, Newer::File))
    }
}

/// What follows the file being read.
enum Newer {
    None,
    File(File),
    /// A rotation is under way: look again.
    Unclear,
}

/// The files of a log and their inodes, oldest first.
struct Files(Vec<(PathBuf, u64)>);

impl Files {
    /// None: a rotation came in between, so a file may be missing in the list.
    fn list(path: &Path) -> Option<Self> {
        let inode = |path: &Path| std::fs::metadata(path).ok().map(|file| file.ino());
        let newest = inode(path);
        let old = rotated(path).into_iter().filter_map(|path| inode(&path).map(|inode| (path, inode)));
        let files = old.chain(newest.map(|inode| (path.to_path_buf(), inode))).collect();
        (inode(path) == newest).then_some(Self(files))
    }
}

/// None: the name now belongs to another file, or to none.
async fn open((path, inode): &(PathBuf, u64)) -> io::Result<Option<File>> {
    match File::open(path).await {
        Ok(file) if file.metadata().await?.ino() == *inode => Ok(Some(file)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}

/// The file to begin with, and where in it. None: a rotation came in between, or there is no file.
async fn start(path: &Path, tail: Option<u64>) -> io::Result<Option<(File, u64)>> {
    let Some(Files(files)) = Files::list(path) else { return Ok(None) };
    if let Some(lines) = tail {
        return tail_start(&files, lines).await;
    }
    let Some(oldest) = files.first() else { return Ok(None) };
    Ok(open(oldest).await?.map(|file| (file, 0)))
}

fn memchr_last(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|b| *b == b'\n')
}

/// Where the last `lines` entries begin: file and offset.
async fn tail_start(files: &[(PathBuf, u64)], lines: u64) -> io::Result<Option<(File, u64)>> {
    let mut wanted = lines;
    let mut start = None;
    let mut block = vec![0; BLOCK];
    for listed in files.iter().rev() {
        let Some(mut file) = open(listed).await? else { return Ok(None) };
        if lines == 0 {
            let end = file.metadata().await?.len();
            return Ok(Some((file, end)));
        }
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
                    return Ok(Some((file, position)));
                }
            }
            end = begin;
        }
        start = Some((file, 0));
        if length > 0 {
            wanted -= 1;
            if wanted == 0 {
                return Ok(start);
            }
        }
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::writer::{Source, Writer};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A rotation every few lines, as fast as they can be written, while somebody reads along.
    #[test]
    fn rotations_lose_and_repeat_nothing() {
        const LINES: usize = 20_000;
        let folder = std::env::temp_dir().join(format!("barque-reader-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("0.log");
        // All files are kept: what a slow reader misses because it was removed is another matter.
        let mut writer = Writer::open(&path, 2000, u32::MAX).unwrap();
        writer.write(Source::Stdout, b"0\n", Timestamp::now());
        let done = AtomicBool::new(false);
        let read = std::thread::scope(|scope| {
            scope.spawn(|| {
                for line in 1..LINES {
                    writer.write(Source::Stdout, format!("{line}\n").as_bytes(), Timestamp::now());
                }
                done.store(true, Ordering::Release);
            });
            let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
            tokio.block_on(async {
                let mut reader = Reader::open(&path, LogOptions::default()).await.unwrap();
                let mut all = Vec::new();
                loop {
                    let last = done.load(Ordering::Acquire);
                    while let Some(chunk) = reader.next().await.unwrap() {
                        all.extend_from_slice(&chunk);
                    }
                    if last {
                        break all;
                    }
                }
            })
        });
        let read = String::from_utf8(read).unwrap();
        let lines: Vec<usize> = read.lines().map(|line| line.parse().unwrap()).collect();
        let gaps: Vec<_> = lines.windows(2).filter(|w| w[1] != w[0] + 1).map(|w| (w[0], w[1])).collect();
        assert!(
            lines.iter().copied().eq(0..LINES),
            "{} lines, the first {:?}, gaps {gaps:?}",
            lines.len(),
            lines.first()
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
