//! One connection to the statistics socket.

use super::answer::{Answer, Show};
use super::call::Call;
use super::{Level, Subject, help, line, table};
use std::time::Duration;

/// What is to be sent, and what happens then.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub bytes: Vec<u8>,
    /// No more commands are taken.
    pub close: bool,
    /// `_getsocks`: the listening sockets are to be passed on.
    pub pass_listeners: bool,
}

/// Where commands go on the master's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    Master,
    Worker,
}

/// The state of a connection.
#[derive(Debug)]
pub struct Session {
    pub(super) level: Level,
    pub(super) show: Show,
    /// Inactivity after which the connection ends.
    pub(super) timeout: Duration,
    pub(super) interactive: bool,
    pub(super) experimental: bool,
    pub(super) expert: bool,
    pub(super) closing: bool,
    pub(super) pass_listeners: bool,
    /// The socket gives away listening sockets.
    pub(super) exposes_listeners: bool,
    master: Option<Process>,
    /// Bytes of a line and its payload, at most: `tune.bufsize`.
    limit: usize,
    input: Vec<u8>,
    /// The command line a payload is being read for, and how many bytes of the payload there are.
    payload: Option<(String, String)>,
}

impl Session {
    /// A connection to a socket of this level. `timeout`: `stats timeout`; `limit`: `tune.bufsize`.
    pub fn new(level: Level, timeout: Duration, limit: usize) -> Self {
        Self {
            level,
            show: Show::None,
            timeout,
            interactive: false,
            experimental: false,
            expert: false,
            closing: false,
            pass_listeners: false,
            exposes_listeners: false,
            master: None,
            limit,
            input: Vec::new(),
            payload: None,
        }
    }

    /// The socket has `expose-fd listeners`.
    pub fn exposing_listeners(mut self, exposes: bool) -> Self {
        self.exposes_listeners = exposes;
        self
    }

    /// A connection to the master's socket (`-S`).
    pub fn of_master(mut self) -> Self {
        self.master = Some(Process::Master);
        self
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Takes in what was received. Without a prompt, the connection ends once the lines that came along are answered.
    pub fn handle_input(&mut self, bytes: &[u8], subject: &dyn Subject) -> Output {
        let mut output = Output::default();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.closing {
                break;
            }
            self.input.extend_from_slice(piece);
            let held = self.input.len() + self.payload.as_ref().map_or(0, |(line, text)| line.len() + text.len());
            if held > self.limit {
                self.closing = true;
            } else if piece.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.input)).into_owned();
                self.line(&line, subject, &mut output);
            }
        }
        if !output.bytes.is_empty() && !self.interactive && self.payload.is_none() {
            self.closing = true;
        }
        output.close = self.closing;
        output.pass_listeners = std::mem::take(&mut self.pass_listeners);
        output
    }

    fn line(&mut self, line: &str, subject: &dyn Subject, output: &mut Output) {
        if let Some((command, mut payload)) = self.payload.take() {
            if !line.trim_end_matches(['\r', '\n']).is_empty() {
                payload += line;
                self.payload = Some((command, payload));
                self.prompt(subject, output);
                return;
            }
            self.commands(&command, Some(&payload), subject, output);
        } else if let Some(command) = line::with_payload(line) {
            self.payload = Some((command.to_owned(), String::new()));
            self.prompt(subject, output);
        } else {
            self.commands(line, None, subject, output);
        }
    }

    /// Runs the commands of a line; a payload belongs to the last one.
    fn commands(&mut self, line: &str, payload: Option<&str>, subject: &dyn Subject, output: &mut Output) {
        let commands = line::commands(line);
        let last = commands.len() - 1;
        for (at, words) in commands.iter().enumerate() {
            let payload = payload.filter(|_| at == last);
            if let Some(answer) = self.command(words, payload, subject) {
                output.bytes.extend(answer.render(self.show).into_bytes());
            }
            if self.closing || self.pass_listeners {
                return;
            }
            self.prompt(subject, output);
        }
    }

    fn prompt(&self, subject: &dyn Subject, output: &mut Output) {
        if !self.interactive {
            return;
        }
        let prompt = match (&self.payload, self.master) {
            (Some(_), _) => "+ ".to_owned(),
            (None, None) => "> ".to_owned(),
            (None, Some(Process::Master)) => "master> ".to_owned(),
            (None, Some(Process::Worker)) => format!("{}> ", subject.pid()),
        };
        output.bytes.extend(prompt.into_bytes());
    }

    /// Runs one command; nothing to answer when it only changes where the next ones go, or ends the connection.
    fn command(&mut self, words: &[String], payload: Option<&str>, subject: &dyn Subject) -> Option<Answer> {
        if self.master.is_some()
            && let Some((target, rest)) = words.split_first()
            && let Some(target) = target.strip_prefix('@')
        {
            return self.directed(target, rest, payload, subject);
        }
        self.run(words, payload, subject)
    }

    /// `@1 show info`, `@master`, `@!<pid>`: for one command, or without any for those that follow.
    fn directed(
        &mut self,
        target: &str,
        rest: &[String],
        payload: Option<&str>,
        subject: &dyn Subject,
    ) -> Option<Answer> {
        let pid = subject.pid().to_string();
        let process = match target {
            "master" | "" => Process::Master,
            "1" => Process::Worker,
            other if other.strip_prefix('!') == Some(&pid) => Process::Worker,
            other => {
                let text = format!("Can't find the target PID matching the prefix '@{other}'");
                self.closing = !self.interactive;
                return Some(Answer::error(text));
            }
        };
        if rest.is_empty() {
            self.master = Some(process);
            return None;
        }
        let before = self.master.replace(process);
        let answer = self.run(rest, payload, subject);
        self.master = before;
        answer
    }

    fn run(&mut self, words: &[String], payload: Option<&str>, subject: &dyn Subject) -> Option<Answer> {
        let visible = self.visible();
        let Some(command) = table::find(words, visible) else {
            return Some(Answer::error(help::unknown(words, visible)));
        };
        if self.level < command.level {
            return Some(Answer::denied());
        }
        if command.experimental && !self.experimental {
            return Some(Answer::error("This command is restricted to experimental mode only.\n"));
        }
        let words = &words[command.words.len()..];
        let answer = (command.run)(&mut Call { words, payload, session: self, subject });
        (!self.closing && !self.pass_listeners || !answer.text.is_empty()).then_some(answer)
    }

    /// Which commands there are on this connection.
    pub(super) fn visible(&self) -> table::Visible {
        match self.master {
            Some(Process::Master) => table::Visible::Master,
            _ => table::Visible::Worker { experimental: self.experimental },
        }
    }

    /// The one of the master, whose commands tell of processes.
    pub(super) fn lower(&mut self, level: Level) -> Answer {
        if self.level < level {
            return Answer::denied();
        }
        self.level = level;
        (self.experimental, self.expert) = (false, false);
        Answer::done()
    }
}
