//! A line into words: blanks, comments, quotes, escapes, variables (manual, sections 2.2 and 2.3).

use super::Env;

/// Words in a line at most, the keyword among them. HAProxy's `MAX_LINE_ARGS`: more is certainly a mistake.
const MAX_WORDS: usize = 64;

/// Where pseudo-variables such as `${.LINE}` get their values from.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub env: &'a Env,
    pub file: &'a str,
    pub line: usize,
    /// The current section's name, or its kind if it has none.
    pub section: &'a str,
}

/// Why a line has no words. `at` is the byte of the line the reason points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    Quote {
        at: usize,
    },
    Brace {
        at: usize,
    },
    VariableName {
        at: usize,
    },
    Hex {
        at: usize,
    },
    Expansion {
        at: usize,
    },
    /// At the last word allowed, as HAProxy counts: in the text without quotes and escapes.
    TooMany {
        at: usize,
    },
    /// A word is not UTF-8. Ours: HAProxy takes any byte.
    Utf8 {
        at: usize,
    },
}

/// Splits a line. Empty words at the end are left off: HAProxy reads an empty word as the end of the line.
///
/// # Errors
/// The first thing that cannot be read.
pub fn split(line: &[u8], scope: Scope) -> Result<Vec<String>, Broken> {
    let mut lexer = Lexer { line, at: 0, scope, words: vec![], word: vec![], weak: None, strong: None };
    lexer.run()?;
    lexer.words.truncate(lexer.words.iter().rposition(|word| !word.is_empty()).map_or(0, |last| last + 1));
    Ok(lexer.words)
}

struct Lexer<'a> {
    line: &'a [u8],
    at: usize,
    scope: Scope<'a>,
    words: Vec<String>,
    word: Vec<u8>,
    /// Where the open quote of each kind stands.
    weak: Option<usize>,
    strong: Option<usize>,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), Broken> {
        while let Some(byte) = self.peek(0) {
            match byte {
                b'#' if self.outside() => break,
                b'"' if self.strong.is_none() => self.weak = self.toggle(self.weak),
                b'\'' if self.weak.is_none() => self.strong = self.toggle(self.strong),
                b'\\' if self.strong.is_none() => self.escape()?,
                b'$' if self.weak.is_some() => self.variable()?,
                _ if is_blank(byte) && self.outside() => self.blanks()?,
                _ => self.take(byte),
            }
        }
        if let Some(at) = self.weak.or(self.strong) {
            return Err(Broken::Quote { at });
        }
        self.end_word()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.line.get(self.at + ahead).copied()
    }

    fn outside(&self) -> bool {
        self.weak.is_none() && self.strong.is_none()
    }

    fn take(&mut self, byte: u8) {
        self.word.push(byte);
        self.at += 1;
    }

    fn toggle(&mut self, open: Option<usize>) -> Option<usize> {
        let here = self.at;
        self.at += 1;
        open.is_none().then_some(here)
    }

    fn blanks(&mut self) -> Result<(), Broken> {
        while self.peek(0).is_some_and(is_blank) {
            self.at += 1;
        }
        self.end_word()
    }

    fn end_word(&mut self) -> Result<(), Broken> {
        let at = self.at;
        if self.words.len() >= MAX_WORDS && !self.word.is_empty() {
            return Err(Broken::TooMany { at: self.words[..MAX_WORDS - 1].iter().map(|word| word.len() + 1).sum() });
        }
        let word = String::from_utf8(std::mem::take(&mut self.word)).map_err(|_| Broken::Utf8 { at })?;
        self.words.push(word);
        Ok(())
    }

    /// A backslash. One that escapes nothing stands for itself.
    fn escape(&mut self) -> Result<(), Broken> {
        let (byte, length) = match self.peek(1) {
            Some(byte @ (b' ' | b'\\' | b'#' | b'\'' | b'"')) => (byte, 2),
            Some(b'$') if self.weak.is_some() => (b'$', 2),
            Some(b't') => (b'\t', 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b'x') => (self.hex()?, 4),
            _ => (b'\\', 1),
        };
        self.word.push(byte);
        self.at += length;
        Ok(())
    }

    fn hex(&self) -> Result<u8, Broken> {
        let digit = |ahead| self.peek(ahead).and_then(|byte| (byte as char).to_digit(16));
        match (digit(2), digit(3)) {
            (Some(high), Some(low)) => Ok((high * 16 + low) as u8),
            _ => Err(Broken::Hex { at: self.at }),
        }
    }

    /// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}`.
    fn variable(&mut self) -> Result<(), Broken> {
        self.at += 1;
        let brace = (self.peek(0) == Some(b'{')).then_some(self.at);
        self.at += usize::from(brace.is_some());
        let mut value = self.lookup()?;
        let mut as_words = false;
        if let Some(brace) = brace {
            as_words = self.expansion()?;
            if let Some(default) = self.default(brace)? {
                value = value.or(Some(default));
            }
        }
        self.expand(&value.unwrap_or_default(), as_words)
    }

    fn lookup(&mut self) -> Result<Option<String>, Broken> {
        let start = self.at;
        if !self.peek(0).is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'.') {
            return Err(Broken::VariableName { at: start });
        }
        self.at += 1;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let name = String::from_utf8_lossy(&self.line[start..self.at]);
        match &*name {
            ".LINE" => Ok(Some(self.scope.line.to_string())),
            ".FILE" => Ok(Some(self.scope.file.to_owned())),
            ".SECTION" => Ok(Some(self.scope.section.to_owned())),
            pseudo if pseudo.starts_with('.') => Err(Broken::VariableName { at: start }),
            name => Ok(self.scope.env.get(name).cloned()),
        }
    }

    /// `[*]`: blanks in the value separate words.
    fn expansion(&mut self) -> Result<bool, Broken> {
        if self.peek(0) != Some(b'[') {
            return Ok(false);
        }
        if self.line[self.at..].starts_with(b"[*]") {
            self.at += 3;
            return Ok(true);
        }
        Err(Broken::Expansion { at: self.at })
    }

    /// `-default}` or `}`.
    fn default(&mut self, brace: usize) -> Result<Option<String>, Broken> {
        let rest = &self.line[self.at..];
        let Some(end) = rest.iter().position(|byte| *byte == b'}') else {
            return Err(Broken::Brace { at: brace });
        };
        let default = match rest.first() {
            Some(b'-') => Some(String::from_utf8_lossy(&rest[1..end]).into_owned()),
            Some(b'}') => None,
            _ => return Err(Broken::Brace { at: brace }),
        };
        self.at += end + 1;
        Ok(default)
    }

    fn expand(&mut self, value: &str, as_words: bool) -> Result<(), Broken> {
        let mut bytes = value.bytes().peekable();
        while let Some(byte) = bytes.next() {
            if as_words && is_blank(byte) {
                while bytes.next_if(|byte| is_blank(*byte)).is_some() {}
                self.end_word()?;
            } else {
                self.word.push(byte);
            }
        }
        Ok(())
    }
}

/// C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

impl Broken {
    /// HAProxy's message, with the line and a mark under the place. `line` has no blanks at its start; `indent` is
    /// how many bytes of them were there.
    pub fn message(self, line: &[u8], indent: usize) -> String {
        let (what, at) = match self {
            Self::Quote { at } => ("unmatched quote", at),
            Self::Brace { at } => ("unmatched brace in environment variable name", at),
            Self::VariableName { at } => ("forbidden first char in environment variable name", at),
            Self::Hex { at } => ("truncated or invalid hexadecimal sequence", at),
            Self::Expansion { at } => ("truncated or invalid word expansion sequence", at),
            Self::TooMany { at } => {
                let word = String::from_utf8_lossy(&line[at.min(line.len())..]);
                let word = word.split_ascii_whitespace().next().unwrap_or_default();
                return format!("too many words, truncating after word {MAX_WORDS}, position {}: <{word}>.", at + 1);
            }
            Self::Utf8 { at } => ("word that is not UTF-8, which is not supported", at),
        };
        let (line, mark) = printable(line, at, LINE_SHOWN);
        format!("{what} at position {}:\n  {line}\n  {:>2$}", at + indent + 1, "^", mark + 1)
    }
}

/// Columns of a line shown in a message.
const LINE_SHOWN: usize = 80;

/// A text cut to `width` columns around a position, bytes that cannot be shown replaced, and the position in it.
pub(super) fn printable(text: &[u8], at: usize, width: usize) -> (String, usize) {
    let show = |bytes: &[u8]| -> String {
        let shown = |byte: &u8| match byte {
            byte if is_blank(*byte) => ' ',
            byte if byte.is_ascii_graphic() => *byte as char,
            _ => '?',
        };
        bytes.iter().map(shown).collect()
    };
    if at < width {
        return (show(&text[..text.len().min(width)]), at);
    }
    let shift = at - width / 2;
    let end = text.len().min(shift + width - DOTS.len());
    (format!("{DOTS}{}{DOTS}", show(&text[(shift + DOTS.len()).min(end)..end])), at - shift)
}

/// Stands for what was cut.
const DOTS: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[track_caller]
    fn check(line: &str, expected: Expect) {
        let env = [("A", "1"), ("EMPTY", ""), ("LIST", "one  two")];
        let env = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let scope = Scope { env: &env, file: "f.cfg", line: 7, section: "front" };
        expected.assert_eq(&match split(line.as_bytes(), scope) {
            Ok(words) => words.iter().map(|word| format!("<{}>", word.escape_debug())).collect::<Vec<_>>().join(" "),
            Err(broken) => broken.message(line.as_bytes(), 0),
        });
    }

    #[test]
    fn blanks_and_comments() {
        check("a  b\tc # d", expect!["<a> <b> <c>"]);
        check("global#this", expect!["<global>"]);
        check("a \"\" b \"\" ", expect![[r#"<a> <> <b>"#]]);
        check("# nothing", expect![""]);
    }

    #[test]
    fn quotes() {
        check(r#"a "b 'c' # d" 'e "f" $A \x'"#, expect![[r#"<a> <b \'c\' # d> <e \"f\" $A \\x>"#]]);
        check(r#"a"b"c'd'"#, expect!["<abcd>"]);
        check(
            r#"a "b"#,
            expect![[r#"
            unmatched quote at position 3:
              a "b
                ^"#]],
        );
    }

    #[test]
    fn escapes() {
        check(
            r#"a\ b \# \\ \' \" \x41\n\r\t \q $A \$A"#,
            expect![[r#"<a b> <#> <\\> <\'> <\"> <A\n\r\t> <\\q> <$A> <\\$A>"#]],
        );
        check(r#""\$A \x41 \" \\ \q""#, expect![[r#"<$A A \" \\ \\q>"#]]);
        check(
            r"a \x4",
            expect![[r"
            truncated or invalid hexadecimal sequence at position 3:
              a \x4
                ^"]],
        );
        check(r"a\", expect![[r"<a\\>"]]);
    }

    #[test]
    fn variables() {
        check(r#""$A" "${A}b" "${NO-x y}" "${EMPTY-x}" "$NO" z"#, expect!["<1> <1b> <x y> <> <> <z>"]);
        check(r#"a "${LIST[*]}" "${LIST}" "x${LIST[*]}y""#, expect!["<a> <one> <two> <one  two> <xone> <twoy>"]);
        check(r#""${.FILE}:${.LINE} $.SECTION""#, expect!["<f.cfg:7 front>"]);
        check(
            r#"a "${A" "#,
            expect![[r#"
            unmatched brace in environment variable name at position 5:
              a "${A" 
                  ^"#]],
        );
        check(
            r#"a "$1""#,
            expect![[r#"
            forbidden first char in environment variable name at position 5:
              a "$1"
                  ^"#]],
        );
        check(
            r#"a "${A[*}""#,
            expect![[r#"
            truncated or invalid word expansion sequence at position 7:
              a "${A[*}"
                    ^"#]],
        );
        check(
            r#"a "$.NO""#,
            expect![[r#"
            forbidden first char in environment variable name at position 5:
              a "$.NO"
                  ^"#]],
        );
    }

    #[test]
    fn too_many_words() {
        check(
            &"a ".repeat(64),
            expect![[
                r#"<a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a> <a>"#
            ]],
        );
        check(&"a ".repeat(65), expect!["too many words, truncating after word 64, position 127: <a>."]);
    }
}
