//! Writes a container's output in CRI format, with rotation. Runs in the shim.
//!
//! Invariants
//! - A line is written whole or, above [`MAX_LINE`], in parts marked `P`; what came is written exactly once, in order.
//! - When the disk is full nothing is dropped: [`Writer::blocked`] tells the caller to stop reading until it works again.

use jiff::Timestamp;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Longest line, bytes; longer ones are cut into parts. Upstream: containerd `max_container_log_line_size`.
const MAX_LINE: usize = 16 << 10;

#[derive(Clone, Copy)]
pub enum Source {
    Stdout = 0,
    Stderr = 1,
}

pub struct Writer {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    max_bytes: u64,
    max_files: u32,
    /// Begun lines, by source.
    lines: [Vec<u8>; 2],
    /// Formatted but not yet written: not empty only while the disk refuses.
    pending: Vec<u8>,
}

impl Writer {
    /// Appends to the file. `max_files` includes the current one.
    pub fn open(path: &Path, max_bytes: u64, max_files: u32) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        let lines = [Vec::new(), Vec::new()];
        Ok(Self { path: path.into(), file: Some(file), size, max_bytes, max_files, lines, pending: Vec::new() })
    }

    pub fn blocked(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes in output.
    pub fn write(&mut self, source: Source, mut data: &[u8], now: Timestamp) {
        while !data.is_empty() {
            let line = &mut self.lines[source as usize];
            let room = MAX_LINE - line.len();
            match data.iter().take(room).position(|b| *b == b'\n') {
                Some(end) => {
                    line.extend_from_slice(&data[..end]);
                    data = &data[end + 1..];
                    self.emit(source, 'F', now);
                }
                None => {
                    let take = data.len().min(room);
                    line.extend_from_slice(&data[..take]);
                    data = &data[take..];
                    if line.len() == MAX_LINE {
                        self.emit(source, 'P', now);
                    }
                }
            }
        }
        self.flush();
    }

    /// Writes begun lines: nothing more comes.
    pub fn finish(&mut self, now: Timestamp) {
        for source in [Source::Stdout, Source::Stderr] {
            if !self.lines[source as usize].is_empty() {
                self.emit(source, 'P', now);
            }
        }
        self.flush();
    }

    fn emit(&mut self, source: Source, tag: char, now: Timestamp) {
        let name = match source {
            Source::Stdout => "stdout",
            Source::Stderr => "stderr",
        };
        let _ = write!(self.pending, "{now} {name} {tag} ");
        self.pending.append(&mut self.lines[source as usize]);
        self.pending.push(b'\n');
    }

    /// Tries to write what is pending.
    pub fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        if self.size > 0 && self.size + self.pending.len() as u64 > self.max_bytes && self.pending_is_whole() {
            self.rotate();
        }
        if self.file.is_none() {
            self.file = OpenOptions::new().create(true).append(true).open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return };
        while !self.pending.is_empty() {
            match file.write(&self.pending) {
                Ok(count) => {
                    self.size += count as u64;
                    self.pending.drain(..count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
        // Bursts must not keep their memory for ever.
        self.pending.shrink_to(MAX_LINE);
    }

    /// A line begun in one file is not ended in the next.
    fn pending_is_whole(&self) -> bool {
        self.pending.first().is_some_and(u8::is_ascii_digit)
    }

    /// `0.log` becomes `0.log.20261122-190000.000000001`; the names sort by age.
    fn rotate(&mut self) {
        let stamp = Timestamp::now().to_string().replace(['-', ':', 'Z'], "").replace('T', "-");
        let mut target = self.path.clone().into_os_string();
        target.push(format!(".{stamp}"));
        if std::fs::rename(&self.path, target).is_err() {
            return;
        }
        self.file = None;
        self.size = 0;
        let old = rotated(&self.path);
        let keep = (self.max_files.max(2) - 1) as usize;
        for path in old.iter().take(old.len().saturating_sub(keep)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Rotated predecessors of a log file, oldest first.
pub fn rotated(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Vec::new();
    };
    let prefix = format!("{name}.");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|e| e.file_name().to_str().is_some_and(|n| n.starts_with(&prefix)))
        .map(|e| e.path())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("barque-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn formats_lines_and_parts() {
        let folder = folder("format");
        let path = folder.join("0.log");
        let now: Timestamp = "2026-11-22T19:00:00.000000001Z".parse().unwrap();
        let mut writer = Writer::open(&path, 1 << 20, 5).unwrap();
        writer.write(Source::Stdout, b"one\ntw", now);
        writer.write(Source::Stderr, b"err\n", now);
        writer.write(Source::Stdout, b"o\n", now);
        writer.write(Source::Stdout, &[b'x'; MAX_LINE + 3], now);
        writer.finish(now);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> =
            text.lines().map(|l| l.strip_prefix("2026-11-22T19:00:00.000000001Z ").unwrap()).collect();
        assert_eq!(lines[..3], ["stdout F one", "stderr F err", "stdout F two"]);
        assert_eq!((lines[3].len(), lines[4]), ("stdout P ".len() + MAX_LINE, "stdout P xxx"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn rotates_and_keeps_few() {
        let folder = folder("rotate");
        let path = folder.join("0.log");
        let mut writer = Writer::open(&path, 1000, 3).unwrap();
        for i in 0..100 {
            writer.write(Source::Stdout, format!("line {i:03} {}\n", "y".repeat(50)).as_bytes(), Timestamp::now());
        }
        let old = rotated(&path);
        assert_eq!(old.len(), 2);
        let newest = std::fs::read_to_string(&path).unwrap();
        assert!(newest.ends_with(&format!("line 099 {}\n", "y".repeat(50))));
        let before = std::fs::read_to_string(&old[1]).unwrap();
        assert!(before.len() <= 1000 && before.ends_with('\n'));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
