//! Whether an answer is what a rule expects.

use super::http::{Invalid, Response};
use super::rule::{Answer, Code, Expect, HeaderPattern, Info, Match, Pattern};
use super::text::{Text, render, to_hex};
use crate::health::Status;
use crate::http::Headers;
use crate::sample::Context;

/// What a rule says of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// More may come.
    Wait,
    Good,
    /// As it should not be; with what is to be told, if the usual is not.
    Bad(Option<String>),
    /// As a protocol's own reader says.
    Own(Answer),
}

impl Expect {
    /// Of a check that is not HTTP. `last`: no more will come.
    pub fn look(&self, bytes: &[u8], last: bool, context: &dyn Context) -> Found {
        let pattern = match &self.pattern {
            Pattern::Text(text) | Pattern::Binary(text) => Some(text.make(context)),
            _ => None,
        };
        let needed = match &pattern {
            Some(text) => text.len().max(self.min_recv.max(0) as usize),
            None => self.min_recv.max(0) as usize,
        };
        if !last && bytes.len() < needed {
            return Found::Wait;
        }
        let found = match (&self.pattern, &pattern) {
            (_, Some(text)) => contains(bytes, text),
            (Pattern::Regex(regex), _) => regex.is_match(bytes),
            (Pattern::BinaryRegex(regex), _) => regex.is_match(&to_hex(bytes)),
            (Pattern::Custom(read), _) => {
                return match read(bytes, last) {
                    Answer::Good => Found::Good,
                    Answer::Wait => Found::Wait,
                    bad => Found::Own(bad),
                };
            }
            // Patterns of HTTP, which no other check has.
            _ => false,
        };
        self.decide(found, last, None)
    }

    /// Of an HTTP check.
    pub fn look_http(&self, response: &Response, context: &dyn Context) -> Found {
        let (status, head, last) = (response.head.status, &response.head, response.complete);
        let reason = || Some(String::from_utf8_lossy(head.reason()).into_owned());
        match &self.pattern {
            Pattern::HttpStatus(ranges) => {
                let found = ranges.iter().any(|(from, to)| (*from..=*to).contains(&status));
                self.decide(found, true, reason())
            }
            Pattern::HttpStatusRegex(regex) => {
                self.decide(regex.is_match(status.to_string().as_bytes()), true, reason())
            }
            Pattern::HttpHeader(header) => self.decide(header.find(&head.headers, context), true, reason()),
            Pattern::HttpBody(_) | Pattern::HttpBodyRegex(_) if response.body.is_empty() => match last {
                true => Found::Bad(Some("HTTP content check could not find a response body".into())),
                false => Found::Wait,
            },
            Pattern::HttpBody(text) => self.decide_body(contains(&response.body, &text.make(context)), last),
            Pattern::HttpBodyRegex(regex) => self.decide_body(regex.is_match(&response.body), last),
            // Patterns of bytes, which no HTTP check has.
            _ => self.decide(false, last, None),
        }
    }

    fn decide_body(&self, found: bool, last: bool) -> Found {
        let told = if found { "HTTP check matched unwanted content" } else { "HTTP content check did not match" };
        self.decide(found, last, Some(told.to_owned()))
    }

    fn decide(&self, found: bool, last: bool, told: Option<String>) -> Found {
        if !found && !last && self.min_recv < 0 {
            Found::Wait
        } else if found != self.inverse {
            Found::Good
        } else {
            Found::Bad(told)
        }
    }

    /// What is told of an answer that does not match, where nothing better is known.
    pub fn mismatch(&self, step: usize) -> String {
        let found = if self.inverse { "matched unwanted" } else { "did not match" };
        let what = match &self.pattern {
            Pattern::Text(Text::Plain(text)) => format!("'{}'", String::from_utf8_lossy(text)),
            Pattern::Text(_) => "(log-format string)".into(),
            Pattern::Binary(Text::Plain(_)) => "(binary)".into(),
            Pattern::Binary(_) => "(log-format binary)".into(),
            Pattern::Regex(_) => "(regex)".into(),
            Pattern::BinaryRegex(_) => "(binary regex)".into(),
            _ => "(custom function)".into(),
        };
        format!("TCPCHK {found} content {what} at step {step}")
    }

    /// What the rule waits for, in the text of a timeout or a reset.
    pub fn waited_for(&self) -> String {
        match &self.pattern {
            Pattern::Text(Text::Plain(text)) => format!("expect string '{}'", String::from_utf8_lossy(text)),
            Pattern::Text(_) => "expect log-format string".into(),
            // As HAProxy prints it: up to the first NUL.
            Pattern::Binary(Text::Plain(bytes)) => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                format!("expect binary '{}'", String::from_utf8_lossy(&bytes[..end]))
            }
            Pattern::Binary(_) => "expect log-format binary".into(),
            Pattern::Regex(_) => "expect regex".into(),
            Pattern::BinaryRegex(_) => "expect binary regex".into(),
            _ => "expect".into(),
        }
    }
}

impl Info {
    /// Its text about this answer; nothing where the usual is to be told.
    pub fn make(&self, bytes: &[u8], context: &dyn Context) -> Option<String> {
        let text = match self {
            Self::Usual => return None,
            Self::Words(words) => return Some((*words).to_owned()),
            Self::Line(from) => {
                let line = bytes.get(*from..).unwrap_or_default();
                let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
                line[..end].trim_ascii_start().to_vec()
            }
            Self::Format(format) => render(format, context),
        };
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Code {
    pub fn find(&self, bytes: &[u8], context: &dyn Context) -> Option<i32> {
        let text = match self {
            Self::Digits => bytes.get(..3)?.to_vec(),
            Self::Expr(expr) => expr.get(context)?.as_bytes().into_owned(),
        };
        let text = String::from_utf8_lossy(&text);
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        text[..digits].parse().ok()
    }
}

impl HeaderPattern {
    fn find(&self, headers: &Headers, context: &dyn Context) -> bool {
        headers.iter().any(|(name, value)| {
            self.name.holds(name, true, context)
                && self.value.as_ref().is_none_or(|pattern| {
                    if self.full {
                        return pattern.holds(value, false, context);
                    }
                    value.split(|byte| *byte == b',').any(|item| pattern.holds(item.trim_ascii(), false, context))
                })
        })
    }
}

impl Match {
    fn holds(&self, text: &[u8], no_case: bool, context: &dyn Context) -> bool {
        let fold = |text: &[u8]| if no_case { text.to_ascii_lowercase() } else { text.to_vec() };
        let (text, wanted) = match self {
            Self::Regex(regex) => return regex.is_match(text),
            Self::Exact(wanted) | Self::Begin(wanted) | Self::End(wanted) | Self::Part(wanted) => {
                (fold(text), fold(&wanted.make(context)))
            }
        };
        match self {
            Self::Exact(_) => text == wanted,
            Self::Begin(_) => text.starts_with(&wanted),
            Self::End(_) => text.ends_with(&wanted),
            _ => contains(&text, &wanted),
        }
    }
}

impl From<Invalid> for Found {
    fn from(_: Invalid) -> Self {
        Self::Own(Answer::bad(Status::L7Response, ""))
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(bytes, wanted).is_some()
}
