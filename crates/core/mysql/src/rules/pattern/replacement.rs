//! `replace_pattern`: text with `\0` (all that matched) to `\9` in it.

use std::ops::Range;

use super::Pattern;

#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    parts: Vec<Part>,
    /// All matches rather than the first.
    global: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Vec<u8>),
    Group(usize),
}

impl Replacement {
    /// `groups` is the number of the pattern's highest group, `None` where there is no pattern.
    pub fn new(text: &str, groups: Option<usize>, global: bool) -> Result<Self, (String, String)> {
        let Some(groups) = groups else {
            return Err((
                "has no match_pattern to replace".into(),
                "add the match_pattern whose matches it replaces".into(),
            ));
        };
        let mut parts = Vec::new();
        let mut plain = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match (byte, if byte == b'\\' { bytes.next() } else { None }) {
                (b'\\', Some(b'\\')) => plain.push(b'\\'),
                (b'\\', Some(digit @ b'0'..=b'9')) => {
                    let group = usize::from(digit - b'0');
                    if group > groups {
                        let cause = format!("has \\{group}, but match_pattern has {groups} groups");
                        return Err((cause, "put brackets around the part of match_pattern that is meant".into()));
                    }
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Group(group));
                }
                (b'\\', _) => {
                    return Err((
                        "has a \\ without a digit".into(),
                        "write \\\\ for a backslash, \\0 to \\9 for what matched".into(),
                    ));
                }
                _ => plain.push(byte),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self { parts, global })
    }

    /// The text with its matches replaced; `None` if there are none.
    pub fn apply(&self, pattern: &Pattern, text: &[u8]) -> Option<Vec<u8>> {
        let limit = if self.global { usize::MAX } else { 1 };
        let mut result = Vec::with_capacity(text.len() + 64);
        let mut end = 0;
        let mut replace = |range: Range<usize>, group: &dyn Fn(usize) -> Range<usize>| {
            result.extend_from_slice(&text[end..range.start]);
            for part in &self.parts {
                result.extend_from_slice(match part {
                    Part::Text(text) => text,
                    Part::Group(number) => &text[group(*number)],
                });
            }
            end = range.end;
        };
        let mut found = false;
        match pattern {
            Pattern::Linear(regex) => {
                for captures in regex.captures_iter(text).take(limit) {
                    let group = |number| captures.get(number).map_or(0..0, |found| found.range());
                    replace(captures.get_match().range(), &group);
                    found = true;
                }
            }
            Pattern::Backtracking(regex) => {
                // One that took too many steps ends it: what is replaced until then stays so.
                for captures in regex.captures_iter(text).take(limit).map_while(Result::ok) {
                    let Some(whole) = captures.get(0) else { continue };
                    let group = |number| captures.get(number).map_or(0..0, |found| found.start()..found.end());
                    replace(whole.start()..whole.end(), &group);
                    found = true;
                }
            }
        }
        result.extend_from_slice(&text[end..]);
        found.then_some(result)
    }
}
