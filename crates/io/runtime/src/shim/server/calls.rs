//! What the agent asks for.

use super::descriptors::{console_listener, null, place_fds, result_socket};
use super::{Helper, Job, Server, end_session};
use crate::container::user::User;
use crate::shim::container::{Container, State};
use crate::shim::create::{self, RESULT};
use crate::shim::protocol::{self, Call, Create, Failure, Message, Record, Reply, Request};
use crate::shim::{exec, setup};
use crate::status::ContainerKey;
use nix::libc;
use nix::unistd::ForkResult;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;

impl Server {
    pub(super) fn answer(&mut self, number: u64, request: Request) {
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

    pub(super) fn create(&mut self, connection: u64, id: u64, create: Create) -> Result<(), String> {
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
        let null = null()?;
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

    pub(super) fn start(&mut self, connection: u64, id: u64, key: &ContainerKey) -> Result<(), String> {
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

    pub(super) fn signal(&mut self, key: &ContainerKey, signal: i32) -> Result<(), String> {
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

    pub(super) fn remove(&mut self, key: &ContainerKey) -> Result<(), String> {
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

    pub(super) fn exec(
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
        let null = null()?;
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

    pub(super) fn attach(&mut self, connection: u64, id: u64, key: &ContainerKey) -> Result<(), String> {
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
}
