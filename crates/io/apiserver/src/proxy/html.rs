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
    scan: Scan,
    /// The element whose end tag is waited for.
    raw: Option<&'static str>,
}

/// How far the end of what is pending was looked for: nothing is looked at twice, however small the pieces are.
#[derive(Default)]
struct Scan {
    at: usize,
    /// The value there is in such quotes.
    quote: Option<u8>,
    /// But for blanks, `=` comes before.
    in_value: bool,
}

impl Rewriter {
    pub fn new(prefix: Prefix, hosts: Vec<String>) -> Self {
        Self { prefix, hosts, pending: Vec::new(), scan: Scan::default(), raw: None }
    }

    /// What can go out once `bytes` came in.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut input = std::mem::take(&mut self.pending);
        input.extend_from_slice(bytes);
        let (mut out, mut done) = (Vec::new(), 0);
        while let Some(at) = memchr(b'<', &input[done..]) {
            out.extend_from_slice(&input[done..done + at]);
            done += at;
            let Some(length) = self.length(&input[done..]) else { break };
            self.scan = Scan::default();
            self.put(&input[done..done + length], &mut out);
            done += length;
        }
        let rest = &input[done..];
        if rest.starts_with(b"<") && rest.len() <= LONGEST_TAG {
            self.pending = if done == 0 { input } else { rest.to_vec() };
        } else {
            out.extend_from_slice(rest);
            self.scan = Scan::default();
        }
        out
    }

    /// What is left when the page has ended.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }

    /// Bytes of what begins with this `<`; None if its end is not there yet.
    fn length(&mut self, text: &[u8]) -> Option<usize> {
        if let Some(raw) = self.raw {
            let end = raw.len() + 2;
            let is_end = text.len() >= end && &text[..2] == b"</" && text[2..end].eq_ignore_ascii_case(raw.as_bytes());
            return match is_end {
                true => self.scan.mark(text),
                false if text.len() < end => None,
                false => Some(1),
            };
        }
        let comment = b"<!--";
        if text.starts_with(comment) {
            return self.scan.comment(text, comment.len());
        }
        if text.len() < comment.len() && comment.starts_with(text) {
            return None;
        }
        match text[1] {
            b'/' | b'!' | b'?' => self.scan.mark(text),
            letter if letter.is_ascii_alphabetic() => self.scan.tag(text),
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

impl Scan {
    /// The first `>`.
    fn mark(&mut self, text: &[u8]) -> Option<usize> {
        let found = memchr(b'>', &text[self.at..]).map(|at| self.at + at + 1);
        self.at = text.len();
        found
    }

    /// The first `-->` behind the `start` bytes that begin a comment.
    fn comment(&mut self, text: &[u8], start: usize) -> Option<usize> {
        let end = b"-->";
        let from = self.at.max(start);
        let found = memmem::find(&text[from..], end).map(|at| from + at + end.len());
        // The last bytes may be the first of an end.
        self.at = (text.len() + 1).saturating_sub(end.len());
        found
    }

    /// The end of a tag; a `>` in quotes is none.
    fn tag(&mut self, text: &[u8]) -> Option<usize> {
        for byte in &text[self.at..] {
            self.at += 1;
            match (self.quote, *byte) {
                (None, b'>') => return Some(self.at),
                // Only after `=` a quote begins a value.
                (None, mark @ (b'"' | b'\'')) if self.in_value => (self.quote, self.in_value) = (Some(mark), false),
                (None, blank) if blank.is_ascii_whitespace() => {}
                (None, byte) => self.in_value = byte == b'=',
                (Some(mark), byte) if byte == mark => self.quote = None,
                _ => {}
            }
        }
        None
    }
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
    fn ends_are_found_in_any_pieces() {
        check("<!-- <a href=/x> -- > - --><a href=/y>", "<!-- <a href=/x> -- > - --><a href=^/y>");
        check("<!--><a href=/x>--><a href=/y>", "<!--><a href=/x>--><a href=^/y>");
        check("<!-x><a href=/y></a x='><a href=/z>'", "<!-x><a href=^/y></a x='><a href=^/z>'");
        check("<a \"> href='/x'><a b='\"' c = \n\"'>\" href=/y>", "<a \"> href='/x'><a b='\"' c = \n\"'>\" href=^/y>");
        check("<title></titl><a href=/x></TITLE x><a href=/y>", "<title></titl><a href=/x></TITLE x><a href=^/y>");
    }

    #[test]
    fn nothing_is_looked_at_twice() {
        for start in ["<a href='", "<!--", "</x", "<!x", "<?x"] {
            let mut rewriter = Rewriter::new(Prefix::of("/api/v1/nodes/n/proxy", false), Vec::new());
            assert_eq!(rewriter.feed(start.as_bytes()), b"");
            for fed in start.len() + 1..1000 {
                assert_eq!(rewriter.feed(b"x"), b"");
                assert_eq!(rewriter.pending.len(), fed);
                assert!(rewriter.scan.at + 2 >= fed, "{start}: {} of {fed}", rewriter.scan.at);
            }
        }
    }

    #[test]
    fn a_tag_without_end_is_not_kept_for_ever() {
        let mut rewriter = Rewriter::new(Prefix::of("/api/v1/nodes/n/proxy", false), Vec::new());
        let out = rewriter.feed(&[&b"<a "[..], &vec![b'x'; 2 * LONGEST_TAG]].concat());
        assert_eq!(out.len(), 3 + 2 * LONGEST_TAG);
    }
}
