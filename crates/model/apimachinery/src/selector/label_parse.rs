//! The grammar of label selectors' texts: a lexer and a parser that fail where and as upstream's do.

use super::label::{Operator, Requirement};
use crate::validate::is_qualified_name;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    End,
    ClosedPar,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    Greater,
    Identifier,
    In,
    Less,
    NotEquals,
    NotIn,
    OpenPar,
    Error,
}

type Item<'a> = (Token, &'a str);

const BINARY_OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser { items: lex(text), at: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            (Token::Identifier | Token::Not, _) => {
                let parsed = parser.requirement();
                requirements.push(parsed.map_err(|why| format!("unable to parse requirement: {why}"))?);
                match parser.take() {
                    (Token::End, _) => return Ok(requirements),
                    (Token::Comma, _) => parser.expect_after_comma()?,
                    (_, found) => return Err(format!("found '{found}', expected: ',' or 'end of string'")),
                }
            }
            (Token::End, _) => return Ok(requirements),
            (_, found) => return Err(format!("found '{found}', expected: !, identifier, or 'end of string'")),
        }
    }
}

fn lex(text: &str) -> Vec<Item<'_>> {
    let bytes = text.as_bytes();
    let mut items = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        if matches!(bytes[at], b' ' | b'\t' | b'\r' | b'\n') {
            at += 1;
        } else if is_special(bytes[at]) {
            at += special_len(&bytes[at..]);
            items.push((special(&text[start..at]), &text[start..at]));
        } else {
            while at < bytes.len() && !is_special(bytes[at]) && !matches!(bytes[at], b' ' | b'\t' | b'\r' | b'\n') {
                at += 1;
            }
            items.push((word(&text[start..at]), &text[start..at]));
        }
    }
    items.push((Token::End, ""));
    items
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<')
}

/// The longest operator at the start: `==` and `!=` have two characters.
fn special_len(bytes: &[u8]) -> usize {
    if bytes.get(1) == Some(&b'=') && matches!(bytes[0], b'=' | b'!') { 2 } else { 1 }
}

fn special(text: &str) -> Token {
    match text {
        ")" => Token::ClosedPar,
        "," => Token::Comma,
        "!" => Token::Not,
        "==" => Token::DoubleEquals,
        "=" => Token::Equals,
        ">" => Token::Greater,
        "<" => Token::Less,
        "!=" => Token::NotEquals,
        "(" => Token::OpenPar,
        _ => Token::Error,
    }
}

fn word(text: &str) -> Token {
    match text {
        "in" => Token::In,
        "notin" => Token::NotIn,
        _ => Token::Identifier,
    }
}

struct Parser<'a> {
    items: Vec<Item<'a>>,
    at: usize,
}

impl<'a> Parser<'a> {
    /// The next item where `in` and `notin` are mere words.
    fn peek(&self) -> Item<'a> {
        match self.items.get(self.at).copied().unwrap_or((Token::End, "")) {
            (Token::In | Token::NotIn, text) => (Token::Identifier, text),
            item => item,
        }
    }

    fn take(&mut self) -> Item<'a> {
        let item = self.peek();
        self.at += 1;
        item
    }

    fn expect_after_comma(&self) -> Result<(), String> {
        match self.peek() {
            (Token::Identifier | Token::Not, _) => Ok(()),
            (_, found) => Err(format!("found '{found}', expected: identifier after ','")),
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (key, unary) = self.key()?;
        if let Some(operator) = unary {
            return Requirement::new(key, operator, Vec::new()).map_err(|error| error.0);
        }
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.exact_value()?],
        };
        Requirement::new(key, operator, values).map_err(|error| error.0)
    }

    fn key(&mut self) -> Result<(String, Option<Operator>), String> {
        let (mut token, mut text) = self.take();
        let mut unary = None;
        if token == Token::Not {
            unary = Some(Operator::DoesNotExist);
            (token, text) = self.take();
        }
        if token != Token::Identifier {
            return Err(format!("found '{text}', expected: identifier"));
        }
        let wrong = is_qualified_name(text);
        if !wrong.is_empty() {
            return Err(format!("<nil>: Invalid value: {text:?}: {}", wrong.join("; ")));
        }
        if unary.is_none() && matches!(self.peek().0, Token::End | Token::Comma) {
            unary = Some(Operator::Exists);
        }
        Ok((text.to_owned(), unary))
    }

    fn operator(&mut self) -> Result<Operator, String> {
        let (token, text) = self.items.get(self.at).copied().unwrap_or((Token::End, ""));
        self.at += 1;
        Ok(match token {
            Token::In => Operator::In,
            Token::NotIn => Operator::NotIn,
            Token::Equals => Operator::Equals,
            Token::DoubleEquals => Operator::DoubleEquals,
            Token::NotEquals => Operator::NotEquals,
            Token::Greater => Operator::GreaterThan,
            Token::Less => Operator::LessThan,
            _ => return Err(format!("found '{text}', expected: {BINARY_OPERATORS}")),
        })
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let (token, text) = self.take();
        if token != Token::OpenPar {
            return Err(format!("found '{text}' expected: '('"));
        }
        match self.peek() {
            (Token::Identifier | Token::Comma, _) => self.identifiers(),
            (Token::ClosedPar, _) => {
                self.take();
                Ok(vec![String::new()])
            }
            (_, found) => Err(format!("found '{found}', expected: ',', ')' or identifier")),
        }
    }

    /// Up to and with the closing parenthesis; `(a,,b)` has an empty value in the middle.
    fn identifiers(&mut self) -> Result<Vec<String>, String> {
        let mut values = Vec::new();
        loop {
            match self.take() {
                (Token::Identifier, text) => {
                    values.push(text.to_owned());
                    match self.peek() {
                        (Token::Comma, _) => {}
                        (Token::ClosedPar, _) => break,
                        (_, found) => return Err(format!("found '{found}', expected: ',' or ')'")),
                    }
                }
                (Token::Comma, _) => match self.peek().0 {
                    Token::ClosedPar => {
                        values.push(String::new());
                        break;
                    }
                    Token::Comma => {
                        self.take();
                        values.push(String::new());
                    }
                    _ if values.is_empty() => values.push(String::new()),
                    _ => {}
                },
                (_, found) => return Err(format!("found '{found}', expected: ',', or identifier")),
            }
        }
        self.take();
        Ok(values)
    }

    fn exact_value(&mut self) -> Result<String, String> {
        if matches!(self.peek().0, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.take() {
            (Token::Identifier, text) => Ok(text.to_owned()),
            (_, found) => Err(format!("found '{found}', expected: identifier")),
        }
    }
}
