//! Regular expressions of rules: `regex` where it can, `fancy-regex` where look-around or back-references are used.

use std::ops::Range;

#[derive(Debug, Clone)]
pub enum Regex {
    Plain(regex::bytes::Regex),
    /// Works on text: what is not UTF-8 does not match. Its backtracking has a limit; beyond it nothing matches.
    Fancy(fancy_regex::Regex),
}

/// Groups that `\0` to `\9` can name.
const GROUPS: usize = 10;

impl Regex {
    pub fn new(pattern: &str) -> Result<Self, String> {
        let plain = match regex::bytes::RegexBuilder::new(pattern).unicode(false).build() {
            Ok(plain) => return Ok(Self::Plain(plain)),
            Err(error) => error,
        };
        fancy_regex::Regex::new(pattern).map(Self::Fancy).map_err(|_| {
            let reason = plain.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("regex '{pattern}' is invalid (error={reason})")
        })
    }

    pub fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Plain(regex) => regex.is_match(text),
            Self::Fancy(regex) => std::str::from_utf8(text).is_ok_and(|text| regex.is_match(text).unwrap_or(false)),
        }
    }

    /// Where the whole match and its groups are.
    fn groups(&self, text: &[u8]) -> Option<[Option<Range<usize>>; GROUPS]> {
        match self {
            Self::Plain(regex) => {
                let found = regex.captures(text)?;
                Some(std::array::from_fn(|group| found.get(group).map(|group| group.range())))
            }
            Self::Fancy(regex) => {
                let found = regex.captures(std::str::from_utf8(text).ok()?).ok()??;
                Some(std::array::from_fn(|group| found.get(group).map(|group| group.range())))
            }
        }
    }

    /// `template` with `\0` to `\9` replaced by what the groups matched in `text`; none where `text` does not match.
    /// `\\` is a backslash, `\x41` a byte by its number, before anything else a backslash is dropped.
    pub fn expand(&self, text: &[u8], template: &[u8]) -> Option<Vec<u8>> {
        let groups = self.groups(text)?;
        let mut out = Vec::with_capacity(template.len());
        let mut rest = template;
        while let Some((byte, behind)) = rest.split_first() {
            rest = behind;
            if *byte != b'\\' {
                out.push(*byte);
                continue;
            }
            let Some((escaped, behind)) = rest.split_first() else { break };
            rest = behind;
            match escaped {
                b'0'..=b'9' => {
                    let group = groups[usize::from(escaped - b'0')].clone();
                    out.extend(group.map_or(&b""[..], |range| &text[range]));
                }
                b'x' => match rest.get(..2).and_then(hex) {
                    Some(byte) => {
                        out.push(byte);
                        rest = &rest[2..];
                    }
                    None => out.push(b'x'),
                },
                other => out.push(*other),
            }
        }
        Some(out)
    }
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, template: &str, expected: Option<&str>) {
        let expanded = Regex::new(pattern).unwrap().expand(text.as_bytes(), template.as_bytes());
        assert_eq!(expanded.as_deref(), expected.map(str::as_bytes));
    }

    #[test]
    fn templates() {
        check("(.*)-(.*)", "a-b", r"\2+\1", Some("b+a"));
        check("b", "abc", r"[\0]", Some("[b]"));
        check("x", "abc", "y", None);
        check("(a)(z)?", "a", r"\1\2\\\x41\q", Some(r"a\Aq"));
        check("(?<!a)b(?=c)", "xbc", r"<\0>", Some("<b>"));
        check(r"(\w)\1", "xaay", r"\1", Some("a"));
    }

    #[test]
    fn a_wrong_expression_says_why() {
        assert!(Regex::new("(").unwrap_err().starts_with("regex '(' is invalid (error=unclosed group"));
    }
}
