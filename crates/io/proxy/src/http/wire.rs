//! A connection that speaks HTTP/1, of either side: what has come and waits, what is to go.
//!
//! Reads go into the worker's buffer. Only what cannot be used at once is kept, so that an idle connection owns no
//! buffer at all.

use crate::stream::Stream;
use balance::http::parse::Invalid;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub struct Wire {
    pub stream: Stream,
    /// Read, but not dealt with: part of a head, a body's beginning, the next request.
    unread: Vec<u8>,
    /// As many bytes of it are known not to be a whole head.
    looked: usize,
    unsent: Vec<u8>,
    sent: usize,
    /// Bytes sent in all.
    total: u64,
    /// The peer has said all it had to say.
    ended: bool,
}

/// Why there is no head.
#[derive(Debug)]
pub enum NoHead {
    /// The peer closed without a byte.
    Closed,
    /// The peer closed inside it.
    Cut,
    Invalid(Invalid),
    Broken(io::Error),
}

impl Wire {
    /// With bytes that were read before.
    pub fn new(stream: Stream, unread: Vec<u8>) -> Self {
        Self { stream, unread, looked: 0, unsent: Vec::new(), sent: 0, total: 0, ended: false }
    }

    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// Takes what was read and not dealt with. What is left of it is to be given back with [`Wire::keep`].
    pub fn take_unread(&mut self) -> Vec<u8> {
        self.looked = 0;
        std::mem::take(&mut self.unread)
    }

    /// Keeps bytes for whoever reads next.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Bytes that wait to be sent.
    pub fn unsent(&self) -> usize {
        self.unsent.len() - self.sent
    }

    /// Bytes sent in all: a mark for [`Wire::unsend`].
    pub fn total_sent(&self) -> u64 {
        self.total
    }

    /// Forgets what waits, if nothing has been sent since the mark.
    pub fn unsend(&mut self, mark: Option<u64>) -> bool {
        let untouched = mark == Some(self.total);
        if untouched {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
        untouched
    }

    /// For whoever has more to send; [`Wire::poll_flush`] does.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    /// Reads what is there now; nothing at the end.
    pub fn poll_read<'b>(&mut self, cx: &mut Context<'_>, buffer: &'b mut [u8]) -> Poll<io::Result<&'b [u8]>> {
        let mut read = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        let count = read.filled().len();
        self.ended |= count == 0;
        Poll::Ready(Ok(&buffer[..count]))
    }

    /// Sends at once what goes, and keeps the rest.
    pub fn send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        if self.unsent() == 0
            && let Poll::Ready(count) = Pin::new(&mut self.stream).poll_write(cx, bytes)
        {
            sent = count?;
            self.total += sent as u64;
        }
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    /// Sends what waits. Memory for it is given back once all is gone.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unsent() > 0 {
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unsent[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
            self.total += count as u64;
        }
        if self.sent > 0 {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
        match &mut self.stream {
            stream @ Stream::Tls(_) => Pin::new(stream).poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Reads until a head is whole. `parse` gets all bytes there are of it.
    ///
    /// # Errors
    /// [`NoHead`]
    pub fn poll_head<T>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        limit: usize,
        mut parse: impl FnMut(&[u8]) -> Result<Option<(usize, T)>, Invalid>,
    ) -> Poll<Result<T, NoHead>> {
        // What was looked at before says no more than then.
        if self.looked != self.unread.len()
            && let Some((used, parsed)) = Self::look(&self.unread, &mut parse)?
        {
            return Poll::Ready(Ok(self.head(used, parsed)));
        }
        self.looked = self.unread.len();
        loop {
            let bytes = ready!(self.poll_read(cx, buffer)).map_err(NoHead::Broken)?;
            if bytes.is_empty() {
                return Poll::Ready(Err(if self.unread.is_empty() { NoHead::Closed } else { NoHead::Cut }));
            }
            if self.unread.is_empty() {
                let looked = Self::look(bytes, &mut parse);
                // What cannot be read is kept, too: it can be shown then.
                let used = if let Ok(Some((used, _))) = looked { used } else { 0 };
                self.unread.extend_from_slice(&bytes[used..]);
                if let Some((_, parsed)) = looked? {
                    return Poll::Ready(Ok(parsed));
                }
                self.looked = self.unread.len();
                continue;
            }
            self.unread.extend_from_slice(bytes);
            // Without a line's end nothing new can be said: who sends single bytes shall not cost a parse each.
            if (bytes.contains(&b'\n') || self.unread.len() >= limit)
                && let Some((used, parsed)) = Self::look(&self.unread, &mut parse)?
            {
                return Poll::Ready(Ok(self.head(used, parsed)));
            }
            self.looked = self.unread.len();
        }
    }

    fn head<T>(&mut self, used: usize, parsed: T) -> T {
        self.unread.drain(..used);
        self.looked = 0;
        parsed
    }

    fn look<T>(
        bytes: &[u8],
        parse: &mut impl FnMut(&[u8]) -> Result<Option<(usize, T)>, Invalid>,
    ) -> Result<Option<(usize, T)>, NoHead> {
        if bytes.is_empty() { Ok(None) } else { parse(bytes).map_err(NoHead::Invalid) }
    }

    /// Waits for the first byte of a message, without reading it where the kernel can keep it.
    pub fn poll_stirs(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<bool>> {
        if !self.unread.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let bytes = ready!(self.poll_read(cx, buffer))?;
        self.unread.extend_from_slice(bytes);
        Poll::Ready(Ok(!bytes.is_empty()))
    }

    /// Reads more of what has begun to come; false at the end.
    pub fn poll_more(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<bool>> {
        let bytes = ready!(self.poll_read(cx, buffer))?;
        self.unread.extend_from_slice(bytes);
        Poll::Ready(Ok(!bytes.is_empty()))
    }

    /// Whether an idle connection can be used: nothing has come, and it has not ended.
    pub fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut byte = [0];
        self.unread.is_empty() && !self.ended && self.poll_read(&mut cx, &mut byte).is_pending()
    }

    /// Gives memory back: nothing is going on.
    pub fn rest(&mut self) {
        if self.unread.is_empty() {
            self.unread = Vec::new();
        }
    }
}
