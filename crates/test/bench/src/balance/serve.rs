//! The servers behind the balancer.

use super::poll::Poll;
use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// 141 bytes with head and body.
pub const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: bench\r\nX-Filler: 0123456789abcdef\r\nContent-Length: 32\r\n\r\nabcdefghijklmnopqrstuvwxyz012345";

/// What a request of the load programs looks like.
pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

/// Answers each request on each connection, in one thread, for ever.
pub fn requests(listener: TcpListener) {
    const LISTENER: u64 = u64::MAX;
    let mut poll = Poll::new();
    listener.set_nonblocking(true).expect("a listener that does not block");
    poll.readable(&listener, LISTENER);
    let mut connections: HashMap<u64, TcpStream> = HashMap::new();
    let mut next = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        for key in poll.wait(None) {
            if key == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    // A connection that is gone already says so when it is read.
                    _ = stream.set_nonblocking(true);
                    _ = stream.set_nodelay(true);
                    poll.readable(&stream, next);
                    connections.insert(next, stream);
                    next += 1;
                }
            } else if connections.get_mut(&key).is_some_and(|stream| !answer(stream, &mut buffer)) {
                connections.remove(&key);
            }
        }
    }
}

/// Whether the connection lives on.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    match stream.read(buffer) {
        Ok(0) => false,
        Ok(count) => {
            let requests = memchr::memmem::find_iter(&buffer[..count], b"\r\n\r\n").count();
            (0..requests).all(|_| stream.write_all(ANSWER).is_ok())
        }
        Err(error) => super::poll::would_block(&error),
    }
}

/// Sends to each client as much as it takes, without touching a byte itself.
pub fn bulk(listener: TcpListener) {
    let file = memfd_create("bulk", MemfdFlags::CLOEXEC).expect("a file in memory");
    let size = 64 << 20;
    rustix::fs::ftruncate(&file, size as u64).expect("64 MB of memory");
    let file = std::sync::Arc::new(file);
    for stream in listener.incoming().flatten() {
        let file = file.clone();
        std::thread::spawn(move || {
            loop {
                let mut offset = 0;
                while offset < size as u64 {
                    if sendfile(&stream, &*file, Some(&mut offset), size).is_err() {
                        return;
                    }
                }
            }
        });
    }
}
