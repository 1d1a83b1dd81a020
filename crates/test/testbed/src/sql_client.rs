//! A client of the MySQL protocol that keeps what it gets as bytes: to compare what two servers say to the letter.

use mysql::protocol::auth::{self, Secret};
use mysql::protocol::capability;
use mysql::protocol::command::Command;
use mysql::protocol::greeting::Greeting;
use mysql::protocol::login::Login;
use mysql::protocol::packet::{self, HEADER, Reader};
use mysql::protocol::reply::{EOF, ERR, OK, Ok as OkPacket, ServerError, read_eof, status};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any statement of a test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Flags of a status that do not depend on the server that answers.
const COMPARED: u16 = status::IN_TRANSACTION
    | status::AUTOCOMMIT
    | status::MORE_RESULTS
    | status::NO_BACKSLASH_ESCAPES
    | status::ANSI_QUOTES;

pub struct SqlClient {
    stream: TcpStream,
    sequence: u8,
    capabilities: u32,
    pub id: u32,
}

/// One result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Ok {
        affected: u64,
        last_insert_id: u64,
        status: u16,
        warnings: u16,
        info: String,
    },
    /// Rows as they came, columns by name.
    Rows {
        columns: Vec<String>,
        rows: Vec<Vec<u8>>,
        status: u16,
        warnings: u16,
    },
    Error {
        code: u16,
        state: String,
        message: String,
    },
    Prepared {
        id: u32,
        columns: u16,
        parameters: u16,
    },
}

impl SqlClient {
    /// `deprecate_eof`: as MariaDB's own client; without as PHP and PyMySQL.
    ///
    /// # Errors
    /// The socket's; `PermissionDenied` with the server's words.
    pub fn connect(port: u16, user: (&str, &str), schema: &str, deprecate_eof: bool) -> io::Result<Self> {
        Self::connect_to("127.0.0.1", port, user, schema, deprecate_eof)
    }

    /// As [`Self::connect`], elsewhere.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub fn connect_to(
        address: &str,
        port: u16,
        (user, password): (&str, &str),
        schema: &str,
        deprecate_eof: bool,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect((address, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { stream, sequence: 0, capabilities: capability::OFFERED, id: 0 };
        client.capabilities &= !(capability::FOUND_ROWS | capability::IGNORE_SPACE | capability::ODBC);
        client.capabilities &= !(capability::NO_SCHEMA | capability::CONNECT_ATTRS | capability::SESSION_TRACK);
        if !deprecate_eof {
            client.capabilities &= !capability::DEPRECATE_EOF;
        }
        let greeting = client.receive()?;
        if greeting.first() == Some(&ERR) {
            return Err(refused(&greeting));
        }
        let greeting = Greeting::read(&greeting).map_err(io::Error::other)?;
        client.id = greeting.connection_id;
        let answer = Secret::Clear(password.to_owned()).answer(auth::NATIVE.as_bytes(), &greeting.scramble);
        let login = Login {
            capabilities: client.capabilities,
            max_packet: 1 << 24,
            collation: 45,
            user: user.into(),
            auth_response: answer.unwrap_or_default(),
            schema: Some(schema.into()),
            auth_plugin: Some(auth::NATIVE.into()),
            attributes: Vec::new(),
        };
        let mut payload = Vec::new();
        login.write(&mut payload);
        client.send(&payload)?;
        let verdict = client.receive()?;
        match verdict.first() {
            Some(&OK) => Ok(client),
            _ => Err(refused(&verdict)),
        }
    }

    /// # Errors
    /// The socket's: the server's own are answers.
    pub fn query(&mut self, text: &str) -> io::Result<Vec<Answer>> {
        self.command(Command::Query, text.as_bytes())?;
        self.answers()
    }

    /// # Errors
    /// As [`Self::query`].
    pub fn prepare(&mut self, text: &str) -> io::Result<Answer> {
        self.command(Command::StmtPrepare, text.as_bytes())?;
        let head = self.receive()?;
        if head.first() == Some(&ERR) {
            return Ok(error(&head));
        }
        let mut reader = Reader::new(&head[1..]);
        let id = reader.u32("id").map_err(io::Error::other)?;
        let columns = reader.u16("columns").map_err(io::Error::other)?;
        let parameters = reader.u16("parameters").map_err(io::Error::other)?;
        for definitions in [parameters, columns] {
            for _ in 0..definitions {
                self.receive()?;
            }
            if definitions > 0 && self.has_eofs() {
                self.receive()?;
            }
        }
        Ok(Answer::Prepared { id, columns, parameters })
    }

    /// With parameters that are all text; types are sent the first time only, as client libraries do.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn execute(&mut self, id: u32, parameters: &[&str], first: bool) -> io::Result<Vec<Answer>> {
        /// MYSQL_TYPE_VAR_STRING.
        const VAR_STRING: u8 = 0xfd;
        let mut argument = id.to_le_bytes().to_vec();
        argument.push(0);
        argument.extend_from_slice(&1_u32.to_le_bytes());
        if !parameters.is_empty() {
            argument.extend(vec![0; parameters.len().div_ceil(8)]);
            argument.push(u8::from(first));
            if first {
                parameters.iter().for_each(|_| argument.extend_from_slice(&[VAR_STRING, 0]));
            }
            parameters.iter().for_each(|value| packet::put_lenenc_bytes(&mut argument, value.as_bytes()));
        }
        self.command(Command::StmtExecute, &argument)?;
        self.answers()
    }

    /// With one parameter, whose parts were sent ahead.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn execute_sent_ahead(&mut self, id: u32) -> io::Result<Vec<Answer>> {
        /// MYSQL_TYPE_LONG_BLOB.
        const LONG_BLOB: u8 = 0xfb;
        let mut argument = id.to_le_bytes().to_vec();
        argument.push(0);
        argument.extend_from_slice(&1_u32.to_le_bytes());
        argument.extend_from_slice(&[0, 1, LONG_BLOB, 0]);
        self.command(Command::StmtExecute, &argument)?;
        self.answers()
    }

    /// # Errors
    /// As [`Self::query`].
    pub fn close(&mut self, id: u32) -> io::Result<()> {
        self.command(Command::StmtClose, &id.to_le_bytes())
    }

    /// A command that is answered by one OK or ERR: COM_PING, COM_INIT_DB, COM_RESET_CONNECTION.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn simple(&mut self, command: Command, argument: &[u8]) -> io::Result<Answer> {
        self.command(command, argument)?;
        let payload = self.receive()?;
        if payload.first() == Some(&ERR) { Ok(error(&payload)) } else { self.ok(&payload) }
    }

    /// A packet that is no command.
    ///
    /// # Errors
    /// The socket's.
    pub fn send_noise(&mut self, payload: &[u8]) -> io::Result<()> {
        self.sequence = 0;
        self.send(payload)
    }

    /// Waits for the first byte of whatever comes, for a moment.
    pub fn hear_anything(&mut self) {
        const MOMENT: Duration = Duration::from_millis(5);
        _ = self.stream.set_read_timeout(Some(MOMENT));
        _ = self.stream.read(&mut [0]);
    }

    fn has_eofs(&self) -> bool {
        self.capabilities & capability::DEPRECATE_EOF == 0
    }

    fn answers(&mut self) -> io::Result<Vec<Answer>> {
        let mut answers = Vec::new();
        loop {
            let answer = self.answer()?;
            let more = match &answer {
                Answer::Ok { status, .. } | Answer::Rows { status, .. } => status & status::MORE_RESULTS != 0,
                Answer::Error { .. } | Answer::Prepared { .. } => false,
            };
            answers.push(answer);
            if !more {
                return Ok(answers);
            }
        }
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let head = self.receive()?;
        match head.first() {
            Some(&ERR) => return Ok(error(&head)),
            Some(&OK) => return self.ok(&head),
            _ => {}
        }
        let count = Reader::new(&head).lenenc("columns").map_err(io::Error::other)?;
        let columns = (0..count).map(|_| self.receive().and_then(|bytes| name(&bytes))).collect::<io::Result<_>>()?;
        if self.has_eofs() {
            self.receive()?;
        }
        let mut rows = Vec::new();
        loop {
            let payload = self.receive()?;
            match payload.first() {
                Some(&ERR) => return Ok(error(&payload)),
                Some(&EOF) if self.has_eofs() && payload.len() < 9 => {
                    let (warnings, status) = read_eof(&payload).map_err(io::Error::other)?;
                    return Ok(Answer::Rows { columns, rows, status: status & COMPARED, warnings });
                }
                Some(&EOF) if !self.has_eofs() => {
                    let ok = OkPacket::read(&payload, self.capabilities).map_err(io::Error::other)?;
                    return Ok(Answer::Rows { columns, rows, status: ok.status & COMPARED, warnings: ok.warnings });
                }
                _ => rows.push(payload),
            }
        }
    }

    fn ok(&self, payload: &[u8]) -> io::Result<Answer> {
        let ok = OkPacket::read(payload, self.capabilities).map_err(io::Error::other)?;
        Ok(Answer::Ok {
            affected: ok.affected_rows,
            last_insert_id: ok.last_insert_id,
            status: ok.status & COMPARED,
            warnings: ok.warnings,
            info: String::from_utf8_lossy(ok.info).into_owned(),
        })
    }

    fn command(&mut self, command: Command, argument: &[u8]) -> io::Result<()> {
        self.sequence = 0;
        let mut payload = vec![command as u8];
        payload.extend_from_slice(argument);
        self.send(&payload)
    }

    fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut out = Vec::new();
        self.sequence = packet::frame(&mut out, self.sequence, payload);
        self.stream.write_all(&out)
    }

    /// A packet, whose number has to be the next one.
    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut payload = Vec::new();
        loop {
            let mut head = [0; HEADER];
            self.stream.read_exact(&mut head)?;
            let (length, sequence) = packet::header(head);
            if sequence != self.sequence {
                return Err(io::Error::other(format!("packet {sequence} came where {} was due", self.sequence)));
            }
            self.sequence = sequence.wrapping_add(1);
            let start = payload.len();
            payload.resize(start + length, 0);
            self.stream.read_exact(&mut payload[start..])?;
            if length < packet::MAX_FRAME {
                return Ok(payload);
            }
        }
    }
}

fn refused(payload: &[u8]) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{:?}", ServerError::read(payload)))
}

fn error(payload: &[u8]) -> Answer {
    let error = ServerError::read(payload).expect("an ERR packet");
    Answer::Error {
        code: error.code,
        state: String::from_utf8_lossy(&error.state).into_owned(),
        message: error.message,
    }
}

fn name(definition: &[u8]) -> io::Result<String> {
    let mut reader = Reader::new(definition);
    let mut text = || reader.lenenc_bytes("column").map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for _ in 0..4 {
        text().map_err(io::Error::other)?;
    }
    text().map_err(io::Error::other)
}
