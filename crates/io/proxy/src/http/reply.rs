//! Answers that no server gave: of rules, of errors.

use super::exchange::Exchange;
use balance::config::model::{Error, Proxy};
use balance::http::framing::Facts;
use balance::http::parse::{self, Limits};
use balance::http::reply::{Answer, Reply};
use balance::http::{ResponseHead, Version};

/// An answer ready to be sent.
pub struct Ready {
    pub head: ResponseHead,
    pub facts: Facts,
    pub body: Vec<u8>,
    /// The client's connection ends with it.
    pub close: bool,
}

/// Makes an answer of what was decided. None: nothing is to be sent (an empty `errorfile`).
pub fn ready(reply: Reply, exchange: &Exchange<'_>) -> Option<Ready> {
    match reply {
        Reply::Page(status) => page(status, exchange),
        Reply::PageOf { section, status } => {
            let running = exchange.worker().engine.running();
            let section = running.config.http_errors.iter().find(|errors| *errors.name == *section);
            match section.and_then(|errors| errors.files.get(&status)) {
                Some((_, content)) => raw(content),
                None => Some(built(Answer::page(status))),
            }
        }
        Reply::Raw { bytes, .. } => raw(&bytes),
        Reply::Built(answer) => Some(built(answer)),
    }
}

/// The backend's own page, else the frontend's, else the built-in one.
fn page(status: u16, exchange: &Exchange<'_>) -> Option<Ready> {
    let built_in = Answer::page(status);
    let close = built_in.close;
    let programs = [exchange.flow.programs.inner(), &exchange.flow.programs.front];
    let proxies: [&Proxy; 2] = [&exchange.back, &exchange.front];
    let own = proxies.iter().zip(programs).find_map(|(proxy, program)| Some((proxy.errors.get(&status)?, program)));
    let ready = match own {
        Some((Error::Raw { content, .. }, _)) => raw(content)?,
        Some((Error::Redirect { status, location }, _)) => {
            // HAProxy's text for `errorloc`: another word for 302 than elsewhere, and this order.
            let plain = Answer::new(*status);
            let reason = if *status == 302 { "Found".to_owned() } else { plain.reason.clone() };
            let answer = plain.header("cache-control", "no-cache").header("location", location.as_bytes());
            built(Answer { reason, headers_first: 1, ..answer })
        }
        Some((Error::Built(_), program)) => match program.errors.get(&status).map(|spec| spec.reply(&exchange.flow)) {
            // What refers to a page again means the built-in one.
            None | Some(Reply::Page(_)) => built(built_in),
            Some(reply) => self::ready(reply, exchange)?,
        },
        None => built(built_in),
    };
    Some(Ready { close: close || ready.close, ..ready })
}

fn built(answer: Answer) -> Ready {
    let mut head = ResponseHead::new(answer.status, answer.reason.as_bytes(), Version::Http11);
    let (first, rest) = answer.headers.split_at(answer.headers_first.min(answer.headers.len()));
    first.iter().for_each(|(name, value)| head.headers.add(name, value));
    let has_body = answer.status >= 200 && answer.status != 204 && answer.status != 304;
    if has_body {
        head.headers.add(b"content-length", answer.body.len().to_string().as_bytes());
    }
    rest.iter().for_each(|(name, value)| head.headers.add(name, value));
    let facts = Facts { length: has_body.then_some(answer.body.len() as u64), ..Facts::default() };
    Ready { head, facts, body: answer.body, close: answer.close }
}

/// A file's answer: what cannot be read as one is not sent at all.
fn raw(bytes: &[u8]) -> Option<Ready> {
    let limits = Limits { bytes: usize::MAX, lax: true, ..Limits::default() };
    let mut head = ResponseHead::default();
    let parsed = parse::response(bytes, &limits, &mut head).ok()??;
    let body = bytes[parsed.used..].to_vec();
    let close = parsed.facts.close;
    head.headers.remove(b"transfer-encoding");
    head.headers.set(b"content-length", body.len().to_string().as_bytes());
    let facts = Facts { length: Some(body.len() as u64), ..Facts::default() };
    Some(Ready { head, facts, body, close })
}
