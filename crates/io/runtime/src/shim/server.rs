//! The shim's one loop: waits for questions, output, ended processes and its own helpers, and never blocks on any.

mod calls;
mod descriptors;
mod helpers;

use super::container::{Container, State};
use super::protocol::{self, Message, Reply, Request};
use super::trim;
use nix::libc;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsRawFd;

/// Read at once from outputs and sockets: lines of up to 16 KiB pass in one go.
const BUFFER: usize = 16 << 10;
/// Answers and events a connection may leave unread, bytes; a slower one is closed and must reconnect.
const MAX_UNSENT: usize = 1 << 20;
/// Ends kept for helpers that have not reported yet: a helper reports within milliseconds.
const MAX_UNCLAIMED: usize = 1024;
/// Quiet for so long, the shim gives memory back, once.
const IDLE_MS: i32 = 2000;
/// How long to wait before a full disk is tried again.
const DISK_RETRY_MS: i32 = 1000;

pub struct Server {
    listener: OwnedFd,
    signals: OwnedFd,
    pod_init: Option<i32>,
    connections: HashMap<u64, Connection>,
    next_connection: u64,
    containers: BTreeMap<String, Container>,
    helpers: Vec<Helper>,
    /// Exec'd processes by pid, with the session that owns them.
    sessions: HashMap<i32, u64>,
    /// Ends of processes whose helper has not told of them yet: pid, code, signal. Empty when no helper works.
    unclaimed: Vec<(i32, i32, Option<i32>)>,
    /// Memory has been given back since something happened.
    trimmed: bool,
    stopping: bool,
    buffer: Vec<u8>,
}

struct Connection {
    socket: OwnedFd,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    fds: Vec<OwnedFd>,
    subscribed: bool,
    /// Questions that wait until creations are done.
    lists: Vec<u64>,
    /// Pid of the process this session runs, once known.
    process: Option<i32>,
    broken: bool,
}

/// A forked child at work, or a process about to become its command.
struct Helper {
    result: OwnedFd,
    job: Job,
}

enum Job {
    Create {
        connection: u64,
        id: u64,
        key: String,
        console: Option<OwnedFd>,
    },
    /// The command runs when the pipe closes without a text.
    Start {
        connection: u64,
        id: u64,
        key: String,
    },
    Exec {
        connection: u64,
        id: u64,
        status: OwnedFd,
        tty: bool,
        pid: Option<i32>,
        terminal: Option<OwnedFd>,
    },
    /// As `Start`, for exec.
    ExecStatus {
        connection: u64,
        id: u64,
        pid: i32,
        terminal: Option<OwnedFd>,
    },
}

#[derive(Clone, Copy)]
enum Source {
    Listener,
    Signals,
    Connection(u64),
    Output(usize, usize),
    Taps(usize),
    Helper(usize),
}

impl Server {
    pub fn new(listener: OwnedFd, signals: OwnedFd, pod_init: Option<i32>) -> rustix::io::Result<Self> {
        rustix::io::ioctl_fionbio(&listener, true)?;
        Ok(Self {
            listener,
            signals,
            pod_init,
            connections: HashMap::new(),
            next_connection: 1,
            containers: BTreeMap::new(),
            helpers: Vec::new(),
            sessions: HashMap::new(),
            unclaimed: Vec::new(),
            trimmed: false,
            stopping: false,
            buffer: vec![0; BUFFER],
        })
    }

    /// Runs until told to shut down and every process has ended.
    pub fn run(mut self) -> i32 {
        loop {
            let busy = self.containers.values().any(|c| c.state != State::Exited) || !self.helpers.is_empty();
            if self.stopping && !busy && self.sessions.is_empty() {
                break;
            }
            self.step();
        }
        for container in self.containers.values_mut() {
            container.dismantle();
        }
        if let Some(pid) = self.pod_init {
            let _ = nix::sys::signal::kill(Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
        0
    }

    fn step(&mut self) {
        let (mut polls, sources) = self.interests();
        let blocked = self.containers.values().any(Container::blocked);
        let timeout = match (blocked, self.trimmed) {
            (true, _) => DISK_RETRY_MS,
            (false, false) => IDLE_MS,
            (false, true) => -1,
        };
        // SAFETY: a valid array of that length.
        let count = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, timeout) };
        if blocked {
            self.containers.values_mut().for_each(Container::retry_log);
        }
        if count == 0 && !blocked {
            trim::trim();
            self.trimmed = true;
        }
        if count <= 0 {
            return;
        }
        self.trimmed = false;
        let ready: Vec<Source> =
            polls.iter().zip(&sources).filter(|(p, _)| p.revents != 0).map(|(_, source)| *source).collect();
        // Containers and helpers are addressed by position: nothing may be removed before all are served.
        for source in &ready {
            match *source {
                Source::Output(at, output) => {
                    let mut buffer = std::mem::take(&mut self.buffer);
                    if let Some(container) = self.containers.values_mut().nth(at) {
                        container.pump(output, &mut buffer);
                    }
                    self.buffer = buffer;
                }
                Source::Taps(at) => {
                    if let Some(container) = self.containers.values_mut().nth(at) {
                        container.flush_taps();
                    }
                }
                _ => {}
            }
        }
        let helpers = ready.iter().filter_map(|source| match source {
            Source::Helper(at) => self.helpers.get(*at).map(|h| h.result.as_raw_fd()),
            _ => None,
        });
        // By descriptor: serving one may settle others.
        for fd in helpers.collect::<Vec<_>>() {
            if let Some(at) = self.helpers.iter().position(|h| h.result.as_raw_fd() == fd) {
                let helper = self.helpers.remove(at);
                self.helper_ready(helper);
            }
        }
        for source in ready {
            match source {
                Source::Listener => self.accept(),
                Source::Signals => self.reap(),
                Source::Connection(number) => self.serve(number),
                _ => {}
            }
        }
        if self.helpers.is_empty() {
            self.unclaimed.clear();
        }
        self.answer_lists();
        self.flush_connections();
    }

    /// Tells the end of a process that came before its helper's message.
    fn claim(&mut self, pid: i32) {
        if let Some(at) = self.unclaimed.iter().position(|(known, ..)| *known == pid) {
            let (pid, code, signal) = self.unclaimed.remove(at);
            self.process_ended(pid, code, signal);
        }
    }

    fn interests(&self) -> (Vec<libc::pollfd>, Vec<Source>) {
        let (mut polls, mut sources) = (Vec::new(), Vec::new());
        let mut add = |fd: BorrowedFd<'_>, events: i16, source: Source| {
            polls.push(libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 });
            sources.push(source);
        };
        add(self.listener.as_fd(), libc::POLLIN, Source::Listener);
        add(self.signals.as_fd(), libc::POLLIN, Source::Signals);
        for (number, connection) in &self.connections {
            let writes = if connection.outgoing.is_empty() { 0 } else { libc::POLLOUT };
            add(connection.socket.as_fd(), libc::POLLIN | writes, Source::Connection(*number));
        }
        for (at, container) in self.containers.values().enumerate() {
            let blocked = container.blocked();
            for (output, fd) in container.outputs.iter().enumerate() {
                if let Some(fd) = fd.as_ref().filter(|_| !blocked) {
                    add(fd.as_fd(), libc::POLLIN, Source::Output(at, output));
                }
            }
            for tap in container.taps.iter().filter(|t| t.is_waiting()) {
                add(tap.pipe.as_fd(), libc::POLLOUT, Source::Taps(at));
            }
        }
        for (at, helper) in self.helpers.iter().enumerate() {
            add(helper.result.as_fd(), libc::POLLIN, Source::Helper(at));
        }
        (polls, sources)
    }

    fn accept(&mut self) {
        while let Ok(socket) = rustix::net::accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            let connection = Connection {
                socket,
                incoming: Vec::new(),
                outgoing: Vec::new(),
                fds: Vec::new(),
                subscribed: false,
                lists: Vec::new(),
                process: None,
                broken: false,
            };
            self.connections.insert(self.next_connection, connection);
            self.next_connection += 1;
        }
    }

    fn serve(&mut self, number: u64) {
        loop {
            let Some(connection) = self.connections.get_mut(&number) else { return };
            match protocol::receive(&connection.socket, &mut self.buffer, &mut connection.fds) {
                Ok(0) => return self.closed(number),
                Ok(count) => connection.incoming.extend_from_slice(&self.buffer[..count]),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(_) => return self.closed(number),
            }
        }
        loop {
            let Some(connection) = self.connections.get_mut(&number) else { return };
            let frame = match protocol::take_frame(&mut connection.incoming) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(()) => return self.closed(number),
            };
            match serde_json::from_slice::<Request>(&frame) {
                Ok(request) => self.answer(number, request),
                Err(_) => return self.closed(number),
            }
        }
    }

    /// A connection is gone: so are its sessions.
    fn closed(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else { return };
        if let Some(pid) = connection.process {
            end_session(pid);
        }
        for container in self.containers.values_mut() {
            container.taps.retain(|tap| tap.connection != number);
        }
    }

    fn reap(&mut self) {
        let mut scratch = [0u8; 1024];
        while rustix::io::read(&self.signals, &mut scratch).is_ok() {}
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => self.process_ended(pid.as_raw(), code, None),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    self.process_ended(pid.as_raw(), 128 + signal as i32, Some(signal as i32));
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn process_ended(&mut self, pid: i32, code: i32, signal: Option<i32>) {
        if let Some(number) = self.sessions.remove(&pid) {
            // What it should have become may still be under way: then that answer comes first.
            self.settle_exec(pid);
            if let Some(connection) = self.connections.get_mut(&number) {
                connection.process = None;
            }
            self.send(number, &Message::SessionEnded { code }, None);
            return;
        }
        let Some(key) = self.containers.iter().find(|(_, c)| c.record.pid == Some(pid)).map(|(k, _)| k.clone()) else {
            // A helper, an orphan that came to us, or a process faster than its helper's message.
            if self.helpers.iter().any(|h| matches!(h.job, Job::Create { .. } | Job::Exec { .. })) {
                // A helper that hangs (dead network storage) must not make this grow.
                if self.unclaimed.len() == MAX_UNCLAIMED {
                    self.unclaimed.remove(0);
                }
                self.unclaimed.push((pid, code, signal));
            }
            return;
        };
        self.settle_start(&key);
        let mut buffer = std::mem::take(&mut self.buffer);
        let Some(container) = self.containers.get_mut(&key) else { return };
        container.ended(code, signal, &mut buffer);
        self.buffer = buffer;
        let record = container.record.clone();
        let taps: Vec<u64> = container.taps.iter().map(|t| t.connection).collect();
        container.flush_taps();
        container.taps.retain(|t| t.is_waiting());
        for number in taps {
            self.send(number, &Message::SessionEnded { code }, None);
        }
        let subscribers: Vec<u64> = self.connections.iter().filter(|(_, c)| c.subscribed).map(|(n, _)| *n).collect();
        for number in subscribers {
            self.send(number, &Message::Exited(record.clone()), None);
        }
    }

    fn answer_lists(&mut self) {
        if self.helpers.iter().any(|h| matches!(h.job, Job::Create { .. })) {
            return;
        }
        let waiting: Vec<(u64, u64)> = self
            .connections
            .iter_mut()
            .flat_map(|(n, c)| c.lists.drain(..).map(|id| (*n, id)).collect::<Vec<_>>())
            .collect();
        for (number, id) in waiting {
            let records = self.containers.values().map(|c| c.record.clone()).collect();
            self.send(number, &Message::Ok { id, reply: Reply::List(records) }, None);
        }
    }

    fn send(&mut self, number: u64, message: &Message, fd: Option<&OwnedFd>) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let frame = protocol::encode(message);
        match fd {
            // Sessions have asked one thing and read its answer: their sockets have room.
            Some(fd) => match protocol::send(&connection.socket, &frame, &[fd.as_fd()]) {
                Ok(sent) => connection.outgoing.extend_from_slice(&frame[sent..]),
                Err(_) => connection.broken = true,
            },
            None => connection.outgoing.extend_from_slice(&frame),
        }
        connection.flush();
    }

    fn flush_connections(&mut self) {
        self.connections.values_mut().for_each(Connection::flush);
        let broken: Vec<u64> = self.connections.iter().filter(|(_, c)| c.broken).map(|(n, _)| *n).collect();
        for number in broken {
            self.closed(number);
        }
    }
}

impl Connection {
    fn flush(&mut self) {
        while !self.outgoing.is_empty() && !self.broken {
            match protocol::send(&self.socket, &self.outgoing, &[]) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => self.broken = true,
            }
        }
        self.broken |= self.outgoing.len() > MAX_UNSENT;
    }
}

/// Kills an exec'd process with what it started in its own session.
fn end_session(pid: i32) {
    let _ = nix::sys::signal::kill(Pid::from_raw(-pid), nix::sys::signal::SIGKILL);
    let _ = nix::sys::signal::kill(Pid::from_raw(pid), nix::sys::signal::SIGKILL);
}
