//! The clients before the balancer. Each prints its result as JSON on one line.

use super::poll::Poll;
use super::serve::{ANSWER, REQUEST};
use crate::report::percentile;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Connect, ask, read the answer, reset: as many of these a second as can be had, [`PARALLEL`] at once.
pub fn connections(target: SocketAddr, time: Duration) -> f64 {
    const PARALLEL: u64 = 32;
    let mut poll = Poll::new();
    let mut clients: Vec<Client> = (0..PARALLEL).map(|key| Client::start(&poll, target, key)).collect();
    let (begin, mut done) = (Instant::now(), 0_u64);
    while begin.elapsed() < time {
        for key in poll.wait(Some(Duration::from_millis(100))) {
            if clients[key as usize].step() {
                done += 1;
                clients[key as usize] = Client::start(&poll, target, key);
            }
        }
    }
    done as f64 / begin.elapsed().as_secs_f64()
}

struct Client {
    socket: Socket,
    asked: bool,
    received: usize,
}

impl Client {
    fn start(poll: &Poll, target: SocketAddr, key: u64) -> Self {
        let socket = Socket::new(Domain::for_address(target), Type::STREAM.nonblocking(), None).expect("a socket");
        socket.set_linger(Some(Duration::ZERO)).expect("a socket that resets");
        // In progress, as ever without blocking.
        _ = socket.connect(&SockAddr::from(target));
        poll.writable(&socket, key);
        Self { socket, asked: false, received: 0 }
    }

    /// Whether it has its answer. A failed connection counts as none and ends the measurement.
    fn step(&mut self) -> bool {
        if !self.asked {
            self.asked = match self.socket.write(REQUEST) {
                Ok(_) => true,
                Err(error) if super::poll::would_block(&error) => return false,
                Err(error) => panic!("a connection failed: {error}"),
            };
        }
        let mut buffer = [0; 512];
        match self.socket.read(&mut buffer) {
            Ok(0) => panic!("a connection was closed before its answer"),
            Ok(count) => self.received += count,
            Err(error) if super::poll::would_block(&error) => {}
            Err(error) => panic!("a connection broke: {error}"),
        }
        self.received >= ANSWER.len()
    }
}

/// Asks at a fixed pace on [`CONNECTIONS`] connections, whether or not answers come; latencies count from the time at
/// which a request was due. Returns p50 and p99 in microseconds, each the median of those of eight windows: a shared
/// machine stands still for milliseconds now and then, which is nobody's tail.
pub fn latency(target: SocketAddr, time: Duration) -> (f64, f64) {
    const CONNECTIONS: usize = 16;
    /// 4,000 a second.
    const TICK: Duration = Duration::from_micros(1000);
    const PER_TICK: usize = 4;
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS).map(|_| TcpStream::connect(target).expect("connects")).collect();
    for stream in &streams {
        stream.set_nodelay(true).expect("a live connection");
        stream.set_nonblocking(true).expect("a live connection");
    }
    let mut due: Vec<std::collections::VecDeque<Instant>> = vec![Default::default(); CONNECTIONS];
    let mut pending = [0_usize; CONNECTIONS];
    const WINDOWS: usize = 8;
    let mut windows = vec![Vec::new(); WINDOWS];
    let (begin, mut tick, mut turn) = (Instant::now(), 0_u32, 0);
    while begin.elapsed() < time {
        let next = begin + TICK * tick;
        let now = Instant::now();
        if next <= now {
            for _ in 0..PER_TICK {
                due[turn].push_back(next);
                streams[turn].write_all(REQUEST).expect("a request is shorter than a buffer");
                turn = (turn + 1) % CONNECTIONS;
            }
            tick += 1;
            continue;
        }
        let mut buffer = [0; 4096];
        for key in readable(&streams, next - now) {
            let count = streams[key].read(&mut buffer).expect("an answer");
            assert!(count > 0, "a connection was closed");
            pending[key] += count;
            while pending[key] >= ANSWER.len() {
                pending[key] -= ANSWER.len();
                let due = due[key].pop_front().expect("an answer has a request");
                let window = (due - begin).as_nanos() * WINDOWS as u128 / time.as_nanos();
                windows[(window as usize).min(WINDOWS - 1)].push(due.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let mut median = |percent| {
        let mut values: Vec<_> = windows.iter_mut().map(|window| percentile(window, percent)).collect();
        percentile(&mut values, 50.0)
    };
    (median(50.0), median(99.0))
}

/// Which connections can be read from, after at most this long. Not by epoll, whose time is in whole milliseconds.
fn readable(streams: &[TcpStream], time: Duration) -> Vec<usize> {
    let mut sockets: Vec<_> = streams.iter().map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
    let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
    poll(&mut sockets, Some(&time)).expect("sockets can be waited for");
    let ready = sockets.iter().enumerate().filter(|(_, socket)| !socket.revents().is_empty());
    ready.map(|(key, _)| key).collect()
}

/// Receives on some connections without looking at a byte; GB (10^9) a second.
pub fn bulk(target: SocketAddr, connections: usize, time: Duration) -> f64 {
    let begin = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            std::thread::spawn(move || {
                let stream = TcpStream::connect(target).expect("connects");
                let mut buffer = vec![0; 1 << 20];
                let mut bytes = 0;
                while begin.elapsed() < time {
                    bytes += recv(&stream, &mut buffer, RecvFlags::TRUNC).expect("data").1;
                }
                bytes
            })
        })
        .collect();
    let bytes: usize = threads.into_iter().map(|thread| thread.join().expect("a sink that goes on")).sum();
    bytes as f64 / 1e9 / begin.elapsed().as_secs_f64()
}

/// Opens connections that have asked once and then are silent; holds them until the standard input ends.
pub fn idle(target: SocketAddr, count: usize) {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = TcpStream::connect(target).expect("connects");
        stream.write_all(REQUEST).expect("a request");
        // A balancer adds or removes headers: the body's end is the answer's.
        let mut answer = Vec::new();
        let mut buffer = [0; 1024];
        while !answer.ends_with(&ANSWER[ANSWER.len() - 32..]) {
            let count = stream.read(&mut buffer).expect("an answer");
            assert!(count > 0, "closed before the answer");
            answer.extend_from_slice(&buffer[..count]);
        }
        held.push(stream);
    }
    println!("{}", held.len());
    // The end of the input is all that is waited for.
    _ = std::io::stdin().lock().lines().last();
}
