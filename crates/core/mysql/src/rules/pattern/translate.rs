//! From PCRE's syntax to that of our engines, where the two read the same characters differently.

/// A pattern for our engines.
#[derive(Debug)]
pub(super) struct Translated {
    pub source: String,
    /// It has something that only the backtracking engine can do.
    pub backtracks: bool,
}

/// The end of the text or before its last newline: PCRE's `$` and `\Z`.
const END: &str = r"(?:\n?\z)";
/// The same where look-ahead can be had.
const END_AHEAD: &str = r"(?=\n?\z)";

pub(super) fn translate(pattern: &str) -> Translated {
    let backtracks = run(pattern, false).backtracks;
    run(pattern, backtracks).into_translated()
}

fn run(pattern: &str, backtracks: bool) -> Translator<'_> {
    let multi_line = has_flag(pattern, 'm');
    let mut translator =
        Translator { rest: pattern, out: String::new(), backtracks, ahead: backtracks, multi_line, repeated: false };
    translator.run();
    translator
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
    backtracks: bool,
    /// Look-ahead may be used.
    ahead: bool,
    /// `(?m)` stands in it: `$` is the end of any line, for both.
    multi_line: bool,
    /// The last item was a repetition: a `+` after it makes it possessive.
    repeated: bool,
}

impl Translator<'_> {
    fn into_translated(self) -> Translated {
        Translated { source: self.out, backtracks: self.backtracks }
    }

    fn run(&mut self) {
        while let Some(character) = self.next() {
            let repeated = std::mem::take(&mut self.repeated);
            match character {
                '\\' => self.escape(false),
                '[' => self.class(),
                '$' if !self.multi_line => self.end(),
                '(' => self.group(),
                '{' => self.brace(),
                '}' => self.out.push_str("\\}"),
                '*' | '?' | '+' => {
                    self.backtracks |= repeated && character == '+';
                    // A second sign makes the first lazy or possessive; a third would be an error.
                    self.repeated = !repeated;
                    self.out.push(character);
                }
                _ => self.literal(character, false),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    fn end(&mut self) {
        self.out.push_str(if self.ahead { END_AHEAD } else { END });
    }

    /// What follows a backslash.
    fn escape(&mut self, in_class: bool) {
        let Some(character) = self.next() else {
            self.out.push('\\');
            return;
        };
        match character {
            'Q' => self.quotation(in_class),
            'E' => {}
            'h' => self.out.push_str(if in_class { r" \t" } else { r"[ \t]" }),
            'R' if !in_class => self.out.push_str(r"(?:\r\n|[\n\x0B\f\r])"),
            'Z' if !in_class => self.end(),
            'e' => self.out.push_str(r"\x1B"),
            // Ends of words for our engine, themselves for PCRE.
            '<' | '>' => self.out.push(character),
            '1'..='9' | 'k' | 'g' | 'K' | 'G' if !in_class => {
                self.backtracks = true;
                self.out.push('\\');
                self.out.push(character);
            }
            // An escaped newline or letter of another script is the character.
            _ if !character.is_ascii() => self.literal(character, in_class),
            _ => {
                self.out.push('\\');
                self.out.push(character);
            }
        }
    }

    /// `\Q...\E`: all characters as they stand.
    fn quotation(&mut self, in_class: bool) {
        let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        for character in quoted.chars() {
            if character.is_ascii_punctuation() {
                self.out.push('\\');
            }
            self.literal(character, in_class);
        }
    }

    /// `(`, with what tells its kind.
    fn group(&mut self) {
        const ONLY_BACKTRACKING: [&str; 6] = ["?=", "?!", "?<=", "?<!", "?>", "?("];
        self.backtracks |= ONLY_BACKTRACKING.iter().any(|kind| self.rest.starts_with(kind));
        self.out.push('(');
        // The sign of a kind is no repetition.
        if self.rest.starts_with('?') {
            self.next();
            self.out.push('?');
        }
    }

    /// A brace that is no repetition stands for itself.
    fn brace(&mut self) {
        match repetition(self.rest) {
            Some(length) => {
                self.out.push('{');
                self.out.push_str(&self.rest[..length]);
                self.rest = &self.rest[length..];
                self.repeated = true;
            }
            None => self.out.push_str("\\{"),
        }
    }

    /// `[...]`: for PCRE there are no classes in it but `[:alpha:]`, nor differences of sets.
    fn class(&mut self) {
        self.out.push('[');
        if self.rest.starts_with('^') {
            self.next();
            self.out.push('^');
        }
        let mut first = true;
        while let Some(character) = self.next() {
            match character {
                ']' if !first => {
                    self.out.push(']');
                    return;
                }
                ']' => self.out.push_str("\\]"),
                '\\' => self.escape(true),
                '[' => self.named_class(),
                '&' | '~' => {
                    self.out.push('\\');
                    self.out.push(character);
                }
                '-' if self.rest.starts_with('-') => self.out.push_str("\\-"),
                _ => self.literal(character, true),
            }
            first = false;
        }
    }

    fn named_class(&mut self) {
        let name = self.rest.strip_prefix(':').and_then(|rest| rest.split_once(":]"));
        match name {
            Some((name, rest)) if name.chars().all(|c| c.is_ascii_lowercase() || c == '^') => {
                self.out.push_str("[:");
                self.out.push_str(name);
                self.out.push_str(":]");
                self.rest = rest;
            }
            _ => self.out.push_str("\\["),
        }
    }

    /// A character that means itself; bytes where it is not ASCII, since statements may be in any character set.
    fn literal(&mut self, character: char, in_class: bool) {
        if character.is_ascii() {
            self.out.push(character);
            return;
        }
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).bytes();
        let escaped: String = bytes.map(|byte| format!("\\x{byte:02X}")).collect();
        // Together, so that a repetition means all of it.
        self.out.push_str(&if in_class { escaped } else { format!("(?:{escaped})") });
    }
}

/// Length of `3}`, `3,}` or `3,5}`.
fn repetition(text: &str) -> Option<usize> {
    let (inner, _) = text.split_once('}')?;
    let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!low.is_empty() && digits(low) && digits(high)).then_some(inner.len() + 1)
}

/// Whether a group such as `(?im)` or `(?m:` sets a flag.
fn has_flag(pattern: &str, flag: char) -> bool {
    pattern.split("(?").skip(1).any(|group| {
        let flags = group.split([')', ':', '-']).next().unwrap_or_default();
        flags.chars().all(|c| c.is_ascii_lowercase()) && flags.contains(flag)
    })
}
