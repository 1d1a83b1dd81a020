//! The words of a line, one after another.

/// Words not read yet.
pub struct Words<'a> {
    rest: &'a [String],
}

impl<'a> Words<'a> {
    pub fn new(words: &'a [String]) -> Self {
        Self { rest: words }
    }

    pub fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub fn peek(&self) -> Option<&'a str> {
        self.rest.first().map(String::as_str)
    }

    pub fn rest(&self) -> &'a [String] {
        self.rest
    }

    pub fn skip(&mut self, count: usize) {
        self.rest = &self.rest[count.min(self.rest.len())..];
    }

    /// The argument of `keyword`, which may not be empty.
    pub fn argument(&mut self, keyword: &str, missing: &str) -> Result<&'a str, String> {
        self.next().filter(|word| !word.is_empty()).ok_or_else(|| format!("'{keyword}' {missing}"))
    }

    /// The argument of a keyword of `send` or `connect`.
    pub fn text(&mut self, keyword: &str) -> Result<String, String> {
        self.argument(keyword, "expects a string as argument.").map(str::to_owned)
    }
}

/// Whether a variable may have this name.
pub fn printable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
