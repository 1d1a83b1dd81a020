//! `normalize-uri`: one way to write a URI (RFC 3986 section 6.2.2), step by step. Experimental in HAProxy.

use super::{
    action::Step,
    exchange::{Exchange, Verdict},
    uri::Part,
    words::Words,
};
use crate::http::{Reply, RequestHead};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalizer {
    FragmentEncode,
    FragmentStrip,
    PathMergeSlashes,
    PathStripDot,
    PathStripDotdot { full: bool },
    PercentDecodeUnreserved { strict: bool },
    PercentToUppercase { strict: bool },
    QuerySortByName,
}

const NAMES: &str = "'fragment-encode', 'fragment-strip', 'path-merge-slashes', 'path-strip-dot', 'path-strip-dotdot', \
                     'percent-decode-unreserved', 'percent-to-uppercase', 'query-sort-by-name'";

impl Normalizer {
    pub fn parse(words: &mut Words<'_>) -> Result<Self, String> {
        let name = words.next_argument().ok_or("missing argument <normalizer>")?;
        let normalizer = match name {
            "fragment-encode" => Self::FragmentEncode,
            "fragment-strip" => Self::FragmentStrip,
            "path-merge-slashes" => Self::PathMergeSlashes,
            "path-strip-dot" => Self::PathStripDot,
            "path-strip-dotdot" => Self::PathStripDotdot { full: words.take("full") },
            "percent-decode-unreserved" => Self::PercentDecodeUnreserved { strict: words.take("strict") },
            "percent-to-uppercase" => Self::PercentToUppercase { strict: words.take("strict") },
            "query-sort-by-name" => Self::QuerySortByName,
            other => return Err(format!("unknown normalizer '{other}', expects one of {NAMES}")),
        };
        Ok(normalizer)
    }

    pub fn apply(self, exchange: &mut dyn Exchange) -> Step {
        let Some(head) = exchange.request_mut() else { return Step::Next };
        match self.normalize(head) {
            Some((part, value)) => {
                part.set(head, &value);
                Step::Next
            }
            None => Step::End(Verdict::Deny(Reply::Page(400))),
        }
    }

    /// The part that changes, and what it becomes; none where `strict` finds the URI broken.
    fn normalize(self, head: &RequestHead) -> Option<(Part, Vec<u8>)> {
        let whole = head.path_and_query();
        Some(match self {
            Self::FragmentEncode => (Part::PathQuery, encode_fragment(whole)),
            Self::FragmentStrip => {
                (Part::PathQuery, whole.split(|byte| *byte == b'#').next().unwrap_or(whole).to_vec())
            }
            Self::PathMergeSlashes => (Part::Path, merge_slashes(head.path())),
            Self::PathStripDot => (Part::Path, strip_dot(head.path())),
            Self::PathStripDotdot { full } => (Part::Path, strip_dotdot(head.path(), full)),
            Self::PercentDecodeUnreserved { strict } => {
                let decode = |out: &mut Vec<u8>, byte: u8, digits: &[u8]| match byte {
                    b'-' | b'.' | b'_' | b'~' => out.push(byte),
                    _ if byte.is_ascii_alphanumeric() => out.push(byte),
                    _ => out.extend([b'%', digits[0], digits[1]]),
                };
                (Part::PathQuery, percent(whole, strict, decode)?)
            }
            Self::PercentToUppercase { strict } => {
                let upper = |out: &mut Vec<u8>, _: u8, digits: &[u8]| {
                    out.extend([b'%', digits[0].to_ascii_uppercase(), digits[1].to_ascii_uppercase()]);
                };
                (Part::PathQuery, percent(whole, strict, upper)?)
            }
            Self::QuerySortByName => {
                // An `&` at the end begins no field.
                let query = head.query().strip_suffix(b"&").unwrap_or(head.query());
                let mut fields: Vec<_> = query.split(|byte| *byte == b'&').collect();
                fields.sort_by_key(|field| field.split(|byte| *byte == b'=').next());
                (Part::Query, fields.join(&b'&'))
            }
        })
    }
}

fn encode_fragment(uri: &[u8]) -> Vec<u8> {
    uri.iter().flat_map(|byte| if *byte == b'#' { b"%23" } else { std::slice::from_ref(byte) }).copied().collect()
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut out = path.to_vec();
    out.dedup_by(|b, a| *a == b'/' && *b == b'/');
    out
}

fn strip_dot(path: &[u8]) -> Vec<u8> {
    segments(path, |out, segment, last| match segment {
        b"." if last => out.push(b""),
        b"." => {}
        _ => out.push(segment),
    })
}

fn strip_dotdot(path: &[u8], full: bool) -> Vec<u8> {
    segments(path, |out, segment, last| {
        if segment != b".." {
            return out.push(segment);
        }
        // The first part is what stands before the leading slash.
        let parent = out.len() > 1 && out.last() != Some(&&b".."[..]);
        match (parent, full) {
            (true, _) => _ = out.pop(),
            (false, true) => {}
            (false, false) => return out.push(segment),
        }
        if last {
            out.push(b"");
        }
    })
}

fn segments<'a>(path: &'a [u8], mut take: impl FnMut(&mut Vec<&'a [u8]>, &'a [u8], bool)) -> Vec<u8> {
    let parts: Vec<_> = path.split(|byte| *byte == b'/').collect();
    let mut out = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        take(&mut out, part, at + 1 == parts.len());
    }
    out.join(&b'/')
}

/// Changes each `%xx`; other percent signs stay, or are refused if `strict`.
fn percent(uri: &[u8], strict: bool, change: impl Fn(&mut Vec<u8>, u8, &[u8])) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(uri.len());
    let mut rest = uri;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match digits {
            Some(digits) => {
                let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
                change(&mut out, value(digits[0]) << 4 | value(digits[1]), digits);
                rest = &rest[2..];
            }
            None if strict => return None,
            None => out.push(b'%'),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(normalizer: Normalizer, cases: &[(&str, &str)]) {
        for (uri, expected) in cases {
            let mut head = RequestHead::new(b"GET", uri.as_bytes(), Default::default());
            let shown = match normalizer.normalize(&head) {
                Some((part, value)) => {
                    part.set(&mut head, &value);
                    String::from_utf8_lossy(head.uri()).into_owned()
                }
                None => "400".into(),
            };
            assert_eq!(shown, *expected, "{normalizer:?} {uri}");
        }
    }

    /// The manual's examples.
    #[test]
    fn examples_of_the_manual() {
        check(Normalizer::FragmentEncode, &[("/#foo", "/%23foo")]);
        check(Normalizer::FragmentStrip, &[("/#foo", "/")]);
        check(
            Normalizer::PathStripDot,
            &[("/.", "/"), ("/./bar/", "/bar/"), ("/a/./a", "/a/a"), ("/.well-known/", "/.well-known/")],
        );
        check(
            Normalizer::PathStripDotdot { full: false },
            &[
                ("/foo/../", "/"),
                ("/foo/../bar/", "/bar/"),
                ("/foo/bar/../", "/foo/"),
                ("/../bar/", "/../bar/"),
                ("/bar/../../", "/../"),
                ("/foo//../", "/foo/"),
                ("/foo/%2E%2E/", "/foo/%2E%2E/"),
            ],
        );
        check(Normalizer::PathStripDotdot { full: true }, &[("/../bar/", "/bar/"), ("/bar/../../", "/")]);
        check(Normalizer::PathMergeSlashes, &[("//", "/"), ("/foo//bar", "/foo/bar")]);
        check(
            Normalizer::PercentDecodeUnreserved { strict: false },
            &[("/%61dmin", "/admin"), ("/foo%3Fbar=baz", "/foo%3Fbar=baz"), ("/%%36%36", "/%66"), ("/%ZZ", "/%ZZ")],
        );
        check(Normalizer::PercentDecodeUnreserved { strict: true }, &[("/%%36%36", "400"), ("/%ZZ", "400")]);
        check(Normalizer::PercentToUppercase { strict: false }, &[("/%6f", "/%6F"), ("/%zz", "/%zz")]);
        check(Normalizer::PercentToUppercase { strict: true }, &[("/%zz", "400")]);
        check(
            Normalizer::QuerySortByName,
            &[
                ("/?c=3&a=1&b=2", "/?a=1&b=2&c=3"),
                ("/?aaa=3&a=1&aa=2", "/?a=1&aa=2&aaa=3"),
                ("/?a=3&b=4&a=1&b=5&a=2", "/?a=3&a=1&a=2&b=4&b=5"),
            ],
        );
    }
}
