//! The admin interface's own look at a text: pieces, statements, words. SQL itself is read by SQLite.

/// A piece of a statement that is neither blank nor comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    /// As written, quotes included.
    pub text: &'a str,
    /// Byte where it begins.
    pub start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Quoted,
    Symbol,
    /// `/*!40101 … */`: run by MySQL, a comment to SQLite.
    Version,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub fn is(&self, word: &str) -> bool {
        self.kind != Kind::Quoted && self.text.eq_ignore_ascii_case(word)
    }

    /// What stands between the quotes, doubled ones being one; any other piece as it is.
    pub fn value(&self) -> String {
        match self.kind {
            Kind::Quoted => unquote(self.text),
            _ => self.text.to_owned(),
        }
    }
}

/// The statements of `text`: parted at each `;` outside of quotes and comments, empty ones left out.
pub fn statements(text: &str) -> Vec<&str> {
    let mut start = 0;
    let mut found = Vec::new();
    for token in tokens(text).iter().filter(|token| token.text == ";") {
        found.push(&text[start..token.start]);
        start = token.end();
    }
    found.push(&text[start..]);
    found.retain(|statement| !tokens(statement).is_empty());
    found
}

pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let (kind, length) = piece(&text[at..]);
        if let Some(kind) = kind {
            found.push(Token { kind, text: &text[at..at + length], start: at });
        }
        at += length;
    }
    found
}

/// The inside of `/*!40101 … */`, if the whole statement is one.
pub fn unwrapped<'a>(tokens: &[Token<'a>]) -> Option<&'a str> {
    let [Token { kind: Kind::Version, text, .. }] = tokens else { return None };
    let inside = text.strip_prefix("/*")?.trim_start_matches('M').strip_prefix('!')?;
    let inside = inside.strip_suffix("*/").unwrap_or(inside);
    Some(inside.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Kind (blanks and comments have none) and length in bytes, at least one character.
fn piece(rest: &str) -> (Option<Kind>, usize) {
    let bytes = rest.as_bytes();
    match bytes[0] {
        b if b.is_ascii_whitespace() => (None, 1),
        b'-' if bytes.get(1) == Some(&b'-') => (None, rest.find('\n').unwrap_or(rest.len())),
        b'/' if bytes.get(1) == Some(&b'*') => {
            let length = rest[2..].find("*/").map_or(rest.len(), |end| end + 4);
            let version = rest[2..].starts_with('!') || rest[2..].starts_with("M!");
            (version.then_some(Kind::Version), length)
        }
        quote @ (b'\'' | b'"' | b'`') => (Some(Kind::Quoted), quoted(bytes, quote)),
        b if in_word(b) => (Some(Kind::Word), word(bytes)),
        _ => (Some(Kind::Symbol), 1),
    }
}

/// A variable's name has a dash in it: `mysql-threads`.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn word(bytes: &[u8]) -> usize {
    let inside =
        |at: usize| in_word(bytes[at]) || (bytes[at] == b'-' && bytes.get(at + 1).is_some_and(|next| in_word(*next)));
    (1..bytes.len()).find(|at| !inside(*at)).unwrap_or(bytes.len())
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] != quote {
            at += 1;
        } else if bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    bytes.len()
}

fn unquote(text: &str) -> String {
    let Some(quote) = text.chars().next() else { return String::new() };
    let inside = &text[1..];
    let inside = inside.strip_suffix(quote).unwrap_or(inside);
    inside.replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// `text` as a literal of SQL.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `name` as a name in SQL.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_at_semicolons_that_end_a_statement() {
        let check = |text: &str, expected: &[&str]| assert_eq!(statements(text), expected, "{text}");
        check("SELECT 1", &["SELECT 1"]);
        check("a; b ;;-- c;\n", &["a", " b "]);
        check("SELECT ';', `;`, \";\" /* ; */ ; x", &["SELECT ';', `;`, \";\" /* ; */ ", " x"]);
        check("SELECT 'it''s;", &["SELECT 'it''s;"]);
        check("", &[]);
    }

    #[test]
    fn version_comments_are_opened() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(unwrapped(&tokens(text)), expected, "{text}");
        check("/*!40101 SET NAMES utf8 */", Some(" SET NAMES utf8 "));
        check("/*M!100616 SET x=1*/", Some(" SET x=1"));
        check("/* SET x=1*/", None);
        check("SELECT /*!40001 SQL_NO_CACHE */ *", None);
    }
}
