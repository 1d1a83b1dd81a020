//! One container as the shim holds it: its streams, log, attached sessions and end.

use super::protocol::{Create, Record};
use crate::container::overlay;
use crate::logs::writer::{Source, Writer};
use crate::status::Exit;
use jiff::Timestamp;
use nix::libc;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::collections::VecDeque;

/// What an attached session may lag behind, bytes. More and it is cut off: the container must not wait for it.
const MAX_LAG: usize = 1 << 20;
/// Rounds of reading after the end, so that processes left behind cannot keep us busy for ever.
const MAX_DRAIN: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    Creating,
    Created,
    Running,
    Exited,
}

pub struct Container {
    pub create: Create,
    pub state: State,
    pub record: Record,
    /// Write one byte to let the command run.
    pub go: Option<OwnedFd>,
    /// Tells why the command could not run; closes when it does.
    pub status: Option<OwnedFd>,
    /// stdout (or the terminal), stderr.
    pub outputs: [Option<OwnedFd>; 2],
    /// Write end of stdin.
    pub input: Option<OwnedFd>,
    log: Option<Writer>,
    pub taps: Vec<Tap>,
}

/// An attached session's pipe.
pub struct Tap {
    pub connection: u64,
    pub source: usize,
    pub pipe: OwnedFd,
    waiting: VecDeque<u8>,
}

impl Container {
    pub fn new(create: Create, record: Record) -> Self {
        let log = create
            .log_path
            .as_ref()
            .and_then(|path| Writer::open(path, create.log_max_bytes, create.log_max_files).ok());
        Self {
            create,
            state: State::Creating,
            record,
            go: None,
            status: None,
            outputs: [None, None],
            input: None,
            log,
            taps: Vec::new(),
        }
    }

    pub fn blocked(&self) -> bool {
        self.log.as_ref().is_some_and(Writer::blocked)
    }

    pub fn retry_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    /// Reads what is there from one output. False when it is at its end.
    pub fn pump(&mut self, source: usize, buffer: &mut [u8]) -> bool {
        let Some(fd) = &self.outputs[source] else { return false };
        match rustix::io::read(fd, &mut *buffer) {
            // A terminal whose last user is gone gives EIO.
            Ok(0) | Err(Errno::IO) => {
                self.outputs[source] = None;
                // The rest may come after the container's end, when a full disk held it up.
                if self.outputs.iter().all(Option::is_none)
                    && let Some(log) = &mut self.log
                {
                    log.finish(Timestamp::now());
                }
                false
            }
            Ok(count) => {
                let kind = if source == 0 { Source::Stdout } else { Source::Stderr };
                if let Some(log) = &mut self.log {
                    log.write(kind, &buffer[..count], Timestamp::now());
                }
                for tap in self.taps.iter_mut().filter(|t| t.source == source) {
                    tap.waiting.extend(&buffer[..count]);
                    tap.flush();
                }
                self.taps.retain(|tap| tap.waiting.len() <= MAX_LAG);
                true
            }
            Err(Errno::AGAIN | Errno::INTR) => true,
            Err(_) => {
                self.outputs[source] = None;
                false
            }
        }
    }

    pub fn add_tap(&mut self, connection: u64, source: usize, pipe: OwnedFd) {
        let _ = rustix::io::ioctl_fionbio(&pipe, true);
        self.taps.push(Tap { connection, source, pipe, waiting: VecDeque::new() });
    }

    pub fn flush_taps(&mut self) {
        self.taps.retain_mut(Tap::flush);
    }

    /// The first process has ended: reads the rest, writes the record.
    pub fn ended(&mut self, code: i32, signal: Option<i32>, buffer: &mut [u8]) {
        if !self.create.own_pid_ns {
            self.kill_all();
        }
        let mut message = String::new();
        if let Some(status) = self.status.take() {
            message = read_all(&status);
        }
        for source in 0..2 {
            for _ in 0..MAX_DRAIN {
                let Some(fd) = &self.outputs[source] else { break };
                if !readable(fd) || self.blocked() || !self.pump(source, buffer) {
                    break;
                }
            }
        }
        let now = Timestamp::now();
        if let Some(log) = &mut self.log {
            log.finish(now);
        }
        let oom_killed = code != 0 && oom_kills(&self.create.oom_file) > 0;
        self.record.exit = Some(Exit { code, signal, oom_killed, finished_at: now, message });
        self.record.pid = None;
        self.state = State::Exited;
        self.go = None;
        self.input = None;
        self.write_record();
    }

    pub fn write_record(&self) {
        let bytes = serde_json::to_vec(&self.record).unwrap_or_default();
        let _ = super::write_atomically(&self.create.folder.join("status.json"), &bytes, false);
    }

    pub fn kill_all(&self) {
        let text = std::fs::read_to_string(&self.create.procs_file).unwrap_or_default();
        for pid in text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
    }

    pub fn kill(&self) {
        if let Some(pid) = self.record.pid {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
        if !self.create.own_pid_ns {
            self.kill_all();
        }
    }

    /// Nothing is kept but files.
    pub fn dismantle(&mut self) {
        self.taps.clear();
        overlay::unmount(&self.create.folder.join("bundle/rootfs"));
    }
}

impl Tap {
    /// False when the reader is gone.
    pub fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            let (front, _) = self.waiting.as_slices();
            match rustix::io::write(&self.pipe, front) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }

    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

/// What a helper left in its pipe, without waiting for more. Texts are short: one page is enough.
pub fn read_all(fd: &OwnedFd) -> String {
    let mut buffer = [0u8; 4096];
    let mut filled = 0;
    while filled < buffer.len() && readable(fd) {
        match rustix::io::read(fd, &mut buffer[filled..]) {
            Ok(0) | Err(_) => break,
            Ok(count) => filled += count,
        }
    }
    String::from_utf8_lossy(&buffer[..filled]).into_owned()
}

fn readable(fd: &OwnedFd) -> bool {
    let mut poll = libc::pollfd { fd: std::os::fd::AsRawFd::as_raw_fd(&fd.as_fd()), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid pollfd.
    unsafe { libc::poll(&mut poll, 1, 0) > 0 }
}

fn oom_kills(path: &std::path::Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}
