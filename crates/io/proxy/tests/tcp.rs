//! tcp mode over sockets: what a slow reader gets, whatever way its bytes took.

mod start;

use proxy::Engine;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// More than all buffers on the way hold together.
const BYTES: usize = 24 << 20;

/// Longer than any step takes.
const LIMIT: Duration = Duration::from_secs(10);

/// A balancer before this server.
fn balancer(server: SocketAddr) -> (Arc<Engine>, SocketAddr) {
    start::listen(
        "mode tcp\n timeout connect 1s\n timeout client 9s\n timeout server 9s",
        &format!("server s {server}"),
    )
}

/// The byte at this place: a period that fits into no buffer, so that lost or doubled parts show.
fn byte(place: usize) -> u8 {
    (place % 251) as u8
}

/// A server that sends everything in writes of this size, then closes.
fn send_all(piece: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).expect("a live connection");
        let all: Vec<u8> = (0..BYTES).map(byte).collect();
        all.chunks(piece).for_each(|piece| stream.write_all(piece).expect("a reader"));
    });
    address
}

/// Reads to the end, resting often enough that all buffers on the way are full most of the time.
fn read_slowly(address: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(address).expect("the balancer listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let mut buffer = vec![0; 256 * 1024];
    let (mut place, mut rests) = (0, 0);
    loop {
        if place >= rests * (BYTES / 40) {
            std::thread::sleep(Duration::from_millis(10));
            rests += 1;
        }
        let count = stream.read(&mut buffer).expect("bytes in time");
        if count == 0 {
            return place;
        }
        let wrong = buffer[..count].iter().enumerate().find(|(at, got)| **got != byte(place + at));
        assert!(wrong.is_none(), "another byte at {}", place + wrong.map_or(0, |(at, _)| at));
        place += count;
    }
}

#[test]
fn a_slow_reader_gets_all_of_a_large_answer() {
    let (_engine, address) = balancer(send_all(1 << 20));
    assert_eq!(read_slowly(address), BYTES);
}

#[test]
fn a_slow_reader_gets_all_of_many_small_pieces() {
    let (_engine, address) = balancer(send_all(700));
    assert_eq!(read_slowly(address), BYTES);
}
