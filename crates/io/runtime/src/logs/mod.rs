//! Container logs in CRI format (`<rfc3339nano> stdout F line`): writing with rotation, reading and following.

pub mod writer;

use crate::error::{Error, Result};
use bytes::Bytes;
use jiff::Timestamp;
use std::path::Path;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

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

/// Reads a log file and its rotated predecessors. With `follow`, until `ended` is cancelled and all is read.
pub async fn read(_path: &Path, _options: LogOptions, _ended: CancellationToken) -> Result<LogStream> {
    Err(Error::Other("not in this build yet".into()))
}
