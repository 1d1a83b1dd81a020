//! What an agent answers: one line of words (manual, `agent-check`).

use crate::health::{Agent, Outcome, Status, Wish};

/// Bytes of an agent's answer that are looked at.
const LONGEST: usize = super::LONGEST_ANSWER;

/// Reads an answer; nothing while its line has no end yet, and how the check ended where there is no line at all.
/// `complete`: no more will come.
pub fn read(bytes: &[u8], complete: bool) -> Option<Result<Agent, Outcome>> {
    let complete = complete || bytes.len() >= LONGEST;
    match bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        Some(end) if bytes[end] != 0 => Some(Ok(words(&String::from_utf8_lossy(&bytes[..end])))),
        _ if !complete => None,
        _ if bytes.is_empty() => {
            Some(Err(Outcome::new(Status::L7Response).with_info("TCPCHK got an empty response at step 2")))
        }
        _ => Some(Err(Outcome::new(Status::L7Timeout).with_info("Ignoring incomplete line from agent"))),
    }
}

/// The words of a line that mean something: of each kind the last one, of those that mean nothing the first.
fn words(line: &str) -> Agent {
    let mut agent = Agent::default();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(description) = rest.strip_prefix('#') {
            agent.description = description.trim_start_matches([' ', '\t']).to_owned();
            return agent;
        }
        if rest.is_empty() {
            return agent;
        }
        let end = rest.find([' ', '\t', ',']).unwrap_or(rest.len());
        take(&mut agent, &rest[..end]);
        rest = &rest[end..];
    }
}

fn take(agent: &mut Agent, word: &str) {
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "up" => agent.health = Some((word.to_owned(), Status::L7Ok)),
        "down" | "stopped" | "fail" => agent.health = Some((word.to_owned(), Status::L7Status)),
        "ready" => agent.wish = Some(Wish::Ready),
        "drain" => agent.wish = Some(Wish::Drain),
        "maint" => agent.wish = Some(Wish::Maint),
        _ if word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('%') => {
            agent.weight = Some(word.to_owned());
        }
        _ if lower.starts_with("maxconn:") => agent.maxconn = Some(word["maxconn:".len()..].to_owned()),
        _ => {
            agent.unknown.get_or_insert_with(|| word.to_owned());
        }
    }
}
