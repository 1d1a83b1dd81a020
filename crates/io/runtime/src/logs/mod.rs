//! Container logs in CRI format (`<rfc3339nano> stdout F line`): writing with rotation, reading and following.

mod reader;
mod watch;
pub(crate) mod writer;

use crate::error::{Error, Result};
use bytes::Bytes;
use jiff::Timestamp;
use std::path::Path;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Chunks between reader and consumer: a slow consumer stops the reader, nothing is kept in memory.
const QUEUE: usize = 4;

/// What part of a log is wanted, and how.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Go on with what is written later, until the container ends.
    pub follow: bool,
    pub since: Option<Timestamp>,
    /// Only so many lines from the end.
    pub tail: Option<u64>,
    /// Put each line's time in front.
    pub timestamps: bool,
    /// Stop after so many bytes.
    pub limit_bytes: Option<u64>,
    /// `stdout` or `stderr` only; absent means both.
    pub stream: Option<&'static str>,
}

/// Whole lines, several to a chunk. Ends after an error.
pub type LogStream = mpsc::Receiver<std::io::Result<Bytes>>;

/// Reads a log file and its rotated predecessors. With `follow`, until `ended` is cancelled and all is read; dropping
/// the stream ends it too.
pub async fn read(path: &Path, options: LogOptions, ended: CancellationToken) -> Result<LogStream> {
    let failed = || Error::io(format!("cannot read the log {}", path.display()));
    // Watching begins before reading: what is written in between is seen either way.
    let changes = if options.follow { Some(watch::Changes::of(path).map_err(failed())?) } else { None };
    let reader = reader::Reader::open(path, options).await.map_err(failed())?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(pump(reader, changes, ended, sender));
    Ok(receiver)
}

async fn pump(
    mut reader: reader::Reader,
    mut changes: Option<watch::Changes>,
    ended: CancellationToken,
    sender: mpsc::Sender<std::io::Result<Bytes>>,
) {
    loop {
        // Asked before reading: whatever was written before the end is then read.
        let last = changes.is_none() || ended.is_cancelled();
        loop {
            match reader.next().await {
                Ok(Some(chunk)) if chunk.is_empty() && sender.is_closed() => return,
                Ok(Some(chunk)) if chunk.is_empty() => {}
                Ok(Some(chunk)) => {
                    if sender.send(Ok(chunk)).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            }
        }
        let Some(changes) = changes.as_mut().filter(|_| !last && !reader.is_full()) else { return };
        tokio::select! {
            outcome = changes.next() => if outcome.is_err() { return },
            () = ended.cancelled() => {}
            () = sender.closed() => return,
        }
    }
}
