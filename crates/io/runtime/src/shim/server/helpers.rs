//! What the shim's children report: containers made, commands running or not.

use super::descriptors::{console_master, pipe_with, receive_one};
use super::{Helper, Job, Server, end_session};
use crate::shim::container::{State, read_all};
use crate::shim::create;
use crate::shim::exec;
use crate::shim::protocol::{Failure, Message, Reply};
use jiff::Timestamp;
use rustix::fd::OwnedFd;

impl Server {
    /// Something came from a child at work.
    pub(super) fn helper_ready(&mut self, helper: Helper) {
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

    pub(super) fn created(&mut self, connection: u64, id: u64, key: &str, console: Option<OwnedFd>, result: &OwnedFd) {
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
                self.claim(pid);
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
    pub(super) fn exec_step(
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
            // End of the socket without a terminal: the status pipe knows why.
            Err(_) if pid.is_some() => {
                let job = Job::ExecStatus { connection, id, pid: pid.unwrap_or_default(), terminal };
                self.helpers.push(Helper { result: status, job });
                return pid.map(|pid| self.claim(pid)).unwrap_or_default();
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
        if let Some(pid) = pid {
            self.claim(pid);
        }
    }

    pub(super) fn settle_exec(&mut self, ended: i32) {
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

    pub(super) fn settle_start(&mut self, key: &str) {
        let of = |job: &Job| matches!(job, Job::Start { key: k, .. } if k == key);
        while let Some(at) = self.helpers.iter().position(|h| of(&h.job)) {
            let helper = self.helpers.remove(at);
            self.helper_ready(helper);
        }
    }
}
