//! Lines to real sockets: levels, framing, readers that come back.

use super::*;
use balance::log::{Facility, Framing, Level};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

#[test]
fn lines_reach_their_targets() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let path = std::env::temp_dir().join(format!("barque-log-{}", std::process::id()));
    let unix = UnixDatagram::bind(&path).unwrap();
    let (logs, sender) = Logs::start().unwrap();
    let targets =
        [target(LogAddress::Udp(udp.local_addr().unwrap()), "1:2"), target(LogAddress::Unix(path.clone()), "1:1")];
    let logger = logs.logger(&targets, "haproxy", None).unwrap();
    logger.send(Level::Info, Now::default(), b"one");
    logger.send(Level::Debug, Now::default(), b"not bad enough");
    logger.send(Level::Alert, Now::default(), b"two");
    assert_eq!(receive(|buffer| unix.recv(buffer)), "one\n");
    assert_eq!(receive(|buffer| unix.recv(buffer)), "two\n");
    // A daemon that starts anew is found again.
    drop(unix);
    std::fs::remove_file(&path).unwrap();
    let unix = UnixDatagram::bind(&path).unwrap();
    logger.send(Level::Info, Now::default(), b"three");
    logs.stop(sender);
    assert_eq!(receive(|buffer| unix.recv(buffer)), "three\n");
    assert_eq!(receive(|buffer| udp.recv(buffer)), "one\n");
    assert_eq!(receive(|buffer| udp.recv(buffer)), "three\n");
    assert_eq!(logs.dropped(), 0);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn what_cannot_be_sent_is_counted() {
    let path = std::env::temp_dir().join("barque-log-nobody-listens-here");
    let (logs, sender) = Logs::start().unwrap();
    let logger = logs.logger(&[target(LogAddress::Unix(path), "1:1")], "haproxy", None).unwrap();
    logger.send(Level::Info, Now::default(), b"lost");
    logs.stop(sender);
    assert_eq!(logs.dropped(), 1);
}

#[test]
fn a_full_batch_refuses() {
    let mut batch = Batch::default();
    let outlet = Arc::new(Outlet::Stderr);
    let taken = (0..2000).take_while(|_| batch.push(Entry::plain(outlet.clone()), &[b'x'; 1000], b"")).count();
    assert!((900..1049).contains(&taken), "{taken} lines of 1000 bytes");
    assert_eq!(batch.lines().count(), taken);
}

#[test]
fn rings_are_refused() {
    let (logs, sender) = Logs::start().unwrap();
    let ring = target(LogAddress::Ring("r".to_owned()), "1:1");
    assert!(logs.logger(&[ring], "haproxy", None).is_err_and(|problem| problem.contains("ring@r")));
    logs.stop(sender);
}

fn target(address: LogAddress, sample: &str) -> LogTarget {
    let (range, size) = sample.split_once(':').unwrap();
    let range = range.parse().unwrap();
    LogTarget {
        address,
        len: 1024,
        format: Framing::Raw,
        sample: Some((vec![(range, range)], size.parse().unwrap())),
        facility: Facility(16),
        level: Level::Info,
        minlevel: Level::Emerg,
    }
}

fn receive(recv: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> String {
    let mut buffer = [0; 200];
    let length = recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}
