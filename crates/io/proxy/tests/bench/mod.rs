//! The balancer as a process of its own, before a server that echoes.

use crate::program::{Folder, free_port};
use std::net::{Shutdown, TcpListener};

/// A folder, a port, and a server that echoes.
pub struct Bench {
    pub folder: Folder,
    pub port: u16,
    server: u16,
}

impl Bench {
    pub fn new(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().port();
        let folder = Folder::new(&format!("process-{name}"));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut other = stream.try_clone().unwrap();
                    // Whoever breaks off has what they wanted.
                    _ = std::io::copy(&mut stream, &mut other);
                    _ = other.shutdown(Shutdown::Write);
                });
            }
        });
        let port = free_port();
        Self { folder, port, server }
    }

    pub fn config(&self, server: &str) -> String {
        format!(
            "global
    nbthread 2
    stats socket {} level admin expose-fd listeners
defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend f
    bind 127.0.0.1:{}
    default_backend b
backend b
    server s 127.0.0.1:{} {server}
",
            self.path("stats.sock").display(),
            self.port,
            self.server
        )
    }
}

impl std::ops::Deref for Bench {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}
