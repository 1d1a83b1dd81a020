//! The agent's end of a shim's socket: questions and answers on one connection, and sessions on their own.

use super::protocol::{self, Call, Failure, Message, Record, Reply, Request};
use bytes::BytesMut;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

/// Why a call failed.
#[derive(Debug)]
pub enum CallError {
    /// The shim said no.
    Refused(Failure),
    /// The connection is gone.
    Gone(String),
}

type Waiting = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Result<Reply, Failure>>>>>>;

/// The connection that asks and hears of exits.
pub struct Client {
    socket: Arc<UnixStream>,
    waiting: Waiting,
    next: AtomicU64,
    sending: tokio::sync::Mutex<()>,
}

impl Client {
    /// Connects, subscribes. Exits come in the receiver, which ends with the connection.
    pub async fn connect(path: &Path) -> io::Result<(Self, mpsc::UnboundedReceiver<Record>, i32, Option<i32>)> {
        let socket = Arc::new(UnixStream::connect(path).await?);
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        // Unbounded: an exit must not be lost; the number of containers in a pod bounds it.
        let (exits, receiver) = mpsc::unbounded_channel();
        tokio::spawn(read_messages(socket.clone(), waiting.clone(), exits));
        let client = Self { socket, waiting, next: AtomicU64::new(1), sending: tokio::sync::Mutex::new(()) };
        match client.call(Call::Subscribe).await {
            Ok(Reply::Subscribed { pid, pod_pid_ns }) => Ok((client, receiver, pid, pod_pid_ns)),
            Ok(_) => Err(io::Error::other("the shim gave a wrong answer")),
            Err(CallError::Refused(failure)) => Err(io::Error::other(failure.message)),
            Err(CallError::Gone(problem)) => Err(io::Error::other(problem)),
        }
    }

    pub async fn call(&self, call: Call) -> Result<Reply, CallError> {
        let gone = |problem: &str| CallError::Gone(problem.to_string());
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.as_mut().ok_or_else(|| gone("its connection is closed"))?.insert(id, sender);
        }
        let frame = protocol::encode(&Request { id, call });
        {
            let _order = self.sending.lock().await;
            write_all(&self.socket, &frame).await.map_err(|e| gone(&e.to_string()))?;
        }
        match receiver.await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(failure)) => Err(CallError::Refused(failure)),
            Err(_) => Err(gone("it ended during the call")),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

async fn write_all(socket: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn read_messages(socket: Arc<UnixStream>, waiting: Waiting, exits: mpsc::UnboundedSender<Record>) {
    let mut buffer = Vec::new();
    let mut chunk = BytesMut::with_capacity(16 << 10);
    'reading: while socket.readable().await.is_ok() {
        chunk.clear();
        match socket.try_read_buf(&mut chunk) {
            Ok(0) => break,
            Ok(_) => buffer.extend_from_slice(&chunk),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        }
        loop {
            let frame = match protocol::take_frame(&mut buffer) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(()) => break 'reading,
            };
            let answer = match serde_json::from_slice::<Message>(&frame) {
                Ok(Message::Ok { id, reply }) => (id, Ok(reply)),
                Ok(Message::Failed { id, failure }) => (id, Err(failure)),
                Ok(Message::Exited(record)) => {
                    let _ = exits.send(record);
                    continue;
                }
                Ok(Message::SessionEnded { .. }) => continue,
                Err(_) => break 'reading,
            };
            let sender =
                waiting.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|w| w.remove(&answer.0));
            if let Some(sender) = sender {
                let _ = sender.send(answer.1);
            }
        }
    }
    // All who still wait learn that nobody will answer.
    *waiting.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// A connection of its own for exec or attach. Dropping it ends the session.
pub struct Session {
    socket: UnixStream,
    incoming: Vec<u8>,
    fds: Vec<OwnedFd>,
}

impl Session {
    /// Sends the call with descriptors, and reads the answer with its descriptor.
    pub async fn open(
        path: &Path,
        call: Call,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(Self, Reply, Option<OwnedFd>), CallError> {
        let gone = |e: io::Error| CallError::Gone(e.to_string());
        let socket = UnixStream::connect(path).await.map_err(gone)?;
        let frame = protocol::encode(&Request { id: 1, call });
        let sent = loop {
            socket.writable().await.map_err(gone)?;
            let send = || protocol::send(socket.as_fd(), &frame, fds).map_err(io::Error::from);
            match socket.try_io(Interest::WRITABLE, send) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(gone(error)),
            }
        };
        write_all(&socket, &frame[sent..]).await.map_err(gone)?;
        let mut session = Self { socket, incoming: Vec::new(), fds: Vec::new() };
        match session.next().await.map_err(gone)? {
            Message::Ok { reply, .. } => {
                let fd = session.fds.pop();
                Ok((session, reply, fd))
            }
            Message::Failed { failure, .. } => Err(CallError::Refused(failure)),
            _ => Err(CallError::Gone("the shim gave a wrong answer".into())),
        }
    }

    /// The exit code of what the session runs or watches.
    pub async fn ended(&mut self) -> io::Result<i32> {
        loop {
            if let Message::SessionEnded { code } = self.next().await? {
                return Ok(code);
            }
        }
    }

    async fn next(&mut self) -> io::Result<Message> {
        let mut chunk = [0u8; 4096];
        loop {
            let nonsense = || io::Error::other("the shim sent nonsense");
            if let Some(frame) = protocol::take_frame(&mut self.incoming).map_err(|()| nonsense())? {
                return serde_json::from_slice(&frame).map_err(|_| nonsense());
            }
            self.socket.readable().await?;
            let (socket, fds) = (&self.socket, &mut self.fds);
            let receive = || protocol::receive(socket.as_fd(), &mut chunk, fds).map_err(io::Error::from);
            match socket.try_io(Interest::READABLE, receive) {
                Ok(0) => return Err(io::Error::other("the shim ended the session")),
                Ok(count) => self.incoming.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}
