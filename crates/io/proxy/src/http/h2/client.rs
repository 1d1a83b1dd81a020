//! Connections of HTTP/2 to servers: one carries the requests of many clients.

use super::Limits;
use crate::stream::Stream;
use bytes::Bytes;
use std::cell::Cell;
use std::io;
use std::rc::Rc;

/// A connection with room for streams.
pub struct Mux {
    send: h2::client::SendRequest<Bytes>,
    streams: Cell<u32>,
    most: u32,
    closed: Rc<Cell<bool>>,
    pub https: bool,
    /// The server's, when the connection was made.
    pub epoch: u32,
}

/// A stream's place on its connection, given back when dropped.
pub struct Slot(pub Rc<Mux>);

impl Mux {
    /// Begins to speak HTTP/2 on a connection.
    ///
    /// # Errors
    /// What came back was not HTTP/2.
    pub async fn open(stream: Stream, limits: &Limits, epoch: u32) -> io::Result<Rc<Self>> {
        let https = matches!(stream, Stream::Tls(_));
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(limits.window)
            .initial_connection_window_size(super::CONNECTION_WINDOW.max(limits.window))
            .max_frame_size(limits.frame)
            .max_header_list_size(limits.head)
            .header_table_size(limits.table)
            .max_send_buffer_size(super::SEND_BUFFER);
        let (send, connection) = builder.handshake::<_, Bytes>(stream).await.map_err(io::Error::other)?;
        let closed = Rc::new(Cell::new(false));
        let ended = closed.clone();
        tokio::task::spawn_local(async move {
            // How it ended is what each of its streams is told, too.
            _ = connection.await;
            ended.set(true);
        });
        Ok(Rc::new(Self { send, streams: Cell::new(0), most: limits.streams.max(1), closed, https, epoch }))
    }

    /// Whether another request can go over it now.
    pub fn has_room(&self) -> bool {
        let most = self.most.min(u32::try_from(self.send.current_max_send_streams()).unwrap_or(u32::MAX));
        !self.closed.get() && self.streams.get() < most
    }

    pub fn is_idle(&self) -> bool {
        self.streams.get() == 0
    }

    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub fn take(self: &Rc<Self>) -> Slot {
        self.streams.set(self.streams.get() + 1);
        Slot(self.clone())
    }

    /// Sends a request's head. Nothing is waited for: there is room, or the server says how much there was.
    ///
    /// # Errors
    /// The connection has ended, or takes no more streams.
    pub fn send(
        &self,
        request: http::Request<()>,
        ended: bool,
    ) -> Result<(h2::client::ResponseFuture, h2::SendStream<Bytes>), h2::Error> {
        self.send.clone().send_request(request, ended)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
    }
}
