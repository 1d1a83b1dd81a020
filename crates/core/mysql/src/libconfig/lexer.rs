//! Words of libconfig.

use super::{Error, Place};
use std::rc::Rc;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// One of `= : ; , { } ( ) [ ]`.
    Mark(u8),
    /// `@include "path"`.
    Include(String),
    End,
}

pub(super) struct Lexer<'a> {
    file: Rc<str>,
    bytes: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(file: &str, text: &'a str) -> Self {
        Self { file: file.into(), bytes: text.as_bytes(), at: 0, line: 1, line_start: 0 }
    }

    pub(super) fn next(&mut self) -> Result<(Place, Token), Error> {
        self.skip_blanks()?;
        let place = self.place();
        let Some(byte) = self.peek(0) else { return Ok((place, Token::End)) };
        let token = match byte {
            b'=' | b':' | b';' | b',' | b'{' | b'}' | b'(' | b')' | b'[' | b']' => {
                self.at += 1;
                Token::Mark(byte)
            }
            b'"' => Token::Text(self.text()?),
            b'@' => self.include(&place)?,
            b'0'..=b'9' | b'+' | b'-' | b'.' => self.number(&place)?,
            b'a'..=b'z' | b'A'..=b'Z' | b'*' | b'_' => Token::Name(self.word(is_of_name)),
            _ => return Err(error(place, format!("unexpected {}; a text has to stand in \"\"", shown(byte)))),
        };
        Ok((place, token))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn place(&self) -> Place {
        let column = u32::try_from(self.at - self.line_start + 1).unwrap_or(u32::MAX);
        Place { file: Rc::clone(&self.file), line: self.line, column }
    }

    /// Goes one byte on and counts lines.
    fn advance(&mut self) {
        if self.peek(0) == Some(b'\n') {
            self.line += 1;
            self.line_start = self.at + 1;
        }
        self.at += 1;
    }

    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b' ' | b'\t' | b'\r' | b'\n' | b'\x0c' | b'\x0b'), _) => self.advance(),
                (Some(b'#'), _) | (Some(b'/'), Some(b'/')) => self.skip_line(),
                (Some(b'/'), Some(b'*')) => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn skip_comment(&mut self) -> Result<(), Error> {
        let place = self.place();
        self.at += 2;
        while !(self.peek(0) == Some(b'*') && self.peek(1) == Some(b'/')) {
            if self.peek(0).is_none() {
                return Err(error(place, "this comment has no end; close it with */"));
            }
            self.advance();
        }
        self.at += 2;
        Ok(())
    }

    fn word(&mut self, of_word: fn(u8) -> bool) -> String {
        let start = self.at;
        while self.peek(0).is_some_and(of_word) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
    }

    /// Strings beside each other are one.
    fn text(&mut self) -> Result<String, Error> {
        let mut bytes = Vec::new();
        while self.peek(0) == Some(b'"') {
            self.part(&mut bytes)?;
            self.skip_blanks()?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn part(&mut self, into: &mut Vec<u8>) -> Result<(), Error> {
        let place = self.place();
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return Err(error(place, "this string has no end; close it with \"")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape(into),
                Some(byte) => {
                    into.push(byte);
                    self.advance();
                }
            }
        }
    }

    /// What is no escape stays as it is, with its backslash: patterns (`\s`) are written so.
    fn escape(&mut self, into: &mut Vec<u8>) {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let plain = match self.peek(1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'f') => b'\x0c',
            Some(byte @ (b'\\' | b'"')) => byte,
            Some(b'x') => match (hex(self.peek(2)), hex(self.peek(3))) {
                (Some(high), Some(low)) => {
                    self.at += 4;
                    into.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                    return;
                }
                _ => return self.keep_backslash(into),
            },
            _ => return self.keep_backslash(into),
        };
        into.push(plain);
        self.at += 2;
    }

    fn keep_backslash(&mut self, into: &mut Vec<u8>) {
        into.push(b'\\');
        self.at += 1;
    }

    fn include(&mut self, place: &Place) -> Result<Token, Error> {
        let cure = "write @include \"path\"";
        self.at += 1;
        if self.word(is_of_name) != "include" {
            return Err(error(place.clone(), format!("unknown directive; {cure}")));
        }
        self.skip_blanks()?;
        if self.peek(0) != Some(b'"') {
            return Err(error(self.place(), format!("the path is missing; {cure}")));
        }
        let mut bytes = Vec::new();
        self.part(&mut bytes)?;
        Ok(Token::Include(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn number(&mut self, place: &Place) -> Result<Token, Error> {
        let word = self.word(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        number(&word).ok_or_else(|| error(place.clone(), format!("{word} is no number; a text has to stand in \"\"")))
    }
}

fn number(word: &str) -> Option<Token> {
    let digits = word.trim_end_matches('L');
    if word.len() - digits.len() > 2 {
        return None;
    }
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        // 64 bits of hex may be meant as a negative number; a sign of its own is none.
        let plain = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        return u64::from_str_radix(hex, 16).ok().filter(|_| plain).map(|value| Token::Int(value.cast_signed()));
    }
    if let Ok(value) = digits.parse() {
        return Some(Token::Int(value));
    }
    let of_float = word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let fraction = word.contains(['.', 'e', 'E']);
    word.parse().ok().filter(|value: &f64| of_float && fraction && value.is_finite()).map(Token::Float)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*')
}

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("'{}'", char::from(byte)) } else { format!("byte 0x{byte:02X}") }
}

pub(super) fn error(place: Place, message: impl Into<String>) -> Error {
    Error { place, message: message.into() }
}
