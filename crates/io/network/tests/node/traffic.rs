//! Traffic between pods that is more than a question and its answer.

use crate::hosts::Host;
use crate::sandbox::{LONG, within};
use network::PodNetwork;
use rustix::io::Errno;
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;

/// Sends one datagram that must not be cut into pieces.
pub fn whole(from: PathBuf, to: Ipv4Addr, size: usize) -> String {
    within(&from, move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DO).unwrap();
        socket.connect((to, 8080)).unwrap();
        match socket.send(&vec![7; size]) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::MSGSIZE) => return "EMSGSIZE".to_owned(),
            sent => assert_eq!(sent.unwrap(), size),
        }
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    })
}

/// Sends one caller on port 81 of the pod back what it sends.
pub fn echo(host: &Host, pod: &PodNetwork) {
    let netns = pod.netns.clone();
    let echo = host.run(async move { within(&netns, || TcpListener::bind(("0.0.0.0", 81)).unwrap()) });
    std::thread::spawn(move || {
        let (mut stream, _) = echo.accept().unwrap();
        let mut back = stream.try_clone().unwrap();
        std::io::copy(&mut stream, &mut back).unwrap();
    });
}

/// Takes what one caller on port 82 of the pod sends, and answers how many bytes that was.
pub fn sink(host: &Host, pod: &PodNetwork) {
    let netns = pod.netns.clone();
    let sink = host.run(async move { within(&netns, || TcpListener::bind(("0.0.0.0", 82)).unwrap()) });
    std::thread::spawn(move || {
        let (mut stream, _) = sink.accept().unwrap();
        let (mut taken, mut buffer) = (0, vec![0; 1 << 20]);
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                length => taken += length as u64,
            }
        }
        stream.write_all(&taken.to_be_bytes()).unwrap();
    });
}

/// What the [`sink`] says after so many bytes.
pub fn pour(to: Ipv4Addr, size: usize) -> u64 {
    let mut stream = TcpStream::connect_timeout(&(to, 82).into(), LONG).unwrap();
    let piece = vec![1; 1 << 20];
    for _ in 0..size / piece.len() {
        stream.write_all(&piece).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).unwrap();
    u64::from_be_bytes(answer)
}

pub fn bulk(to: Ipv4Addr, size: usize) -> usize {
    let mut stream = TcpStream::connect_timeout(&(to, 81).into(), LONG).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        writer.write_all(&vec![1; size]).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    sender.join().unwrap();
    back.len()
}
