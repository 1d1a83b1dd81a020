//! Servers behind the balancer: threads of the test, each with a behaviour that can be changed while it runs.

mod http;

use crate::balance::scenario::bytes;
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a backend does with a connection.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// `http`, `echo`, `banner`, `talk`, `silent`, `reset`, `close` (after the first bytes), `proxy`.
    pub kind: String,
    /// `key=value` words: `status`, `delay` (ms), `header`, `body`, `size`, `say`, `expect`; `flag` words: `close`,
    /// `chunked`, `half`, `v10`, `bodyless`.
    pub options: Vec<(String, String)>,
}

impl Behaviour {
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let (kind, options) = words.split_first().ok_or("which kind of server?")?;
        let known = ["http", "echo", "banner", "talk", "silent", "reset", "close", "proxy"];
        if !known.contains(&kind.as_str()) {
            return Err(format!("no kind of server is called {kind}"));
        }
        let options = options.iter().map(|word| word.split_once('=').unwrap_or((word, "")));
        Ok(Self {
            kind: kind.clone(),
            options: options.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.options.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.get("delay").and_then(|ms| ms.parse().ok()).unwrap_or(0))
    }
}

/// Shared by the threads of one backend.
struct Shared {
    name: String,
    behaviour: Mutex<Behaviour>,
    stopped: AtomicBool,
    accepted: AtomicUsize,
    /// By the number under which it was accepted.
    live: Mutex<HashMap<usize, TcpStream>>,
}

pub struct Backend {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<std::thread::JoinHandle<()>>,
}

impl Backend {
    pub fn start(name: &str, address: &str, behaviour: Behaviour) -> Result<Self, String> {
        let address: SocketAddr = address.parse().map_err(|error| format!("{address}: {error}"))?;
        let mut listener = listen(address);
        // A program that is just being started may hold a copy of the socket that was there before.
        for _ in 0..100 {
            if listener.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            listener = listen(address);
        }
        let listener = listener.map_err(|error| format!("{address}: {error}"))?;
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            behaviour: Mutex::new(behaviour),
            stopped: AtomicBool::new(false),
            accepted: AtomicUsize::new(0),
            live: Mutex::default(),
        });
        let ours = shared.clone();
        let acceptor = std::thread::spawn(move || accept(&listener, &ours));
        Ok(Self { shared, address, acceptor: Some(acceptor) })
    }

    pub fn become_(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// As if it were killed: the port is closed and all connections end.
    pub fn stop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the acceptor, which then ends; it cannot be there any more.
        _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("it does not panic");
        }
        for (_, stream) in self.shared.live.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            // It may have ended by itself.
            _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let number = shared.accepted.fetch_add(1, Ordering::Relaxed);
        if let Ok(copy) = stream.try_clone() {
            shared.live.lock().unwrap_or_else(PoisonError::into_inner).insert(number, copy);
        }
        let shared = shared.clone();
        // A client that goes away in the middle is no concern of a backend's.
        std::thread::spawn(move || _ = serve(stream, &shared, number));
    }
}

fn serve(stream: TcpStream, shared: &Shared, number: usize) -> std::io::Result<()> {
    let behaviour = shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let result = converse(&stream, shared, &behaviour);
    // The copy that `stop` would close keeps it open.
    shared.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    result
}

fn converse(stream: &TcpStream, shared: &Shared, behaviour: &Behaviour) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    match behaviour.kind.as_str() {
        "http" => http::serve(stream, shared),
        "echo" => echo(stream, &shared.name, behaviour),
        "banner" => {
            std::thread::sleep(behaviour.delay());
            (&*stream).write_all(&bytes(behaviour.get("say").unwrap_or_default()))
        }
        "talk" => talk(stream, behaviour),
        "silent" => drain(stream),
        "reset" => {
            // What is unread when a socket is closed makes the close a reset.
            _ = stream.peek(&mut [0; 1])?;
            SockRef::from(stream).set_linger(Some(Duration::ZERO))
        }
        "proxy" => proxy(stream, &shared.name),
        // `close`: takes what comes and ends without a word.
        _ => stream.take(1 << 16).read(&mut [0; 1 << 16]).map(drop),
    }
}

fn drain(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut part = [0; 4096];
    while stream.read(&mut part)? > 0 {}
    Ok(())
}

/// Its name and a newline, then all that comes is sent back.
fn echo(mut stream: &TcpStream, name: &str, behaviour: &Behaviour) -> std::io::Result<()> {
    std::thread::sleep(behaviour.delay());
    if behaviour.get("quiet").is_none() {
        writeln!(stream, "{name}")?;
    }
    let mut part = [0; 65536];
    loop {
        match stream.read(&mut part)? {
            0 => return writeln!(stream, "{name} saw the end"),
            length => stream.write_all(&part[..length])?,
        }
    }
}

/// `expect=X` waits until X came, `say=Y` sends Y, in the order they are written; then it waits for the end.
fn talk(mut stream: &TcpStream, behaviour: &Behaviour) -> std::io::Result<()> {
    let mut heard = Vec::new();
    for (key, value) in &behaviour.options {
        let value = bytes(value);
        if key == "say" {
            stream.write_all(&value)?;
            continue;
        }
        let mut part = [0; 4096];
        while !heard.windows(value.len().max(1)).any(|window| window == value) {
            match stream.read(&mut part)? {
                0 => return Ok(()),
                length => heard.extend_from_slice(&part[..length]),
            }
        }
        heard.clear();
    }
    drain(stream)
}

/// Shows the PROXY header that it received, then echoes.
fn proxy(stream: &TcpStream, name: &str) -> std::io::Result<()> {
    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    let mut reader = BufReader::new(stream);
    let mut first = [0; 12];
    reader.read_exact(&mut first)?;
    let shown = if first == SIGNATURE {
        let mut rest = [0; 4];
        reader.read_exact(&mut rest)?;
        let mut body = vec![0; usize::from(u16::from_be_bytes([rest[2], rest[3]]))];
        reader.read_exact(&mut body)?;
        v2(rest, &body)
    } else {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        format!("v1 {}{}", String::from_utf8_lossy(&first), String::from_utf8_lossy(&line).trim_end())
    };
    let mut stream = stream;
    writeln!(stream, "{name} {shown}")?;
    let mut part = [0; 4096];
    loop {
        match reader.read(&mut part)? {
            0 => return Ok(()),
            length => stream.write_all(&part[..length])?,
        }
    }
}

fn v2(rest: [u8; 4], body: &[u8]) -> String {
    let [command, family, ..] = rest;
    if body.len() < 12 {
        return format!("v2 {command:02x} {family:02x} {} bytes", body.len());
    }
    let address = |at: usize| body[at..at + 4].iter().map(u8::to_string).collect::<Vec<_>>().join(".");
    let port = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    format!(
        "v2 {command:02x} {family:02x} {}:{} -> {}:{} +{}",
        address(0),
        port(8),
        address(4),
        port(10),
        body.len() - 12
    )
}
