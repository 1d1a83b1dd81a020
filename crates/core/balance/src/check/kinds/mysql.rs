//! `option mysql-check`: the server's greeting, and, with a user, its answer to that user without a password (MySQL's
//! protocol, "Connection Phase").

use super::{connect, expect_pattern, numbered, send};
use crate::check::rule::{Answer, Pattern, Rule};
use crate::health::Status;

/// Which `HandshakeResponse` is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Of servers before 4.1.
    Pre41,
    Post41,
}

/// CLIENT_SECURE_CONNECTION, alone and with CLIENT_PROTOCOL_41.
const CAPABILITIES_OLD: [u8; 2] = [0x00, 0x80];
const CAPABILITIES_41: [u8; 4] = [0x00, 0x82, 0x00, 0x00];

/// 16 MB less one, as little-endian numbers of three and four bytes.
const LONGEST_PACKET_OLD: [u8; 3] = [0x00, 0x00, 0x01];
const LONGEST_PACKET_41: [u8; 4] = [0x00, 0x80, 0x00, 0x01];

/// `utf8_general_ci`
const CHARSET: u8 = 33;

/// A packet with the command COM_QUIT.
const QUIT: [u8; 5] = [1, 0, 0, 0, 1];

pub fn rules(user: Option<(&str, Client)>) -> Vec<Rule> {
    let Some((user, client)) = user else {
        return numbered(vec![connect(), expect_pattern(Pattern::Custom(greeting), |_| {})]);
    };
    numbered(vec![
        connect(),
        send([log_in(user, client), QUIT.to_vec()].concat()),
        expect_pattern(Pattern::Custom(greeting), |_| {}),
        expect_pattern(Pattern::Custom(answer), |_| {}),
    ])
}

fn log_in(user: &str, client: Client) -> Vec<u8> {
    let user = user.as_bytes();
    let body = match client {
        Client::Pre41 => [&CAPABILITIES_OLD[..], &LONGEST_PACKET_OLD, user, b"\0\0"].concat(),
        Client::Post41 => [&CAPABILITIES_41[..], &LONGEST_PACKET_41, &[CHARSET], &[0; 23], user, b"\0\0"].concat(),
    };
    let length = (body.len() as u32).to_le_bytes();
    [&length[..3], &[1], &body].concat()
}

/// The first packet: a greeting or an error.
fn greeting(bytes: &[u8], last: bool) -> Answer {
    packet(bytes, last).map_or_else(|answer| answer, |_| Answer::Good)
}

/// The packet behind the greeting.
fn answer(bytes: &[u8], last: bool) -> Answer {
    let second = packet(bytes, last).and_then(|length| packet(&bytes[length..], last));
    second.map_or_else(|answer| answer, |_| Answer::Good)
}

/// The length of the first packet, its header included; or why there is none, or which error it tells.
fn packet(bytes: &[u8], last: bool) -> Result<usize, Answer> {
    let short = || if last { Answer::bad(Status::L7Response, "") } else { Answer::Wait };
    let &[a, b, c, _, ..] = bytes else { return Err(short()) };
    let length = 4 + u32::from_le_bytes([a, b, c, 0]) as usize;
    let Some(body) = bytes.get(4..length) else { return Err(short()) };
    match body {
        [0xff, low, high, text @ ..] => {
            let text = String::from_utf8_lossy(text).into_owned();
            let code = i32::from(u16::from_le_bytes([*low, *high]));
            Err(Answer::Bad { status: Status::L7Status, code, info: text })
        }
        _ => Ok(length),
    }
}
