//! Links in pages, rewritten while the page passes.
//!
//! Pure: bytes in, bytes out; a tag that came in half waits for its end.
//!
//! Upstream: `apimachinery/pkg/util/proxy/transport.go` (`atomsToAttrs`, `rewriteHTML`).

use super::urls::Prefix;
use memchr::{memchr, memmem};

/// A longer tag is none of ours to understand and passes as it is.
const LONGEST_TAG: usize = 64 * 1024;

/// Which attributes of which element are URLs.
const LINKS: [(&str, &[&str]); 29] = [
    ("a", &["href"]),
    ("applet", &["codebase"]),
    ("area", &["href"]),
    ("audio", &["src"]),
    ("base", &["href"]),
    ("blockquote", &["cite"]),
    ("body", &["background"]),
    ("button", &["formaction"]),
    ("command", &["icon"]),
    ("del", &["cite"]),
    ("embed", &["src"]),
    ("form", &["action"]),
    ("frame", &["longdesc", "src"]),
    ("head", &["profile"]),
    ("html", &["manifest"]),
    ("iframe", &["longdesc", "src"]),
    ("img", &["longdesc", "src", "usemap"]),
    ("input", &["formaction", "src", "usemap"]),
    ("ins", &["cite"]),
    ("link", &["href"]),
    ("object", &["classid", "codebase", "data", "usemap"]),
    ("q", &["cite"]),
    ("script", &["src"]),
    ("source", &["src"]),
    ("track", &["src"]),
    ("video", &["poster", "src"]),
    // Never a link: their text is no markup, and is looked for here alone.
    ("style", &[]),
    ("textarea", &[]),
    ("title", &[]),
];

/// Elements whose text ends only with their own end tag.
const RAW: [&str; 4] = ["script", "style", "textarea", "title"];

pub struct Rewriter {
    prefix: Prefix,
    hosts: Vec<String>,
    /// What may be the beginning of a tag.
    pending: Vec<u8>,
    /// The element whose end tag is waited for.
    raw: Option<&'static str>,
}

impl Rewriter {
    pub fn new(prefix: Prefix, hosts: Vec<String>) -> Self {
        Self { prefix, hosts, pending: Vec::new(), raw: None }
    }

    /// What can go out once `bytes` came in.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut input = std::mem::take(&mut self.pending);
        input.extend_from_slice(bytes);
        let mut out = Vec::with_capacity(input.len() + 64);
        let mut rest = &input[..];
        while let Some(at) = memchr(b'<', rest) {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            let Some(length) = self.length(rest) else { break };
            let (tag, after) = rest.split_at(length);
            self.put(tag, &mut out);
            rest = after;
        }
        if memchr(b'<', rest).is_some() && rest.len() <= LONGEST_TAG {
            self.pending = rest.to_vec();
        } else {
            out.extend_from_slice(rest);
        }
        out
    }

    /// What is left when the page has ended.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }

    /// Bytes of what begins with this `<`; None if its end is not there yet.
    fn length(&self, text: &[u8]) -> Option<usize> {
        if let Some(raw) = self.raw {
            let end = raw.len() + 2;
            let is_end = text.len() >= end && &text[..2] == b"</" && text[2..end].eq_ignore_ascii_case(raw.as_bytes());
            return match is_end {
                true => memchr(b'>', text).map(|at| at + 1),
                false if text.len() < end => None,
                false => Some(1),
            };
        }
        let comment = b"<!--";
        if text.starts_with(comment) {
            return memmem::find(&text[comment.len()..], b"-->").map(|at| at + comment.len() + 3);
        }
        if text.len() < comment.len() && comment.starts_with(text) {
            return None;
        }
        match text[1] {
            b'/' | b'!' | b'?' => memchr(b'>', text).map(|at| at + 1),
            letter if letter.is_ascii_alphabetic() => tag_length(text),
            _ => Some(1),
        }
    }

    fn put(&mut self, tag: &[u8], out: &mut Vec<u8>) {
        if self.raw.is_some() {
            if tag.len() > 1 {
                self.raw = None;
            }
            return out.extend_from_slice(tag);
        }
        let end = tag.iter().skip(1).position(|byte| !byte.is_ascii_alphanumeric()).map_or(tag.len(), |at| at + 1);
        let name = tag[1..end].to_ascii_lowercase();
        let Some((name, links)) = LINKS.iter().find(|(known, _)| known.as_bytes() == name) else {
            return out.extend_from_slice(tag);
        };
        self.raw = RAW.into_iter().find(|raw| raw == name).filter(|_| !tag.ends_with(b"/>"));
        out.extend_from_slice(&tag[..end]);
        let mut rest = &tag[end..];
        while let Some(Attribute { before, name, value, after }) = next_attribute(rest) {
            out.extend_from_slice(before);
            let is_link = links.iter().any(|link| name.eq_ignore_ascii_case(link.as_bytes()));
            let hosts: Vec<&str> = self.hosts.iter().map(String::as_str).collect();
            let text = std::str::from_utf8(value).ok().filter(|_| is_link);
            match text.and_then(|text| self.prefix.rewrite(text, &hosts)) {
                Some(url) => out.extend_from_slice(url.as_bytes()),
                None => out.extend_from_slice(value),
            }
            rest = after;
        }
        out.extend_from_slice(rest);
    }
}

/// The end of a tag; a `>` in quotes is none.
fn tag_length(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, *byte) {
            (None, b'>') => return Some(at + 1),
            // Only after `=` a quote begins a value.
            (None, mark @ (b'"' | b'\'')) if text[..at].trim_ascii_end().ends_with(b"=") => quote = Some(mark),
            (Some(mark), byte) if byte == mark => quote = None,
            _ => {}
        }
    }
    None
}

struct Attribute<'a> {
    /// Text up to the value.
    before: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
    after: &'a [u8],
}

/// The next attribute that has a value.
fn next_attribute(text: &[u8]) -> Option<Attribute<'_>> {
    let equals = memchr(b'=', text)?;
    let before = text[..equals].trim_ascii_end();
    let start = before.iter().rposition(|byte| byte.is_ascii_whitespace() || *byte == b'/').map_or(0, |at| at + 1);
    let name = &before[start..];
    let blanks = text[equals + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let from = equals + 1 + blanks;
    let (from, length) = match text.get(from)? {
        quote @ (b'"' | b'\'') => (from + 1, memchr(*quote, &text[from + 1..])?),
        _ => {
            let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
            (from, text[from..].iter().position(is_end).unwrap_or(text.len() - from))
        }
    };
    let (value, after) = text[from..].split_at(length);
    Some(Attribute { before: &text[..from], name, value, after })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(page: &str, piece: usize) -> String {
        let prefix = Prefix::of("/api/v1/nodes/n/proxy", false);
        let mut rewriter = Rewriter::new(prefix, vec!["10.0.0.1:80".to_owned()]);
        let mut out: Vec<u8> = page.as_bytes().chunks(piece).flat_map(|piece| rewriter.feed(piece)).collect();
        out.extend(rewriter.finish());
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn check(page: &str, expected: &str) {
        for piece in [1, 2, 7, 1000] {
            assert_eq!(rewritten(page, piece).replace("/api/v1/nodes/n/proxy", "^"), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn absolute_paths_get_the_prefix() {
        check(r#"<a href="/rewriteme">test</a>"#, r#"<a href="^/rewriteme">test</a>"#);
        check("<IMG alt='a > b' SRC = '/x'/><a href=/y>z", "<IMG alt='a > b' SRC = '^/x'/><a href=^/y>z");
        check(r#"<a class="/a" href="http://10.0.0.1:80/x?y">"#, r#"<a class="/a" href="^/x?y">"#);
    }

    #[test]
    fn all_else_stays() {
        for same in [
            "<a href=\"x\"> 1 < 2 <> <b title='/x'>é</b>",
            "<!-- <a href=\"/x\"> --><!DOCTYPE html>",
            "<script>var a = '<a href=\"/x\">';</script>",
            "<a href=\"//cdn/x\"><a name=\"/x\"><p href=/x>",
            "<a href=\"/unfinished",
            "<",
        ] {
            check(same, same);
        }
        check("<style>a</style><link href=/x>", "<style>a</style><link href=^/x>");
        check("<script src=\"/s\"></script><a href='/x'>", "<script src=\"^/s\"></script><a href='^/x'>");
    }

    #[test]
    fn a_tag_without_end_is_not_kept_for_ever() {
        let mut rewriter = Rewriter::new(Prefix::of("/api/v1/nodes/n/proxy", false), Vec::new());
        let out = rewriter.feed(&[&b"<a "[..], &vec![b'x'; 2 * LONGEST_TAG]].concat());
        assert_eq!(out.len(), 3 + 2 * LONGEST_TAG);
    }
}
