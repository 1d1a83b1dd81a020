//! Regular expressions: linear-time ones first; with look-around and back references by backtracking with a limit.

use std::borrow::Cow;
use std::ops::Range;

/// Steps a backtracking expression may take on one text: enough for sane ones, and a stop for a malicious request.
const BACKTRACK_LIMIT: usize = 10_000;

#[derive(Debug, Clone)]
pub struct Regex(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Linear(regex::bytes::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// Where the whole match and its groups are.
pub type Groups = Vec<Option<Range<usize>>>;

impl Regex {
    /// Bytes, not characters, as PCRE without its UTF mode.
    pub fn new(pattern: &str, ignore_case: bool) -> Result<Self, String> {
        let written = pattern;
        let pattern = &*without_quotes(pattern);
        for unicode in [false, true] {
            let linear =
                regex::bytes::RegexBuilder::new(pattern).unicode(unicode).case_insensitive(ignore_case).build();
            if let Ok(regex) = linear {
                return Ok(Self(Kind::Linear(regex)));
            }
        }
        let backtracking = fancy_regex::RegexBuilder::new(pattern)
            .case_insensitive(ignore_case)
            .backtrack_limit(BACKTRACK_LIMIT)
            .build();
        match backtracking {
            Ok(regex) => Ok(Self(Kind::Backtracking(Box::new(regex)))),
            Err(error) => {
                Err(format!("regex '{written}' is invalid (error={})", explained(&error.to_string(), pattern)))
            }
        }
    }

    pub fn is_match(&self, text: &[u8]) -> bool {
        match &self.0 {
            Kind::Linear(regex) => regex.is_match(text),
            // A text that would take too many steps does not match.
            Kind::Backtracking(regex) => regex.is_match(&*String::from_utf8_lossy(text)).unwrap_or(false),
        }
    }

    /// The first match at or behind `start`.
    pub fn groups(&self, text: &[u8], start: usize) -> Option<Groups> {
        match &self.0 {
            Kind::Linear(regex) => {
                let found = regex.captures_at(text, start)?;
                Some(found.iter().map(|group| group.map(|group| group.range())).collect())
            }
            Kind::Backtracking(regex) => {
                let text = std::str::from_utf8(text).ok().filter(|text| text.is_char_boundary(start))?;
                let found = regex.captures_from_pos(text, start).ok()??;
                Some(found.iter().map(|group| group.map(|group| group.range())).collect())
            }
        }
    }

    /// A template with the groups of the first match in it, in place of the whole text; `None` where nothing matches.
    pub fn expand(&self, text: &[u8], template: &[u8]) -> Option<Vec<u8>> {
        let groups = self.groups(text, 0)?;
        let mut out = Vec::with_capacity(template.len());
        expand(template, text, &groups, &mut out);
        Some(out)
    }

    /// The text with the first match, or all, replaced; `None` where nothing matches.
    pub fn replace(&self, text: &[u8], template: &[u8], all: bool) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        let (mut from, mut copied) = (0, 0);
        let mut any = false;
        while from <= text.len() {
            let Some(groups) = self.groups(text, from) else { break };
            let Some(Some(whole)) = groups.first().cloned() else { break };
            any = true;
            out.extend_from_slice(&text[copied..whole.start]);
            expand(template, text, &groups, &mut out);
            copied = whole.end;
            // An empty match must not be found again.
            from = if whole.is_empty() { whole.end + 1 } else { whole.end };
            if !all {
                break;
            }
        }
        any.then(|| {
            out.extend_from_slice(&text[copied.min(text.len())..]);
            out
        })
    }
}

/// `\Q...\E` of PCRE, which the engines here do not know, written out.
fn without_quotes(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains("\\Q") {
        return Cow::Borrowed(pattern);
    }
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("\\Q") {
        let (quoted, behind) = after.split_once("\\E").unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&regex::escape(quoted));
        rest = behind;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What PCRE calls the common mistakes, and where it finds them.
fn explained(why: &str, pattern: &str) -> String {
    const KNOWN: [(&str, &str, bool); 5] = [
        ("Opening parenthesis without closing parenthesis", "missing closing parenthesis", true),
        ("end of string not reached", "unmatched closing parenthesis", false),
        ("Target of repeat operator is invalid", "quantifier does not follow a repeatable item", false),
        ("Invalid character class", "missing terminating ] for character class", true),
        ("Backslash without following character", "\\ at end of pattern", true),
    ];
    let position = why.split_once("at position ").and_then(|(_, rest)| rest.split_once(':')).map(|(at, _)| at);
    match KNOWN.iter().find(|(theirs, ..)| why.contains(theirs)) {
        Some((_, known, at_end)) => {
            let at = if *at_end { pattern.len().to_string() } else { position.unwrap_or("0").to_owned() };
            format!("{known}, erroffset={at}")
        }
        None => why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    }
}

/// Appends a template: `\0` to `\9` are groups, `\xHH` a byte, other escaped bytes themselves.
pub fn expand(template: &[u8], text: &[u8], groups: &[Option<Range<usize>>], out: &mut Vec<u8>) {
    let mut rest = template;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let escaped = if *byte == b'\\' { after.first() } else { None };
        let Some(escaped) = escaped else {
            out.push(*byte);
            continue;
        };
        rest = &after[1..];
        let digit = |place: usize| rest.get(place).and_then(|byte| (*byte as char).to_digit(16));
        match (escaped, digit(0), digit(1)) {
            (b'0'..=b'9', ..) => {
                let group = groups.get(usize::from(escaped - b'0')).cloned().flatten();
                out.extend_from_slice(group.map_or(&b""[..], |group| &text[group]));
            }
            (b'x', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                rest = &rest[2..];
            }
            _ => out.push(*escaped),
        }
    }
}
