//! Packets of the MySQL protocol: any bytes are taken or refused, and an answer that is cut anywhere ends at the same place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mysql::protocol::answer::{Answer, Event, Expect};
use mysql::protocol::change_user::ChangeUser;
use mysql::protocol::execute::Execute;
use mysql::protocol::greeting::Greeting;
use mysql::protocol::login::FirstPacket;
use mysql::protocol::reply::{Ok, ServerError, read_eof};
use mysql::protocol::{capability, packet, tracked};

fuzz_target!(|data: &[u8]| {
    let Some((&options, bytes)) = data.split_first() else { return };
    let capabilities = if options & 1 == 0 { capability::OFFERED } else { 0 };
    _ = FirstPacket::read(bytes);
    _ = Greeting::read(bytes);
    _ = ChangeUser::read(bytes, capabilities);
    _ = ServerError::read(bytes);
    _ = read_eof(bytes);
    _ = Execute::read(bytes, u16::from(options));
    if let Result::Ok(ok) = Ok::read(bytes, capabilities) {
        _ = tracked::for_client(ok.state);
    }
    if let Some((end, _)) = packet::whole(bytes) {
        assert!(packet::unframe(&bytes[..end]).len() <= end);
    }
    let expect = match options >> 1 & 7 {
        0 | 1 => Expect::Results,
        2 => Expect::Prepared,
        3 => Expect::Columns,
        4 => Expect::Rows,
        _ => Expect::One,
    };
    let cut = usize::from(options >> 4) * bytes.len() / 16;
    assert_eq!(hear(expect, capabilities, bytes, bytes.len()), hear(expect, capabilities, bytes, cut));
});

/// How far an answer goes and what ended it, where the bytes come in two pieces.
fn hear(expect: Expect, capabilities: u32, bytes: &[u8], cut: usize) -> (usize, u64, bool) {
    let mut answer = Answer::new(expect, capabilities);
    let mut at = 0;
    for end in [cut.min(bytes.len()), bytes.len()] {
        loop {
            match answer.scan(&bytes[..end], at) {
                Result::Ok((stopped, Event::More | Event::End)) => {
                    at = stopped;
                    break;
                }
                Result::Ok((stopped, _)) => {
                    at = stopped;
                    if answer.is_over() {
                        break;
                    }
                }
                // Where it is noticed depends on the pieces.
                Err(_) => return (0, 0, false),
            }
        }
        if answer.is_over() {
            break;
        }
    }
    (at, answer.rows, answer.is_over())
}
