//! `option ssl-hello-chk`: a client's hello of SSLv3, answered by a hello or an alert (RFC 6101 section 5).

use super::{expect_pattern, numbered, regex, send};
use crate::check::rule::{Pattern, Rule};
use crate::health::Status;

/// Cipher suites 1 to 27 and 47 to 58: what SSLv3 and TLS 1.0 had.
fn ciphers() -> Vec<u8> {
    (0x01..=0x1b).chain(0x2f..=0x3a).flat_map(|suite: u8| [0, suite]).collect()
}

pub fn rules() -> Vec<Rule> {
    numbered(vec![
        send(hello()),
        expect_pattern(Pattern::BinaryRegex(regex("^1[56]")), |expect| {
            expect.min_recv = 5;
            expect.ok_status = Some(Status::L6Ok);
            expect.error_status = Some(Status::L6Response);
            expect.timeout_status = Some(Status::L6Timeout);
        }),
    ])
}

/// Record, handshake message, random bytes that say who asks, no session, ciphers, no compression.
fn hello() -> Vec<u8> {
    let ciphers = ciphers();
    let random = *b"\x00\x00\x00\x00HAPROXYSSLCHK\nHAPROXYSSLCHK\n";
    let mut hello = vec![3, 0];
    hello.extend(random);
    hello.push(0);
    hello.extend((ciphers.len() as u16).to_be_bytes());
    hello.extend(ciphers);
    hello.extend([1, 0]);
    let length = hello.len() as u16;
    let [high, low] = length.to_be_bytes();
    let [record_high, record_low] = (length + 4).to_be_bytes();
    [&[0x16, 3, 0, record_high, record_low, 1, 0, high, low][..], &hello].concat()
}
