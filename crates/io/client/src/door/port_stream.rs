//! Two channels of a link as one stream of bytes to a port.

use super::{ExitStatus, PortStream};
use bytes::Bytes;
use futures_util::{SinkExt, stream};
use std::io;
use tokio::sync::{mpsc, oneshot};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};
use tokio_util::sync::PollSender;

/// Shut down for writing, it goes on being read. Where the link failed, reading ends in an error.
pub fn port_stream(
    incoming: mpsc::Receiver<Bytes>,
    outgoing: mpsc::Sender<Bytes>,
    status: oneshot::Receiver<ExitStatus>,
) -> impl PortStream {
    let chunks = stream::unfold((incoming, status), |(mut incoming, mut status)| async {
        let chunk = match incoming.recv().await {
            Some(chunk) => Ok(chunk),
            None => match status.try_recv() {
                Ok(ExitStatus::Failed(text)) => Err(io::Error::other(text)),
                // The port has no more to say; it may still listen.
                _ => return None,
            },
        };
        Some((chunk, (incoming, status)))
    });
    let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the stream to the port has ended");
    let writer = SinkWriter::new(CopyToBytes::new(PollSender::new(outgoing).sink_map_err(gone)));
    tokio::io::join(StreamReader::new(Box::pin(chunks)), writer)
}
