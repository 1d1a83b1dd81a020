//! `option ldap-check`: an anonymous bind (RFC 4511 section 4.2), in BER.

use super::{expect_pattern, numbered, regex, send};
use crate::check::rule::{Answer, Info, Pattern, Rule};
use crate::health::Status;

/// BindRequest: message 1, version 3, no name, simple authentication without a password.
const BIND: [u8; 14] = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00];

pub fn rules() -> Vec<Rule> {
    numbered(vec![
        send(BIND),
        expect_pattern(Pattern::BinaryRegex(regex("^30")), |expect| {
            expect.min_recv = 14;
            expect.on_error = Info::Words("Not LDAPv3 protocol");
        }),
        expect_pattern(Pattern::Custom(bind_response), |_| {}),
    ])
}

/// Why an answer is none, or not yet.
enum Bad {
    Short,
    Foreign,
}

fn bind_response(bytes: &[u8], last: bool) -> Answer {
    match result_code(bytes) {
        Ok(0) => Answer::Good,
        Ok(code) => Answer::Bad {
            status: Status::L7Status,
            code: i32::from(code),
            info: "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9".into(),
        },
        Err(Bad::Foreign) => Answer::bad(Status::L7Response, "Not LDAPv3 protocol"),
        Err(Bad::Short) if last => Answer::bad(Status::L7Response, ""),
        Err(Bad::Short) => Answer::Wait,
    }
}

/// Of `LDAPMessage { messageID 1, bindResponse { resultCode, .. } }`.
fn result_code(bytes: &[u8]) -> Result<u8, Bad> {
    let message = content(bytes.get(1..).ok_or(Bad::Short)?)?;
    let response = message.strip_prefix(&[0x02, 0x01, 0x01, 0x61]).ok_or(Bad::Foreign)?;
    let result = content(response)?;
    match result.strip_prefix(&[0x0a, 0x01]).ok_or(Bad::Foreign)? {
        [code, ..] => Ok(*code),
        [] => Err(Bad::Short),
    }
}

/// What follows a length in BER, as long as it says. Lengths of 1, 2 and 4 bytes are in use.
fn content(bytes: &[u8]) -> Result<&[u8], Bad> {
    let (first, rest) = bytes.split_first().ok_or(Bad::Short)?;
    let wide = usize::from(first & 0x7f);
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        _ if wide == 2 || wide == 4 => {
            let (length, rest) = rest.split_at_checked(wide).ok_or(Bad::Short)?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return Err(Bad::Foreign),
    };
    rest.get(..length).ok_or(Bad::Short)
}
