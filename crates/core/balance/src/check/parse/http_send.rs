//! `http-check send`.

use super::words::Words;
use crate::check::http::Request;
use crate::check::rule::{Action, Rule};
use crate::check::text::Text;
use crate::log::Format;
use crate::sample::Env;

pub fn parse(mut words: Words, env: Env<'_>) -> Result<Rule, String> {
    let (mut request, mut comment) = (Request::default(), None);
    let plain = |text: String| Some(Text::Plain(text.into_bytes()));
    while let Some(word) = words.next() {
        match word {
            "comment" => comment = Some(words.text(word)?),
            "meth" => request.method = Some(words.text(word)?),
            "uri" => request.uri = plain(words.text(word)?),
            "uri-lf" => request.uri = Some(Text::Format(super::format(&words.text(word)?, env)?)),
            "ver" => request.version = Some(words.text(word)?),
            "hdr" => request.headers.push(header(&mut words, env)?),
            "body" => request.body = plain(words.text(word)?),
            "body-lf" => request.body = Some(Text::Format(super::format(&words.text(word)?, env)?)),
            other => {
                return Err(format!(
                    "expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '{other}' \
                     as argument."
                ));
            }
        }
    }
    Ok(Rule { comment, ..Rule::new(Action::SendHttp(Box::new(request))) })
}

/// A name and a log-format string.
fn header(words: &mut Words, env: Env<'_>) -> Result<(String, Text), String> {
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("", _) | (_, "") => Err("'hdr' expects <name> and <value> as arguments".into()),
        (name, value) => {
            let value = match value.contains('%') {
                true => Text::Format(Box::new(Format::parse(value, env)?)),
                false => Text::Plain(value.as_bytes().to_vec()),
            };
            Ok((name.to_owned(), value))
        }
    }
}
