//! Taking listening sockets over from a process that serves (`-x`): ours, or a real HAProxy. It goes on accepting until
//! we tell it to stop, so that no client is refused in between.

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use socket2::SockRef;
use std::collections::HashMap;
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Descriptors in one message, HAProxy's number.
const PIECE: usize = 252;

/// Bytes that a message may have: a record for each descriptor, with names as long as they can be.
const RECORDS: usize = PIECE * (1 + 4096 + 1 + 16 + 4);

/// How long the other one may think.
const PATIENCE: Duration = Duration::from_secs(5);

/// More sockets than any configuration has: what claims more is not what we look for.
const MOST: usize = 100_000;

/// Sockets that another process listens on, by address. Unix sockets are not among them: a new one takes the place of
/// the old one in the file system in one step.
#[derive(Debug, Default)]
pub struct Inherited(HashMap<SocketAddr, Vec<OwnedFd>>);

impl Inherited {
    /// Asks the process behind a statistics socket for all of its listening sockets.
    ///
    /// # Errors
    /// HAProxy's text, with the reason.
    pub fn take_over(socket: &Path) -> Result<Self, String> {
        if socket == Path::new("/dev/null") {
            return Ok(Self::default());
        }
        let stream = UnixStream::connect(socket).map_err(|error| {
            let reason = crate::text::reason(&error);
            format!("Failed to connect to the old process socket '{}' : {reason}", socket.display())
        })?;
        let failed = |error: io::Error| format!("Failed to get the sockets from the old process! ({error})");
        receive(stream).map(Self::of).map_err(failed)
    }

    fn of(sockets: Vec<OwnedFd>) -> Self {
        let mut inherited = Self::default();
        for socket in sockets {
            let address = SockRef::from(&socket).local_addr().ok().and_then(|address| address.as_socket());
            if let Some(address) = address {
                inherited.0.entry(address).or_default().push(socket);
            }
        }
        inherited
    }

    /// Those of an address, if there are any.
    pub fn take(&mut self, address: &SocketAddr) -> Option<Vec<OwnedFd>> {
        let sockets = self.0.remove(address)?;
        sockets.iter().for_each(|socket| _ = SockRef::from(socket).set_nonblocking(true));
        Some(sockets)
    }
}

fn receive(mut stream: UnixStream) -> io::Result<Vec<OwnedFd>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"_getsocks\n")?;
    let mut count = [0; 4];
    stream.read_exact(&mut count)?;
    let count = usize::try_from(i32::from_ne_bytes(count)).ok().filter(|count| *count <= MOST);
    let count = count.ok_or_else(|| {
        io::Error::other("it answered something else: does its 'stats socket' say 'expose-fd listeners', level admin?")
    })?;
    let mut sockets = Vec::new();
    let mut records = vec![0; RECORDS];
    while sockets.len() < count {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PIECE))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let pieces = &mut [IoSliceMut::new(&mut records)];
        let message = recvmsg(&stream, pieces, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        for part in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = part {
                sockets.extend(received);
            }
        }
        if message.bytes == 0 {
            return Err(io::Error::other(format!("{count} sockets were promised, {} came", sockets.len())));
        }
        // Says only that they have come. After the last ones nobody waits for it.
        let come = i32::try_from(sockets.len()).unwrap_or(i32::MAX);
        _ = stream.write_all(&come.to_ne_bytes());
    }
    Ok(sockets)
}
