//! The HTTP server among the kinds of backends.

use super::{Behaviour, Shared, converse};
use crate::balance::scenario::bytes;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::PoisonError;

/// Answers each request with its name and what it received.
pub fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = request(&mut reader)? {
        // As it is now, not as it was when the connection was made.
        let behaviour = shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner).clone();
        std::thread::sleep(behaviour.delay());
        if behaviour.kind != "http" {
            return converse(stream, shared, &behaviour);
        }
        let mut stream = stream;
        stream.write_all(&answer(&shared.name, &behaviour, &head, &body))?;
        if behaviour.get("close").is_some() || behaviour.get("half").is_some() || behaviour.get("bodyless").is_some() {
            return Ok(());
        }
    }
    Ok(())
}

/// Head and body. `None` at the end of the connection.
fn request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.split_once("content-length:").and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    if lower.contains("transfer-encoding: chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                break;
            }
        }
    }
    Ok(Some((head, body)))
}

fn answer(name: &str, behaviour: &Behaviour, head: &str, body: &[u8]) -> Vec<u8> {
    let status = behaviour.get("status").unwrap_or("200");
    let version = if behaviour.get("v10").is_some() { "1.0" } else { "1.1" };
    let mut answer = format!("HTTP/{version} {status} Said\r\nX-Server: {name}\r\n").into_bytes();
    for header in behaviour.all("header") {
        answer.extend_from_slice(format!("{header}\r\n").as_bytes());
    }
    let said = match (behaviour.get("body"), behaviour.get("size").and_then(|size| size.parse::<usize>().ok())) {
        (Some(text), _) => bytes(text),
        (None, Some(size)) => (0..size).map(|place| b'a' + (place % 26) as u8).collect(),
        (None, None) => [head.as_bytes(), body].concat(),
    };
    let method_head = head.starts_with("HEAD ");
    if behaviour.get("chunked").is_some() {
        answer.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        if !method_head {
            for chunk in said.chunks(700) {
                answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                answer.extend_from_slice(chunk);
                answer.extend_from_slice(b"\r\n");
            }
            answer.extend_from_slice(b"0\r\n\r\n");
        }
        return answer;
    }
    if behaviour.get("bodyless").is_none() {
        answer.extend_from_slice(format!("Content-Length: {}\r\n", said.len()).as_bytes());
    }
    answer.extend_from_slice(b"\r\n");
    if !method_head {
        let sent = if behaviour.get("half").is_some() { said.len() / 2 } else { said.len() };
        answer.extend_from_slice(&said[..sent]);
    }
    answer
}
