//! `option pgsql-check`: a start-up message, answered by a question for a password or by an error (PostgreSQL's
//! protocol, "Message Formats").

use super::{connect, expect, numbered, send};
use crate::check::rule::{Info, Rule};
use crate::health::Status;

pub fn rules(user: &str) -> Vec<Rule> {
    numbered(vec![
        connect(),
        send(start_up(user)),
        // ErrorResponse: its first field is the severity.
        expect("^E", |expect| {
            expect.inverse = true;
            expect.min_recv = 5;
            expect.on_error = Info::Line(6);
        }),
        // AuthenticationRequest, by length and kind.
        expect("^R\\x00\\x00\\x00[\\x08-\\xff]\\x00\\x00\\x00[\\x00-\\x0c]", |expect| {
            expect.min_recv = 9;
            expect.error_status = Some(Status::L7Status);
            expect.on_success = Info::Words("PostgreSQL server is ok");
            expect.on_error = Info::Words("PostgreSQL unknown error");
        }),
    ])
}

/// Length, version 3.0, parameters, an empty name.
fn start_up(user: &str) -> Vec<u8> {
    let parameters = [b"user\0", user.as_bytes(), b"\0\0"].concat();
    let length = (8 + parameters.len()) as u32;
    [&length.to_be_bytes()[..], &[0, 3, 0, 0], &parameters].concat()
}
