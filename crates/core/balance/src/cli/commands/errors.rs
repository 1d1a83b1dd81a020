//! `show errors`: invalid messages that were kept.

use crate::cli::Captured;
use crate::cli::answer::Answer;
use crate::cli::call::{Call, leading_number};

/// Characters of a message a line shows at most; the whole line stays within 79 columns.
const WIDTH: usize = 70;

/// HAProxy's buffer as its configuration has it by default, and what stands in it before the message.
const SIZE: usize = 16384;
const HEAD: usize = 48;

pub fn show(call: &mut Call<'_>) -> Answer {
    let (count, mut captured) = call.subject.errors();
    match call.word(0) {
        "" => {}
        word => match leading_number(word) {
            -1 => {}
            0 => match call.subject.proxies().iter().find(|proxy| proxy.name == word) {
                Some(proxy) => captured.retain(|message| message.proxy_id == proxy.id),
                None => return Answer::error("No such proxy.\n"),
            },
            id => captured.retain(|message| i64::from(message.proxy_id) == id),
        },
    }
    match call.word(1) {
        "request" => captured.retain(|message| message.request),
        "response" => captured.retain(|message| !message.request),
        _ => {}
    }
    let mut out = format!("Total events captured on [{}] : {count}\n", call.subject.date());
    out.extend(captured.iter().map(message));
    Answer::data(out)
}

fn message(message: &Captured) -> String {
    let object = |object: &Option<(String, u32)>, none: &str| match object {
        Some((name, id)) => format!("{name} (#{id})"),
        None => format!("{none} (#-1)"),
    };
    let (side, what) = if message.request { ("frontend", "request") } else { ("backend", "response") };
    let other = if message.request {
        format!("backend {}", object(&message.backend, "<NONE>"))
    } else {
        format!("frontend {} (#{})", message.frontend, message.frontend_id)
    };
    let source = message.source.map_or("unknown".to_owned(), |source| source.to_string());
    format!(
        " \n[{}] {side} {} (#{}): invalid {what}\n  {other}, server {}, event #{}, src {source}\n  \
         buffer starts at 0 (including 0 out), {} free,\n  len {}, wraps at {}, error at position {}:\n  \n{}",
        message.date,
        message.proxy,
        message.proxy_id,
        object(&message.server, "<NONE>"),
        message.event,
        SIZE.saturating_sub(message.bytes.len()),
        message.bytes.len(),
        SIZE - HEAD,
        message.position,
        dump(&message.bytes),
    )
}

/// A line per line of the message, or several with a `+` where it is long; what is not printable is escaped.
fn dump(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut line = String::new();
    let mut start = 0;
    let mut mark = ' ';
    for (at, byte) in bytes.iter().enumerate() {
        let shown = escaped(*byte);
        if line.len() + shown.len() > WIDTH {
            out += &format!("  {start:05}{mark} {line}\n");
            line.clear();
            (start, mark) = (at, '+');
        }
        line += &shown;
        if *byte == b'\n' || at + 1 == bytes.len() {
            out += &format!("  {start:05}{mark} {line}\n");
            line.clear();
            (start, mark) = (at + 1, ' ');
        }
    }
    out
}

fn escaped(byte: u8) -> String {
    match byte {
        b'\t' => r"\t".to_owned(),
        b'\n' => r"\n".to_owned(),
        b'\r' => r"\r".to_owned(),
        0x1b => r"\e".to_owned(),
        b'\\' => r"\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!(r"\x{other:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_below() {
        let bytes = format!("GET / HTTP/1.1\r\nHost\u{1}: {}\r\n", "x".repeat(90));
        let expected = [
            r"  00000  GET / HTTP/1.1\r\n",
            &format!(r"  00016  Host\x01: {}", "x".repeat(60)),
            &format!(r"  00083+ {}\r\n", "x".repeat(30)),
        ];
        assert_eq!(dump(bytes.as_bytes()).lines().collect::<Vec<_>>(), expected);
    }
}
