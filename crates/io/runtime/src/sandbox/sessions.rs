//! Sessions in a container: exec, attach, connections to its ports.

use super::Sandbox;
use crate::error::{Error, Result};
use crate::shim::client::{CallError, Session};
use crate::shim::protocol::{Call, Reply};
use crate::spec::ExecSpec;
use crate::status::{ContainerKey, ContainerState};
use crate::streams::{ExecResult, InputStream, StreamControl, Streams, Terminal};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// Output of probes and hooks kept, bytes. Upstream: 10 KiB for probes, 16 KiB for exec sync.
const MAX_SYNC_OUTPUT: usize = 16 << 10;
/// How long after a process's end its output is waited for where the pipes do not end with it: what it wrote is in them,
/// but the news of its end may come first.
const DRAIN: Duration = Duration::from_millis(100);

impl Sandbox {
    /// Runs a process in a running container. A command that cannot be started is [`Error::Exec`].
    pub async fn exec(&self, key: &ContainerKey, spec: ExecSpec) -> Result<Streams> {
        let (status, _) = self.known(key)?;
        if status.state != ContainerState::Running {
            return Err(Error::NotRunning { name: key.name.clone() });
        }
        let failed = Error::io("cannot make a pipe");
        let mut ends: Vec<OwnedFd> = Vec::new();
        let (mut stdin, mut stdout, mut stderr) = (None, None, None);
        let mut pipes = || -> std::io::Result<()> {
            if spec.stdin && !spec.tty {
                let (sender, receiver) = pipe::pipe()?;
                ends.push(receiver.into_blocking_fd()?);
                stdin = Some(sender);
            }
            for (wanted, slot) in [(spec.stdout, &mut stdout), (spec.stderr, &mut stderr)] {
                if wanted && !spec.tty {
                    let (sender, receiver) = pipe::pipe()?;
                    ends.push(sender.into_blocking_fd()?);
                    *slot = Some(receiver);
                }
            }
            Ok(())
        };
        pipes().map_err(failed)?;
        let call = Call::Exec {
            key: key.clone(),
            args: spec.command.clone(),
            tty: spec.tty,
            stdin: spec.stdin,
            stdout: spec.stdout,
            stderr: spec.stderr,
        };
        let fds: Vec<BorrowedFd<'_>> = ends.iter().map(AsFd::as_fd).collect();
        let (session, _, fd) = self.session(key, call, &fds).await?;
        drop(ends);
        let terminal = fd.map(Terminal::new).transpose().map_err(Error::io("cannot use the terminal"))?;
        let control = StreamControl { session, terminal: terminal.clone(), code: None };
        if let Some(terminal) = terminal {
            let stdin = spec.stdin.then(|| Box::new(terminal.clone()) as _);
            return Ok(Streams { stdin, stdout: Some(Box::new(terminal)), stderr: None, control });
        }
        Ok(Streams {
            stdin: stdin.map(|s| Box::new(s) as _),
            stdout: stdout.map(|s| Box::new(s) as _),
            stderr: stderr.map(|s| Box::new(s) as _),
            control,
        })
    }

    /// For probes and hooks: runs the command, collects its output, kills it after `timeout`
    /// ([`Error::ExecTimeout`]).
    pub async fn exec_sync(&self, key: &ContainerKey, command: &[String], timeout: Duration) -> Result<ExecResult> {
        let spec = ExecSpec { command: command.to_vec(), stdout: true, stderr: true, ..Default::default() };
        let run = async {
            let mut streams = self.exec(key, spec).await?;
            let mut output = Vec::new();
            let exit_code = {
                let (Some(out), Some(err)) = (&mut streams.stdout, &mut streams.stderr) else {
                    return Err(Error::Other("exec without streams".into()));
                };
                let mut joined = (vec![0u8; 4096], vec![0u8; 4096]);
                let (mut out_open, mut err_open, mut code) = (true, true, None);
                // Ends soon after the process: what it left running in the background may hold the pipes for ever.
                let mut drained = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
                while out_open || err_open {
                    // Either pipe in turn, so that a full one does not keep the other waiting.
                    let read = async {
                        tokio::select! {
                            count = out.read(&mut joined.0), if out_open => {
                                out_open = keep(&mut output, &joined.0, count);
                            }
                            count = err.read(&mut joined.1), if err_open => {
                                err_open = keep(&mut output, &joined.1, count);
                            }
                        }
                    };
                    tokio::select! {
                        // The pipes last: what never stops writing keeps them ready.
                        biased;
                        ended = streams.control.wait(), if code.is_none() => {
                            code = Some(ended?);
                            drained.as_mut().reset(tokio::time::Instant::now() + DRAIN);
                        }
                        () = &mut drained, if code.is_some() => break,
                        () = read => {}
                    }
                }
                match code {
                    Some(code) => code,
                    None => streams.control.wait().await?,
                }
            };
            Ok(ExecResult { exit_code, output })
        };
        match tokio::time::timeout(timeout, run).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::ExecTimeout { seconds: timeout.as_secs() }),
        }
    }

    /// Connects to the container's own standard streams, from now on.
    pub async fn attach(&self, key: &ContainerKey) -> Result<Streams> {
        let (status, _) = self.known(key)?;
        if status.state == ContainerState::Exited {
            return Err(Error::NotRunning { name: key.name.clone() });
        }
        let failed = || Error::io("cannot make a pipe");
        let (out_sender, stdout) = pipe::pipe().map_err(failed())?;
        let (err_sender, stderr) = pipe::pipe().map_err(failed())?;
        let ends = [out_sender.into_blocking_fd().map_err(failed())?, err_sender.into_blocking_fd().map_err(failed())?];
        let fds: Vec<BorrowedFd<'_>> = ends.iter().map(AsFd::as_fd).collect();
        let (session, reply, input) = self.session(key, Call::Attach { key: key.clone() }, &fds).await?;
        let wants_input = matches!(reply, Reply::Attached { input: true });
        drop(ends);
        let is_terminal = input.as_ref().is_some_and(rustix::termios::isatty);
        let mut terminal = None;
        let mut stdin: Option<InputStream> = None;
        if let Some(fd) = input {
            if is_terminal {
                let opened = Terminal::new(fd).map_err(Error::io("cannot use the terminal"))?;
                stdin = wants_input.then(|| Box::new(opened.clone()) as _);
                terminal = Some(opened);
            } else {
                let sender = pipe::Sender::from_owned_fd(fd).map_err(Error::io("cannot use the container's stdin"))?;
                stdin = Some(Box::new(sender));
            }
        }
        let control = StreamControl { session, terminal, code: None };
        Ok(Streams { stdin, stdout: Some(Box::new(stdout)), stderr: Some(Box::new(stderr)), control })
    }

    /// A TCP connection to `127.0.0.1:port` inside the pod's network namespace (port-forward).
    pub async fn dial(&self, port: u16) -> Result<tokio::net::TcpStream> {
        let path = format!("/proc/{}/ns/net", self.inner.shim_pid);
        let stream = tokio::task::spawn_blocking(move || crate::container::netns::dial(Path::new(&path), port))
            .await
            .map_err(|e| Error::Other(e.to_string()))?
            .map_err(Error::io(format!("cannot connect to port {port} in the pod")))?;
        tokio::net::TcpStream::from_std(stream).map_err(Error::io("cannot use the connection"))
    }

    async fn session(
        &self,
        key: &ContainerKey,
        call: Call,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(Session, Reply, Option<OwnedFd>)> {
        Session::open(&self.socket(), call, fds).await.map_err(|error| match error {
            CallError::Refused(failure) if failure.code != 0 => Error::Exec {
                message: format!(
                    "OCI runtime exec failed: exec failed: unable to start container process: {}: unknown",
                    failure.message
                ),
                exit_code: failure.code,
            },
            CallError::Refused(failure) if failure.message.contains("is not running") => {
                Error::NotRunning { name: key.name.clone() }
            }
            CallError::Refused(failure) => Error::Other(failure.message),
            CallError::Gone(problem) => self.shim_gone(problem),
        })
    }
}

fn keep(output: &mut Vec<u8>, chunk: &[u8], count: std::io::Result<usize>) -> bool {
    let count = count.unwrap_or(0);
    let room = MAX_SYNC_OUTPUT.saturating_sub(output.len());
    output.extend_from_slice(&chunk[..count.min(room)]);
    count > 0
}
