//! What one program of one scenario has to itself.

use crate::balance::backend::Backend;
use crate::balance::client::{Connection, lines};
use crate::balance::program::Running;
use crate::balance::{Program, Scenario};
use std::collections::HashMap;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::Receiver;

pub struct World {
    pub program: Program,
    /// An address of 127/8, always of fifteen letters: lengths of what it appears in are then equal.
    pub address: String,
    pub folder: PathBuf,
    pub config: PathBuf,
    pub backends: HashMap<String, Backend>,
    pub connections: HashMap<String, Connection>,
    pub running: Option<Running>,
    /// The program's log, a line at a time.
    pub log: Receiver<String>,
    /// The log lines that arrived and were not yet asked for.
    pub unread: Vec<String>,
}

impl World {
    pub fn new(program: Program, scenario: &Scenario) -> Self {
        // A pid and a running number: two runs of the suite on one machine do not meet.
        static NEXT: AtomicU16 = AtomicU16::new(100);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let run = std::process::id() % 5000;
        let address = format!("127.{}.{:03}.{:03}", 100 + run % 150, 100 + number / 100 % 100, 100 + number % 100);
        let folder = PathBuf::from(format!("/tmp/bqt-{:07}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder in /tmp");
        let log = listen(UdpSocket::bind((address.as_str(), LOG_PORT)).expect("a port of our own address"));
        let world = Self {
            program,
            address,
            config: folder.join("haproxy.cfg"),
            folder,
            backends: HashMap::new(),
            connections: HashMap::new(),
            running: None,
            log,
            unread: Vec::new(),
        };
        for (name, text) in &scenario.files {
            std::fs::write(world.folder.join(name), world.fill(text)).expect("a file of the test");
        }
        std::fs::write(&world.config, world.fill(&scenario.config)).expect("a file of the test");
        world
    }

    /// The text with the world's own address and folder in their places.
    pub fn fill(&self, text: &str) -> String {
        text.replace("$A", &self.address).replace("$D", &self.folder.to_string_lossy())
    }

    /// The reverse of `fill`, for what is observed.
    pub fn unfill(&self, text: &str) -> String {
        text.replace(&self.address, "$A").replace(&*self.folder.to_string_lossy(), "$D")
    }

    pub fn connect(&self, port: &str) -> String {
        format!("{}:{port}", self.address)
    }
}

/// Reads at once: what does not fit into the kernel's buffer is lost. (UDP's holds hundreds of lines, that of a unix
/// socket ten.)
fn listen(socket: UdpSocket) -> Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = [0; 65536];
        while let Ok(length) = socket.recv(&mut line) {
            let over = length == END.len() && &line[..length] == END;
            if over || sender.send(lines(&line[..length]).join(" ")).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Where the log is received.
const LOG_PORT: u16 = 28000;

/// Ends the reader of the log.
const END: &[u8] = b"\0end\0";

impl Drop for World {
    fn drop(&mut self) {
        self.running = None;
        // The reader may have ended already.
        _ = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(END, (self.address.as_str(), LOG_PORT)));
        for backend in self.backends.values_mut() {
            backend.stop();
        }
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays: {error}", self.folder.display());
        }
    }
}
