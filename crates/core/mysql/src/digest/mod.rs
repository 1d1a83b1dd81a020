//! What a statement looks like without its values.
//!
//! By ProxySQL's rules, so that `match_digest` and digests of an existing configuration keep their meaning: values become
//! `?`, comments go, blanks are one or none, long lists are cut.

mod groups;
pub mod spooky;
#[cfg(test)]
mod tests;

use crate::statement::Modes;
use crate::statement::lexer::{Kind, Lexer, Token};
use crate::statement::words::Keyword;
use groups::Groups;

/// How digests are made: ProxySQL's variables `mysql-query_digests_…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `mysql-query_digests_lowercase`. Default no.
    pub lowercase: bool,
    /// `mysql-query_digests_no_digits`: digits within names become `?`. Default no.
    pub no_digits: bool,
    /// `mysql-query_digests_replace_null`: NULL is a value. Default no.
    pub replace_null: bool,
    /// `mysql-query_digests_keep_comment`. Default no.
    pub keep_comment: bool,
    /// `mysql-query_digests_grouping_limit`: values of a list that are shown. 1..=2089, default 3.
    pub grouping_limit: u32,
    /// `mysql-query_digests_groups_grouping_limit`: lists in a row that are shown; 0: all. 0..=2089, default 10.
    pub groups_grouping_limit: u32,
    /// `mysql-query_digests_max_digest_length`: bytes of the text that are kept. Default 2048.
    pub max_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lowercase: false,
            no_digits: false,
            replace_null: false,
            keep_comment: false,
            grouping_limit: 3,
            groups_grouping_limit: 10,
            max_bytes: 2048,
        }
    }
}

/// A statement without its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    pub text: String,
    /// SpookyHash V2 of the text, seed 0; ProxySQL shows it as `0x%016X`.
    pub hash: u64,
}

/// The digest of `sql`, which may be any bytes; what is no UTF-8 in names is replaced by U+FFFD.
pub fn digest(sql: &[u8], modes: Modes, options: &Options) -> Digest {
    let mut text = String::new();
    let hash = digest_into(sql, modes, options, &mut text);
    Digest { text, hash }
}

/// As [`digest`]; the text replaces what is in `text`, whose memory is used again.
pub fn digest_into(sql: &[u8], modes: Modes, options: &Options, text: &mut String) -> u64 {
    text.clear();
    let mut writer = Writer { sql, options, out: text, gap: false, groups: Groups::default(), last: Last::Start };
    writer.run(Lexer::new(sql, modes));
    truncate(text, options.max_bytes);
    spooky::hash64(text.as_bytes(), 0)
}

fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(text[..end].trim_end().len());
    }
}

/// What a sign before a number depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Start,
    Sign(u8),
    /// A word an operand follows.
    Operator,
    Operand,
}

struct Writer<'a> {
    sql: &'a [u8],
    options: &'a Options,
    out: &'a mut String,
    /// Blanks or comments stood before the token.
    gap: bool,
    groups: Groups,
    last: Last,
}

impl Writer<'_> {
    fn run(&mut self, mut lexer: Lexer<'_>) {
        let mut end = 0;
        while let Some(mut token) = lexer.next() {
            self.gap = token.start > end;
            if self.options.keep_comment
                && let Some(comment) = lexer.comment.clone()
            {
                self.comment(&self.sql[comment]);
            }
            if self.is_signed(token, &lexer) {
                // The sign is part of the number.
                token = lexer.next().unwrap_or(token);
            }
            end = token.end;
            if self.out.len() >= self.options.max_bytes {
                return;
            }
            if self.skips_values(token, &mut lexer, &mut end) {
                continue;
            }
            self.token(token);
        }
    }

    fn comment(&mut self, comment: &[u8]) {
        self.separate(b'/');
        push_bytes(self.out, comment);
        self.last = Last::Start;
        self.gap = true;
    }

    fn text(&self, token: Token) -> &[u8] {
        &self.sql[token.start..token.end]
    }

    fn is_value(&self, token: Token) -> bool {
        match token.kind {
            Kind::Number | Kind::Text | Kind::Parameter => true,
            Kind::Word => self.options.replace_null && self.text(token).eq_ignore_ascii_case(b"NULL"),
            _ => false,
        }
    }

    /// A sign where an operand is due, and a number behind it.
    fn is_signed(&self, token: Token, lexer: &Lexer<'_>) -> bool {
        if !matches!(token.kind, Kind::Sign(b'-' | b'+')) || self.last == Last::Operand {
            return false;
        }
        let unary = match self.last {
            Last::Sign(sign) => !matches!(sign, b')' | b']' | b'}' | b'.' | b'@'),
            _ => true,
        };
        unary && lexer.clone().next().is_some_and(|next| next.kind == Kind::Number)
    }

    /// At the comma behind enough values, or behind enough lists of values: passes over the further ones.
    fn skips_values(&mut self, token: Token, lexer: &mut Lexer<'_>, end: &mut usize) -> bool {
        if token.kind != Kind::Sign(b',') {
            return false;
        }
        let mut ahead = lexer.clone();
        let mut skipped = false;
        if self.groups.values >= self.options.grouping_limit.max(1) {
            while let Some(behind) = self.value(&mut ahead) {
                skipped = true;
                *lexer = ahead.clone();
                *end = behind;
                if ahead.next().is_none_or(|token| token.kind != Kind::Sign(b',')) {
                    break;
                }
            }
        } else if self.options.groups_grouping_limit > 0 && self.groups.lists >= self.options.groups_grouping_limit {
            while let Some(behind) = self.list(&mut ahead) {
                skipped = true;
                *lexer = ahead.clone();
                *end = behind;
                if ahead.next().is_none_or(|token| token.kind != Kind::Sign(b',')) {
                    break;
                }
            }
        }
        if skipped {
            self.out.push_str(",...");
            self.last = Last::Operand;
            self.groups.interrupt();
        }
        skipped
    }

    /// One value and, before a number, its sign; where it ends.
    fn value(&self, lexer: &mut Lexer<'_>) -> Option<usize> {
        let mut token = lexer.next()?;
        if matches!(token.kind, Kind::Sign(b'-' | b'+')) {
            token = lexer.next().filter(|token| token.kind == Kind::Number)?;
        }
        self.is_value(token).then_some(token.end)
    }

    /// A list of values in parentheses; where it ends.
    fn list(&self, lexer: &mut Lexer<'_>) -> Option<usize> {
        lexer.next().filter(|token| token.kind == Kind::Sign(b'('))?;
        loop {
            self.value(lexer)?;
            let token = lexer.next()?;
            match token.kind {
                Kind::Sign(b',') => {}
                Kind::Sign(b')') => return Some(token.end),
                _ => return None,
            }
        }
    }

    fn token(&mut self, token: Token) {
        let value = self.is_value(token);
        self.groups.token(token.kind, value);
        if value {
            self.separate(b'?');
            self.out.push('?');
            self.last = Last::Operand;
            return;
        }
        self.separate(self.sql[token.start]);
        let text = &self.sql[token.start..token.end];
        let start = self.out.len();
        push_bytes(self.out, text);
        self.last = match token.kind {
            Kind::Sign(sign) => Last::Sign(sign),
            Kind::Assign => Last::Operator,
            Kind::Word if Keyword::of(text).precedes_operand() => Last::Operator,
            _ => Last::Operand,
        };
        if self.options.lowercase && matches!(token.kind, Kind::Word) {
            self.out[start..].make_ascii_lowercase();
        }
        if self.options.no_digits && matches!(token.kind, Kind::Word | Kind::QuotedName) {
            replace_digits(self.out, start);
        }
    }

    /// Writes the blank before a token that begins with `next`, if one stood there and means something.
    fn separate(&mut self, next: u8) {
        let Some(last) = self.out.as_bytes().last().copied() else { return };
        // Two of them might become a comment, by what follows; digits behind `...` would be a number, as would a sign behind
        // a name like `1e`.
        if (last, next) == (b'-', b'-')
            || next.is_ascii_digit() && self.out.ends_with("...")
            || matches!(next, b'-' | b'+') && ends_in_mantissa(self.out.as_bytes())
        {
            return self.out.push(' ');
        }
        if !self.gap {
            return;
        }
        let signs = (is_operator(last), is_operator(next));
        let dropped = match signs {
            (true, true) => true,
            (true, false) => (last, next) != (b'/', b'*') && !self.out.ends_with("*/"),
            (false, true) => (last, next) != (b'*', b'/'),
            (false, false) => last == b'(' || matches!(next, b')'),
        };
        if !dropped {
            self.out.push(' ');
        }
    }
}

/// A name of digits and an `e`: with a sign and digits behind it, it would be a number.
fn ends_in_mantissa(out: &[u8]) -> bool {
    let [before @ .., b'e' | b'E'] = out else { return false };
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let letter = before.len().checked_sub(digits + 1).map(|at| before[at]);
    digits > 0 && !letter.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..))
}

/// Blanks around it mean nothing. Not `*`, which is a column's name as well.
fn is_operator(byte: u8) -> bool {
    matches!(byte, b',' | b'=' | b'<' | b'>' | b'!' | b'+' | b'-' | b'/' | b'%')
}

fn push_bytes(out: &mut String, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => out.push_str(text),
        Err(_) => out.push_str(&String::from_utf8_lossy(bytes)),
    }
}

/// Runs of digits from `start` on become one `?` each.
fn replace_digits(out: &mut String, start: usize) {
    if !out.as_bytes()[start..].iter().any(u8::is_ascii_digit) {
        return;
    }
    let tail = out.split_off(start);
    let mut digits = false;
    for letter in tail.chars() {
        match (letter.is_ascii_digit(), digits) {
            (true, false) => out.push('?'),
            (true, true) => {}
            (false, _) => out.push(letter),
        }
        digits = letter.is_ascii_digit();
    }
}
