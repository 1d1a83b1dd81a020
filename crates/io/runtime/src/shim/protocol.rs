//! What agent and shim say to each other: frames of a 4-byte big-endian length and JSON, over a unix socket.
//!
//! Any connection may ask anything; answers carry the question's number. A connection that started an exec or attach
//! session is that session: closing it ends it. Descriptors travel with the frame (`SCM_RIGHTS`).

use crate::container::user::User;
use crate::status::{ContainerKey, Exit};
use jiff::Timestamp;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// Longest frame, bytes: commands of exec may be long; more than this is a bug or an attack.
pub const MAX_FRAME: usize = 4 << 20;
/// Descriptors with one frame, at most: stdin, stdout, stderr.
const MAX_FDS: usize = 3;

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub id: u64,
    pub call: Call,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// Events come on this connection from now on.
    Subscribe,
    /// Answered when no creation is under way.
    List,
    Create(Create),
    Start(ContainerKey),
    Signal {
        key: ContainerKey,
        signal: i32,
    },
    /// Only after its exit (or for one never created): unmounts and forgets.
    Remove(ContainerKey),
    /// Descriptors: those of stdin, stdout, stderr that are true, unless `tty`.
    Exec {
        key: ContainerKey,
        args: Vec<String>,
        tty: bool,
        stdin: bool,
        stdout: bool,
        stderr: bool,
    },
    /// Descriptors: stdout and (without tty) stderr.
    Attach {
        key: ContainerKey,
    },
    /// Kills everything and ends the shim.
    Shutdown,
}

/// Paths are absolute; `folder` holds `bundle/config.json` and `launch.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    pub key: ContainerKey,
    pub folder: PathBuf,
    pub log_path: Option<PathBuf>,
    pub log_max_bytes: u64,
    pub log_max_files: u32,
    pub stdin: bool,
    pub stdin_once: bool,
    pub tty: bool,
    /// Has its own PID namespace: the end of its first process is the end of all.
    pub own_pid_ns: bool,
    /// `cgroup.procs` of the container's cgroup.
    pub procs_file: PathBuf,
    /// The file with the line `oom_kill <count>`.
    pub oom_file: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Message {
    Ok {
        id: u64,
        reply: Reply,
    },
    Failed {
        id: u64,
        failure: Failure,
    },
    /// To subscribers: a container ended. Its record is on disk.
    Exited(Record),
    /// On a session's connection: its process ended.
    SessionEnded {
        code: i32,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    Done,
    Subscribed {
        pid: i32,
        pod_pid_ns: Option<i32>,
    },
    List(Vec<Record>),
    Created(Record),
    /// Descriptor: the terminal, with `tty`.
    Exec {
        pid: i32,
    },
    /// Descriptor: the container's stdin or terminal, when it has one.
    Attached {
        input: bool,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    pub message: String,
    /// What went wrong in `Start` and `Exec` as an exit code; 0 when the shim itself refuses.
    pub code: i32,
}

/// A container as the shim knows it; `status.json` in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub key: ContainerKey,
    pub pid: Option<i32>,
    pub started_at: Option<Timestamp>,
    pub exit: Option<Exit>,
    pub user: User,
}

pub fn encode(message: &impl Serialize) -> Vec<u8> {
    let mut frame = vec![0; 4];
    // Our own types: they always serialise.
    let _ = serde_json::to_writer(&mut frame, message);
    let length = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Takes one whole frame off the front. `Err` when the peer sends nonsense.
pub fn take_frame(buffer: &mut Vec<u8>) -> Result<Option<Vec<u8>>, ()> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head) as usize;
    if length > MAX_FRAME {
        return Err(());
    }
    if buffer.len() < 4 + length {
        return Ok(None);
    }
    let rest = buffer.split_off(4 + length);
    let frame = std::mem::replace(buffer, rest);
    Ok(Some(frame[4..].to_vec()))
}

/// Sends bytes, with descriptors attached to the first of them. Gives how many bytes went.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(rustix::io::Errno::INVAL);
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)
}

/// Receives bytes and the descriptors that came with them.
pub fn receive(socket: impl AsFd, buffer: &mut [u8], fds: &mut Vec<OwnedFd>) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    Ok(got.bytes)
}
