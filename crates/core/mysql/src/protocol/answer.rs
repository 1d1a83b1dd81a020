//! Where a server's answer ends, while its bytes pass by.
//!
//! Rows are not looked at beyond their first byte: they are forwarded as they came. Packets that end something or carry
//! state are pointed at, so that the caller may read or rewrite them.

use super::packet::{HEADER, MAX_FRAME, header};
use super::reply::{EOF, ERR, LOCAL_INFILE, OK, read_eof, status};
use super::{Malformed, capability};
use std::ops::Range;

/// What a command is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// COM_QUERY, COM_STMT_EXECUTE, COM_PROCESS_INFO: OK, ERR, result sets, or a wish for a local file.
    Results,
    /// COM_STMT_PREPARE.
    Prepared,
    /// COM_FIELD_LIST: columns, EOF.
    Columns,
    /// COM_STMT_FETCH: rows, EOF.
    Rows,
    /// One packet, whatever it is: COM_PING, COM_INIT_DB, COM_STATISTICS, COM_STMT_RESET.
    One,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    /// Packets to pass, and what comes then.
    Skip {
        left: u64,
        then: Then,
    },
    Rows,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// An EOF, where the connection has such, then rows.
    Rows,
    /// Of a prepared statement, behind its parameters: its columns.
    Columns(u16),
    Done,
}

/// A packet that is pointed at; ranges are of its payload, within the bytes given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// All bytes given are taken (or the rest is the beginning of a packet that is needed whole).
    More,
    /// `last`: the answer ends with it. `kind` is the packet's first byte: 0, or 0xfe behind rows.
    Ok {
        payload: Range<usize>,
        last: bool,
    },
    /// The end of rows, of a connection that still has EOF packets.
    Eof {
        payload: Range<usize>,
        last: bool,
    },
    Err {
        payload: Range<usize>,
    },
    /// The client has to send a file now. After the file another answer begins.
    LocalInfile {
        payload: Range<usize>,
    },
    /// Head of the answer to COM_STMT_PREPARE; its definitions follow (`last`: there are none).
    Prepared {
        payload: Range<usize>,
        last: bool,
    },
    /// The answer is over, and its last packet was nothing to look at.
    End,
}

#[derive(Debug)]
pub struct Answer {
    expect: Expect,
    deprecate_eof: bool,
    state: State,
    /// Bytes of the frame at hand that are still to come, all of them to be passed.
    pass: usize,
    /// The frame at hand was as long as a frame can be: its packet goes on.
    goes_on: bool,
    /// Rows that passed.
    pub rows: u64,
}

impl Answer {
    /// `capabilities` of the connection to the server.
    pub fn new(expect: Expect, capabilities: u32) -> Self {
        let state = match expect {
            Expect::Columns => State::Skip { left: u64::MAX, then: Then::Done },
            Expect::Rows => State::Rows,
            _ => State::Start,
        };
        let deprecate_eof = capabilities & capability::DEPRECATE_EOF != 0;
        Self { expect, deprecate_eof, state, pass: 0, goes_on: false, rows: 0 }
    }

    pub fn is_over(&self) -> bool {
        self.state == State::Done && self.pass == 0
    }

    /// Takes in bytes from `at` on; returns where it stopped and why. With [`Event::More`] the bytes behind are
    /// wanted again with more after them. With other events it is to be called again from there.
    pub fn scan(&mut self, bytes: &[u8], mut at: usize) -> Result<(usize, Event), Malformed> {
        loop {
            if self.pass > 0 {
                let now = self.pass.min(bytes.len() - at);
                at += now;
                self.pass -= now;
                if self.pass > 0 {
                    return Ok((at, Event::More));
                }
            }
            if self.state == State::Done && !self.goes_on {
                return Ok((at, Event::End));
            }
            let Some(head) = bytes.get(at..at + HEADER) else { return Ok((at, Event::More)) };
            let (length, _) = header([head[0], head[1], head[2], head[3]]);
            if self.goes_on {
                self.goes_on = length == MAX_FRAME;
                at += HEADER;
                self.pass = length;
                continue;
            }
            // The byte behind an empty packet is the next one's.
            let first = match bytes.get(at + HEADER) {
                Some(&first) if length > 0 => first,
                None if length > 0 => return Ok((at, Event::More)),
                _ => OK,
            };
            if self.is_passed(first, length) {
                self.goes_on = length == MAX_FRAME;
                at += HEADER;
                self.pass = length;
                self.count();
                continue;
            }
            let payload = at + HEADER..at + HEADER + length;
            let Some(packet) = bytes.get(payload.clone()) else { return Ok((at, Event::More)) };
            at = payload.end;
            if let Some(event) = self.control(packet, payload)? {
                return Ok((at, event));
            }
        }
    }

    /// A packet whose inside is nobody's business here.
    fn is_passed(&self, first: u8, length: usize) -> bool {
        match self.state {
            State::Rows => !self.ends_rows(first, length),
            State::Skip { then: Then::Done, left: u64::MAX } => first != ERR && !(first == EOF && length < 9),
            State::Skip { left, .. } => left > 0,
            State::Start | State::Done => false,
        }
    }

    fn ends_rows(&self, first: u8, length: usize) -> bool {
        first == ERR || (first == EOF && if self.deprecate_eof { length < MAX_FRAME } else { length < 9 })
    }

    /// A packet passed.
    fn count(&mut self) {
        match self.state {
            State::Rows => self.rows += 1,
            State::Skip { left, then } if left != u64::MAX => self.skip(left - 1, then),
            _ => {}
        }
    }

    fn skip(&mut self, left: u64, then: Then) {
        self.state = State::Skip { left, then };
        if left == 0 && self.deprecate_eof {
            self.behind(then);
        }
    }

    /// The definitions are over, and the EOF behind them.
    fn behind(&mut self, then: Then) {
        match then {
            Then::Rows => self.state = State::Rows,
            Then::Columns(0) | Then::Done => self.state = State::Done,
            Then::Columns(count) => self.skip(count.into(), Then::Done),
        }
    }

    fn control(&mut self, packet: &[u8], payload: Range<usize>) -> Result<Option<Event>, Malformed> {
        let first = packet.first().copied().ok_or(Malformed::Short("kind"))?;
        if first == ERR {
            self.state = State::Done;
            return Ok(Some(Event::Err { payload }));
        }
        match self.state {
            State::Start => self.start(first, packet, payload),
            State::Rows => self.end_of_rows(packet, payload).map(Some),
            State::Skip { then, left } => {
                if left == u64::MAX {
                    self.state = State::Done;
                    return Ok(Some(Event::Eof { payload, last: true }));
                }
                self.behind(then);
                Ok(None)
            }
            State::Done => Ok(Some(Event::End)),
        }
    }

    fn start(&mut self, first: u8, packet: &[u8], payload: Range<usize>) -> Result<Option<Event>, Malformed> {
        match (self.expect, first) {
            (Expect::One, OK) => {
                self.state = State::Done;
                Ok(Some(Event::Ok { payload, last: true }))
            }
            (Expect::One, _) => {
                self.state = State::Done;
                Ok(Some(Event::End))
            }
            (Expect::Prepared, OK) => {
                let (columns, parameters) = prepared_counts(packet)?;
                match (columns, parameters) {
                    (0, 0) => self.state = State::Done,
                    (columns, 0) => self.skip(columns.into(), Then::Done),
                    (columns, parameters) => self.skip(parameters.into(), Then::Columns(columns)),
                }
                Ok(Some(Event::Prepared { payload, last: self.state == State::Done }))
            }
            (_, OK) => {
                let last = self.result_over(ok_status(packet)?);
                Ok(Some(Event::Ok { payload, last }))
            }
            (_, LOCAL_INFILE) => Ok(Some(Event::LocalInfile { payload })),
            _ => {
                let columns = super::packet::Reader::new(packet).lenenc("number of columns")?;
                self.skip(columns, Then::Rows);
                Ok(None)
            }
        }
    }

    fn end_of_rows(&mut self, packet: &[u8], payload: Range<usize>) -> Result<Event, Malformed> {
        if self.deprecate_eof {
            let last = self.result_over(ok_status(packet)?);
            return Ok(Event::Ok { payload, last });
        }
        let last = self.result_over(read_eof(packet)?.1);
        Ok(Event::Eof { payload, last })
    }

    fn result_over(&mut self, status: u16) -> bool {
        let more = status & status::MORE_RESULTS != 0;
        self.state = if more { State::Start } else { State::Done };
        !more
    }
}

fn ok_status(packet: &[u8]) -> Result<u16, Malformed> {
    super::reply::Ok::read(packet, 0).map(|ok| ok.status)
}

/// Columns and parameters of a prepared statement.
fn prepared_counts(packet: &[u8]) -> Result<(u16, u16), Malformed> {
    let mut reader = super::packet::Reader::new(packet);
    reader.bytes(5, "statement's id")?;
    Ok((reader.u16("number of columns")?, reader.u16("number of parameters")?))
}

#[cfg(test)]
mod tests;
