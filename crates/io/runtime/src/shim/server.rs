//! The shim's one loop: waits for questions, output, ended processes and its own helpers, and never blocks on any.

use super::container::{Container, State, read_all};
use super::create::{self, GO, RESULT, STATUS};
use super::protocol::{self, Call, Create, Failure, Message, Record, Reply, Request};
use super::{exec, setup};
use crate::container::user::User;
use crate::status::ContainerKey;
use jiff::Timestamp;
use nix::libc;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Read at once from outputs and sockets: lines of up to 16 KiB pass in one go.
const BUFFER: usize = 16 << 10;
/// Answers and events a connection may leave unread, bytes; a slower one is closed and must reconnect.
const MAX_UNSENT: usize = 1 << 20;
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
        let timeout = if blocked { DISK_RETRY_MS } else { -1 };
        // SAFETY: a valid array of that length.
        let count = unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, timeout) };
        if blocked {
            self.containers.values_mut().for_each(Container::retry_log);
        }
        if count <= 0 {
            return;
        }
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
        let mut served: Vec<usize> = Vec::new();
        for source in &ready {
            if let Source::Helper(at) = *source {
                served.push(at);
            }
        }
        for at in served.into_iter().rev() {
            let helper = self.helpers.remove(at);
            self.helper_ready(helper);
        }
        for source in ready {
            match source {
                Source::Listener => self.accept(),
                Source::Signals => self.reap(),
                Source::Connection(number) => self.serve(number),
                _ => {}
            }
        }
        self.answer_lists();
        self.flush_connections();
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

    fn answer(&mut self, number: u64, request: Request) {
        let id = request.id;
        let refused = |message: String| Failure { message, code: 0 };
        let outcome: Result<Option<Reply>, Failure> = match request.call {
            Call::Subscribe => {
                if let Some(connection) = self.connections.get_mut(&number) {
                    connection.subscribed = true;
                }
                Ok(Some(Reply::Subscribed { pid: std::process::id() as i32, pod_pid_ns: self.pod_init }))
            }
            Call::List => {
                if let Some(connection) = self.connections.get_mut(&number) {
                    connection.lists.push(id);
                }
                Ok(None)
            }
            Call::Create(create) => self.create(number, id, create).map(|()| None).map_err(refused),
            Call::Start(key) => self.start(number, id, &key).map(|()| None).map_err(refused),
            Call::Signal { key, signal } => self.signal(&key, signal).map(|()| Some(Reply::Done)).map_err(refused),
            Call::Remove(key) => self.remove(&key).map(|()| Some(Reply::Done)).map_err(refused),
            Call::Exec { key, args, tty, stdin, stdout, stderr } => {
                let streams = [stdin, stdout, stderr];
                self.exec(number, id, &key, args, tty, streams).map(|()| None).map_err(refused)
            }
            Call::Attach { key } => self.attach(number, id, &key).map(|()| None).map_err(refused),
            Call::Shutdown => {
                self.stopping = true;
                self.containers.values().filter(|c| c.state != State::Exited).for_each(Container::kill);
                self.sessions.keys().for_each(|pid| end_session(*pid));
                Ok(Some(Reply::Done))
            }
        };
        match outcome {
            Ok(Some(reply)) => self.send(number, &Message::Ok { id, reply }, None),
            Ok(None) => {}
            Err(failure) => self.send(number, &Message::Failed { id, failure }, None),
        }
    }

    fn create(&mut self, connection: u64, id: u64, create: Create) -> Result<(), String> {
        let key = create.key.dir();
        if self.containers.contains_key(&key) {
            return Err(format!("container {key} exists already"));
        }
        if self.stopping {
            return Err("the pod is being removed".into());
        }
        let text = |e: Errno| e.to_string();
        let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(text);
        let console = if create.tty { Some(console_listener(&create.folder)?) } else { None };
        let record = Record { key: create.key.clone(), pid: None, started_at: None, exit: None, user: User::default() };
        let mut container = Container::new(create, record);
        let null = rustix::fs::open(
            "/dev/null",
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .map_err(text)?;
        let (go_read, go_write) = pipe()?;
        let (status_read, status_write) = pipe()?;
        let (result, result_child) = result_socket()?;
        let mut streams: [Option<OwnedFd>; 3] = [None, None, None];
        if !container.create.tty {
            for source in 0..2 {
                let (read, write) = pipe()?;
                rustix::io::ioctl_fionbio(&read, true).map_err(text)?;
                container.outputs[source] = Some(read);
                streams[source + 1] = Some(write);
            }
            if container.create.stdin {
                let (read, write) = pipe()?;
                container.input = Some(write);
                streams[0] = Some(read);
            }
        }
        let stream = |at: usize| streams[at].as_ref().unwrap_or(&null).as_fd();
        let fds = [stream(0), stream(1), stream(2), go_read.as_fd(), status_write.as_fd(), result_child.as_fd()];
        // SAFETY: there is one thread.
        match unsafe { nix::unistd::fork() }.map_err(|e| e.to_string())? {
            ForkResult::Child => {
                place_fds(&fds);
                setup::restore_signals();
                let outcome = create::child(&container.create.folder, container.create.tty);
                // SAFETY: placed just now.
                let socket = unsafe { BorrowedFd::borrow_raw(RESULT) };
                let _ = protocol::send(socket, &serde_json::to_vec(&outcome).unwrap_or_default(), &[]);
                // SAFETY: ends only this child.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { .. } => {
                container.go = Some(go_write);
                container.status = Some(status_read);
                self.containers.insert(key.clone(), container);
                self.helpers.push(Helper { result, job: Job::Create { connection, id, key, console } });
                Ok(())
            }
        }
    }

    fn start(&mut self, connection: u64, id: u64, key: &ContainerKey) -> Result<(), String> {
        let key = key.dir();
        let container = self.containers.get_mut(&key).ok_or_else(|| format!("container {key} does not exist"))?;
        let (State::Created, Some(go), Some(status)) = (container.state, container.go.take(), &container.status) else {
            return Err(format!("container {key} cannot be started: it has been started before"));
        };
        rustix::io::write(&go, b"!").map_err(|e| e.to_string())?;
        container.state = State::Running;
        let result = rustix::io::fcntl_dupfd_cloexec(status, 10).map_err(|e| e.to_string())?;
        self.helpers.push(Helper { result, job: Job::Start { connection, id, key } });
        Ok(())
    }

    fn signal(&mut self, key: &ContainerKey, signal: i32) -> Result<(), String> {
        let container = self.containers.get(&key.dir()).ok_or_else(|| format!("container {key} does not exist"))?;
        let Some(pid) = container.record.pid else { return Ok(()) };
        if signal == libc::SIGKILL {
            container.kill();
            return Ok(());
        }
        // SAFETY: takes numbers only. Raw, because real-time signals have no name in nix.
        match nix::errno::Errno::result(unsafe { libc::kill(pid, signal) }) {
            Ok(_) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(error) => Err(format!("signal {signal}: {error}")),
        }
    }

    fn remove(&mut self, key: &ContainerKey) -> Result<(), String> {
        let name = key.dir();
        match self.containers.get_mut(&name) {
            None => Ok(()),
            Some(container) if container.state == State::Exited => {
                container.dismantle();
                self.containers.remove(&name);
                Ok(())
            }
            Some(_) => Err(format!("container {name} is running")),
        }
    }

    fn exec(
        &mut self,
        connection: u64,
        id: u64,
        key: &ContainerKey,
        args: Vec<String>,
        tty: bool,
        streams: [bool; 3],
    ) -> Result<(), String> {
        let fds = self.connections.get_mut(&connection).map(|c| std::mem::take(&mut c.fds)).unwrap_or_default();
        let container = self.containers.get(&key.dir()).ok_or_else(|| format!("container {key} does not exist"))?;
        let (State::Running, Some(init)) = (container.state, container.record.pid) else {
            return Err(format!("container {key} is not running"));
        };
        let text = |e: Errno| e.to_string();
        let null = rustix::fs::open(
            "/dev/null",
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )
        .map_err(text)?;
        let (status_read, status_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(text)?;
        let (result, result_child) = result_socket()?;
        let mut given = fds.iter();
        let chosen: Vec<&OwnedFd> =
            streams.iter().map(|wanted| if *wanted && !tty { given.next().unwrap_or(&null) } else { &null }).collect();
        // The gate's place is unused here.
        let list = [
            chosen[0].as_fd(),
            chosen[1].as_fd(),
            chosen[2].as_fd(),
            null.as_fd(),
            status_write.as_fd(),
            result_child.as_fd(),
        ];
        // SAFETY: there is one thread.
        match unsafe { nix::unistd::fork() }.map_err(|e| e.to_string())? {
            ForkResult::Child => {
                place_fds(&list);
                setup::restore_signals();
                let user = &container.record.user;
                exec::child(&exec::Plan { folder: &container.create.folder, args, tty, init, user })
            }
            ForkResult::Parent { .. } => {
                let job = Job::Exec { connection, id, status: status_read, tty, pid: None, terminal: None };
                self.helpers.push(Helper { result, job });
                Ok(())
            }
        }
    }

    fn attach(&mut self, connection: u64, id: u64, key: &ContainerKey) -> Result<(), String> {
        let fds = self.connections.get_mut(&connection).map(|c| std::mem::take(&mut c.fds)).unwrap_or_default();
        let container = self.containers.get_mut(&key.dir()).ok_or_else(|| format!("container {key} does not exist"))?;
        if container.state == State::Exited {
            return Err(format!("container {key} is not running"));
        }
        for (source, pipe) in fds.into_iter().enumerate().take(2) {
            container.add_tap(connection, source, pipe);
        }
        // A terminal is given in any case: the session may resize it.
        let input = match &container.input {
            Some(fd) if container.create.stdin || container.create.tty => rustix::io::fcntl_dupfd_cloexec(fd, 10).ok(),
            _ => None,
        };
        if container.create.stdin_once && !container.create.tty {
            container.input = None; // the session's copy is the last: closing it is end of input
        }
        let reply = Reply::Attached { input: container.create.stdin };
        self.send(connection, &Message::Ok { id, reply }, input.as_ref());
        Ok(())
    }

    /// Something came from a child at work.
    fn helper_ready(&mut self, helper: Helper) {
        match helper.job {
            Job::Create { connection, id, key, console } => self.created(connection, id, &key, console, &helper.result),
            Job::Start { connection, id, key } => {
                let problem = read_all(&helper.result);
                let Some(container) = self.containers.get_mut(&key) else { return };
                if problem.is_empty() {
                    container.record.started_at = Some(Timestamp::now());
                    container.status = None;
                    container.write_record();
                    return self.send(connection, &Message::Ok { id, reply: Reply::Done }, None);
                }
                if let Some(exit) = &mut container.record.exit {
                    exit.message = problem.clone();
                    container.write_record();
                } else {
                    container.status = pipe_with(&problem).or(container.status.take());
                }
                let failure = Failure { message: problem, code: create::START_FAILED };
                self.send(connection, &Message::Failed { id, failure }, None);
            }
            Job::Exec { connection, id, status, tty, pid, terminal } => {
                self.exec_step(helper.result, connection, id, status, tty, pid, terminal);
            }
            Job::ExecStatus { connection, id, pid, terminal } => {
                let problem = read_all(&helper.result);
                if problem.is_empty() {
                    let message = Message::Ok { id, reply: Reply::Exec { pid } };
                    self.send(connection, &message, terminal.as_ref());
                } else {
                    let failure = Failure { message: problem, code: create::START_FAILED };
                    self.send(connection, &Message::Failed { id, failure }, None);
                }
            }
        }
    }

    fn created(&mut self, connection: u64, id: u64, key: &str, console: Option<OwnedFd>, result: &OwnedFd) {
        let (bytes, _) = receive_one(result);
        let outcome = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| create::Outcome::Failed("the helper that makes containers died".into()));
        let Some(container) = self.containers.get_mut(key) else { return };
        let message = match outcome {
            create::Outcome::Created { pid, user } => {
                container.record.pid = Some(pid);
                container.record.user = user;
                container.state = State::Created;
                if let Some(master) = console.and_then(|listener| console_master(&listener)) {
                    let _ = rustix::io::ioctl_fionbio(&master, true);
                    container.input = rustix::io::fcntl_dupfd_cloexec(&master, 10).ok();
                    container.outputs[0] = Some(master);
                }
                container.write_record();
                // It may have ended before we knew its number.
                if nix::sys::signal::kill(Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH) {
                    self.process_ended(pid, create::START_FAILED, None);
                }
                if self.stopping
                    && let Some(container) = self.containers.get(key)
                {
                    container.kill();
                }
                let record = self.containers.get(key).map(|c| c.record.clone());
                match record {
                    Some(record) => Message::Ok { id, reply: Reply::Created(record) },
                    None => return,
                }
            }
            create::Outcome::Failed(problem) => {
                container.dismantle();
                self.containers.remove(key);
                Message::Failed { id, failure: Failure { message: problem, code: 0 } }
            }
        };
        self.send(connection, &message, None);
    }

    #[allow(clippy::too_many_arguments)]
    fn exec_step(
        &mut self,
        result: OwnedFd,
        connection: u64,
        id: u64,
        status: OwnedFd,
        tty: bool,
        mut pid: Option<i32>,
        mut terminal: Option<OwnedFd>,
    ) {
        let (bytes, fd) = receive_one(&result);
        let failed = match serde_json::from_slice(&bytes) {
            Ok(exec::Outcome::Started { pid: started }) => {
                pid = Some(started);
                self.sessions.insert(started, connection);
                match self.connections.get_mut(&connection) {
                    Some(session) => session.process = Some(started),
                    None => end_session(started),
                }
                None
            }
            Ok(exec::Outcome::Terminal) => {
                terminal = fd;
                None
            }
            Ok(exec::Outcome::Failed(problem)) => Some(problem),
            // End of the socket: the command runs, or died before it said anything.
            Err(_) if pid.is_some() => {
                let pid = pid.unwrap_or_default();
                let job = Job::ExecStatus { connection, id, pid, terminal };
                self.helpers.push(Helper { result: status, job });
                return;
            }
            Err(_) => Some("the helper that enters containers died".into()),
        };
        match (failed, pid) {
            (Some(message), _) => {
                let failure = Failure { message, code: create::START_FAILED };
                self.send(connection, &Message::Failed { id, failure }, None);
            }
            (None, Some(pid)) if !tty || terminal.is_some() => {
                let job = Job::ExecStatus { connection, id, pid, terminal };
                self.helpers.push(Helper { result: status, job });
            }
            (None, _) => {
                let job = Job::Exec { connection, id, status, tty, pid, terminal };
                self.helpers.push(Helper { result, job });
            }
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
            return; // a helper, or an orphan that came to us
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

    fn settle_exec(&mut self, ended: i32) {
        let of = |job: &Job| match job {
            Job::Exec { pid, .. } => *pid == Some(ended),
            Job::ExecStatus { pid, .. } => *pid == ended,
            _ => false,
        };
        while let Some(at) = self.helpers.iter().position(|h| of(&h.job)) {
            let helper = self.helpers.remove(at);
            self.helper_ready(helper);
        }
    }

    fn settle_start(&mut self, key: &str) {
        let of = |job: &Job| matches!(job, Job::Start { key: k, .. } if k == key);
        while let Some(at) = self.helpers.iter().position(|h| of(&h.job)) {
            let helper = self.helpers.remove(at);
            self.helper_ready(helper);
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

/// Puts descriptors at 0.. in their order and closes all others. Child side, before anything else.
fn place_fds(fds: &[BorrowedFd<'_>; 6]) {
    debug_assert!(GO == 3 && STATUS == 4 && RESULT == 5);
    // First far away, so that none overwrites another that is still to be moved.
    let far: Vec<i32> = fds
        .iter()
        // SAFETY: plain numbers of open descriptors.
        .map(|fd| unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD, 64) })
        .collect();
    for (target, fd) in far.iter().enumerate() {
        // SAFETY: as above. Descriptors above 2 close when the command is executed.
        unsafe { libc::dup3(*fd, target as i32, if target > 2 { libc::O_CLOEXEC } else { 0 }) };
    }
    // SAFETY: nothing above is used by this child; the Rust owners of those numbers never run their destructors here.
    unsafe { libc::syscall(libc::SYS_close_range, 6u32, u32::MAX, 0u32) };
}

fn result_socket() -> Result<(OwnedFd, OwnedFd), String> {
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|e| e.to_string())
}

fn receive_one(socket: &OwnedFd) -> (Vec<u8>, Option<OwnedFd>) {
    let mut buffer = vec![0; 64 << 10];
    let mut fds = Vec::new();
    let count = protocol::receive(socket, &mut buffer, &mut fds).unwrap_or(0);
    buffer.truncate(count);
    (buffer, fds.pop())
}

fn console_listener(folder: &Path) -> Result<OwnedFd, String> {
    let path = folder.join("tty.sock");
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path).map(OwnedFd::from).map_err(|e| format!("{}: {e}", path.display()))
}

fn console_master(listener: &OwnedFd) -> Option<OwnedFd> {
    let socket = rustix::net::accept_with(listener, SocketFlags::CLOEXEC).ok()?;
    let mut fds = Vec::new();
    protocol::receive(&socket, &mut [0; 256], &mut fds).ok()?;
    fds.pop()
}

/// A pipe that holds a text, as the status pipe of a failed start does until its end is recorded.
fn pipe_with(text: &str) -> Option<OwnedFd> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).ok()?;
    rustix::io::write(&write, &text.as_bytes()[..text.len().min(4096)]).ok()?;
    Some(read)
}
