//! SQL text as tokens: bytes in, ranges out, nothing allocated.
//!
//! Lexical rules: MariaDB and MySQL reference manuals, "Language Structure". Comments vanish, except that the inside of
//! executable ones (`/*! */`, `/*!50100 */`, `/*M! */`) is code.

use super::Modes;
use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or an identifier without quotes.
    Word,
    QuotedName,
    /// With its quotes. What stands directly before it (`x`, `_utf8`, `N`) is a word of its own.
    Text,
    Number,
    /// `?`
    Parameter,
    /// `@name`, `@'name'`; also the host of an account, which only the grammar tells apart.
    UserVariable,
    /// `@@name`, `@@scope.name`
    SystemVariable,
    /// `:=`
    Assign,
    /// Any other byte.
    Sign(u8),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// It stands inside an executable comment, which some servers skip.
    pub conditional: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    sql: &'a [u8],
    at: usize,
    modes: Modes,
    /// Nested executable comments that are open.
    conditional: u32,
    /// What the last token was ended by and its kind, for `a.1b` and `.5`.
    last: Option<(usize, Kind)>,
    /// A string, name or comment without end, or one whose end depends on whether a server skips an executable comment.
    pub malformed: bool,
    /// Inside of the first plain comment between `/*` and `*/`.
    pub first_comment: Option<Range<usize>>,
    /// The last plain comment before the last token, with its delimiters.
    pub comment: Option<Range<usize>>,
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl<'a> Lexer<'a> {
    pub fn new(sql: &'a [u8], modes: Modes) -> Self {
        Self { sql, at: 0, modes, conditional: 0, last: None, malformed: false, first_comment: None, comment: None }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.sql.get(self.at + ahead).copied()
    }

    /// Skips blanks and comments, and enters and leaves executable comments.
    fn skip_gap(&mut self) {
        self.comment = None;
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t'..=b'\r' => self.at += 1,
                b'#' => self.skip_line(),
                b'-' if self.peek(1) == Some(b'-') && self.peek(2).is_none_or(|byte| byte <= b' ') => self.skip_line(),
                b'/' if self.peek(1) == Some(b'*') => self.comment(),
                b'*' if self.conditional > 0 && self.peek(1) == Some(b'/') => {
                    self.conditional -= 1;
                    self.at += 2;
                }
                _ => return,
            }
        }
        self.malformed |= self.conditional > 0;
    }

    fn skip_line(&mut self) {
        let rest = &self.sql[self.at..];
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.beware_of_end(self.at, self.at + length);
        self.at += length;
    }

    fn comment(&mut self) {
        let start = self.at;
        let code = match (self.peek(2), self.peek(3)) {
            (Some(b'!'), _) => 3,
            (Some(b'M'), Some(b'!')) => 4,
            _ => return self.plain_comment(start),
        };
        self.at += code;
        // Versions have five or six digits; anything shorter is code.
        let digits = self.sql[self.at..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        self.at += if digits >= 5 { digits } else { 0 };
        self.conditional += 1;
    }

    fn plain_comment(&mut self, start: usize) {
        let inside = start + 2;
        let Some(length) = memchr::memmem::find(&self.sql[inside..], b"*/") else {
            self.malformed = true;
            self.at = self.sql.len();
            return;
        };
        self.at = inside + length + 2;
        self.comment = Some(start..self.at);
        self.malformed |= self.conditional > 0;
        if self.first_comment.is_none() && self.sql[inside] != b'+' {
            self.first_comment = Some(inside..inside + length);
        }
    }

    /// Within an executable comment, `*/` in a string ends the comment for a server that skips it.
    fn beware_of_end(&mut self, start: usize, end: usize) {
        if self.conditional > 0 && memchr::memmem::find(&self.sql[start..end], b"*/").is_some() {
            self.malformed = true;
        }
    }

    fn skip_word(&mut self) {
        while self.peek(0).is_some_and(is_word) {
            self.at += 1;
        }
    }

    /// From an opening quote to behind the closing one. A doubled quote stands for itself.
    fn skip_quoted(&mut self, escapes: bool) {
        let start = self.at;
        let quote = self.sql[start];
        self.at += 1;
        loop {
            let rest = &self.sql[self.at..];
            let found = if escapes { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
            let Some(length) = found else {
                self.malformed = true;
                self.at = self.sql.len();
                break;
            };
            self.at += length;
            if self.sql[self.at] != quote {
                self.at = (self.at + 2).min(self.sql.len());
            } else if self.peek(1) == Some(quote) {
                self.at += 2;
            } else {
                self.at += 1;
                break;
            }
        }
        self.beware_of_end(start, self.at);
    }

    /// A number, or an identifier that begins with a digit.
    fn number_or_word(&mut self) -> Kind {
        let start = self.at;
        if self.peek(0) == Some(b'0') && self.radix_number() {
            return Kind::Number;
        }
        self.skip_digits();
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            self.skip_digits();
            self.exponent();
            return Kind::Number;
        }
        if self.exponent() || !self.peek(0).is_some_and(is_word) {
            return Kind::Number;
        }
        self.at = start;
        self.skip_word();
        Kind::Word
    }

    /// `0x1F`, `0b01`: only lower-case prefixes are numbers, and only if the whole word fits.
    fn radix_number(&mut self) -> bool {
        let fits: fn(&u8) -> bool = match self.peek(1) {
            Some(b'x') => u8::is_ascii_hexdigit,
            Some(b'b') => |byte| matches!(byte, b'0' | b'1'),
            _ => return false,
        };
        let digits = self.sql[self.at + 2..].iter().take_while(|byte| fits(byte)).count();
        let end = self.at + 2 + digits;
        let whole = digits > 0 && !self.sql.get(end).copied().is_some_and(is_word);
        if whole {
            self.at = end;
        }
        whole
    }

    fn skip_digits(&mut self) {
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn exponent(&mut self) -> bool {
        if !matches!(self.peek(0), Some(b'e' | b'E')) {
            return false;
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        if !self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
            return false;
        }
        self.at += 1 + sign;
        self.skip_digits();
        true
    }

    fn variable(&mut self) -> Kind {
        self.at += 1;
        if self.peek(0) == Some(b'@') {
            self.at += 1;
            self.variable_name(false);
            return Kind::SystemVariable;
        }
        let before = self.at;
        self.variable_name(true);
        if self.at == before { Kind::Sign(b'@') } else { Kind::UserVariable }
    }

    /// Parts of a name with the dots between them.
    fn variable_name(&mut self, texts: bool) {
        loop {
            match self.peek(0) {
                Some(b'`') => self.skip_quoted(false),
                Some(b'"') if self.modes.ansi_quotes => self.skip_quoted(false),
                Some(b'\'' | b'"') if texts => self.skip_quoted(!self.modes.no_backslash_escapes),
                _ => self.skip_word(),
            }
            if self.peek(0) != Some(b'.') {
                return;
            }
            self.at += 1;
        }
    }

    /// After a name, a dot leads to a further part of it and never begins a number.
    fn after_name(&self) -> bool {
        self.last.is_some_and(|(end, kind)| end == self.at && matches!(kind, Kind::Word | Kind::QuotedName))
    }

    fn after_dot(&self) -> bool {
        self.last.is_some_and(|(end, kind)| end == self.at && kind == Kind::Sign(b'.'))
    }

    fn scan(&mut self, first: u8) -> Kind {
        match first {
            b'0'..=b'9' if self.after_dot() => {
                self.skip_word();
                Kind::Word
            }
            b'0'..=b'9' => self.number_or_word(),
            _ if is_word(first) => {
                self.skip_word();
                Kind::Word
            }
            b'`' => {
                self.skip_quoted(false);
                Kind::QuotedName
            }
            b'"' if self.modes.ansi_quotes => {
                self.skip_quoted(false);
                Kind::QuotedName
            }
            b'\'' | b'"' => {
                self.skip_quoted(!self.modes.no_backslash_escapes);
                Kind::Text
            }
            b'@' => self.variable(),
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) && !self.after_name() => {
                self.at += 1;
                self.skip_digits();
                self.exponent();
                Kind::Number
            }
            b':' if self.peek(1) == Some(b'=') => {
                self.at += 2;
                Kind::Assign
            }
            _ => {
                self.at += 1;
                if first == b'?' { Kind::Parameter } else { Kind::Sign(first) }
            }
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_gap();
        let first = self.peek(0)?;
        let start = self.at;
        let kind = self.scan(first);
        self.last = Some((self.at, kind));
        Some(Token { kind, start, end: self.at, conditional: self.conditional > 0 })
    }
}
