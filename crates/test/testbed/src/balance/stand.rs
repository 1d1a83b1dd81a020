//! A balancer in front of small servers of the test's own process, with its statistics socket: for tests of what people
//! and tools see of it.

use super::program::{Program, Running};
use crate::Folder;
use crate::run::wait_for;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// How long a balancer may take to start or to notice something.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Stand {
    pub folder: Folder,
    /// Where the frontend of the configuration listens: `{front}` in its text.
    pub front: SocketAddr,
    _running: Running,
}

impl Stand {
    /// Starts servers for `{a}`, `{b}`, `{c}` of the configuration's text (nobody listens at `{nobody}`), then Barque.
    /// `{socket}` is the place of the statistics socket.
    pub fn start(name: &str, config: &str) -> Self {
        let folder = Folder::new(name);
        let front = free();
        let mut text = config.replace("{front}", &front.to_string()).replace("{nobody}", &free().to_string());
        for server in ["{a}", "{b}", "{c}"] {
            text = text.replace(server, &serve(server).to_string());
        }
        let text = text.replace("{socket}", &folder.path().join("admin.sock").to_string_lossy());
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text).expect("a configuration can be written");
        let said = folder.path().join("said");
        let running = Program::Barque.start(&file, &said, &[]).unwrap_or_else(|error| panic!("{error}"));
        let stand = Self { folder, front, _running: running };
        wait_for("the statistics socket", PATIENCE, || match UnixStream::connect(stand.socket()) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error}\n{}", std::fs::read_to_string(&said).unwrap_or_default())),
        });
        stand
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// What the statistics socket answers to a line.
    pub fn ask(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).expect("the statistics socket");
        stream.write_all(format!("{command}\n").as_bytes()).expect("a command can be sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Waits until a column of a row of `show stat` is as wanted: by its number, as tools read it.
    #[track_caller]
    pub fn wait_for_column(&self, row: &str, column: usize, wanted: &str) {
        wait_for(&format!("column {column} of {row} being {wanted:?}"), PATIENCE, || {
            let rows = self.ask("show stat");
            let start = row.replace('/', ",") + ",";
            let line = rows.lines().find(|line| line.starts_with(&start)).ok_or("no such row")?;
            let value = line.split(',').nth(column).unwrap_or_default();
            if value == wanted { Ok(()) } else { Err(format!("it is {value:?}")) }
        });
    }

    /// What the frontend answers to a request for this path, head and body.
    pub fn get(&self, path: &str) -> String {
        self.request(&format!("GET {path} HTTP/1.1\r\nhost: lb\r\nconnection: close\r\n\r\n"))
    }

    pub fn post(&self, path: &str, form: &str) -> String {
        let length = form.len();
        self.request(&format!(
            "POST {path} HTTP/1.1\r\nhost: lb\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{form}"
        ))
    }

    fn request(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(self.front).expect("the frontend");
        stream.write_all(text.as_bytes()).expect("a request can be sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// An address on which nobody listens.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

/// A server that answers every request with its name, as long as the test runs.
fn serve(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, name));
        }
    });
    address
}

fn answer(mut stream: TcpStream, name: &str) {
    let mut request = [0; 2048];
    while matches!(stream.read(&mut request), Ok(length) if length > 0) {
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len());
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}
