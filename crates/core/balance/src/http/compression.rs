//! Whether, and how, a response's body is compressed (manual section 4.2, `compression`).

use super::framing::Facts;
use super::head::{Headers, RequestHead, ResponseHead, Version};

/// What a body is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is; takes part in all but the change.
    Identity,
    Gzip,
    /// With zlib's wrapping.
    Deflate,
    /// Without it; clients know both as `deflate`.
    RawDeflate,
}

impl Coding {
    const ALL: [(&'static str, Self); 4] = [
        ("identity", Self::Identity),
        ("gzip", Self::Gzip),
        ("deflate", Self::Deflate),
        ("raw-deflate", Self::RawDeflate),
    ];

    /// A word of `compression algo`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, coding)| *coding)
    }

    /// The token of `Accept-Encoding` and `Content-Encoding`.
    pub fn token(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate | Self::RawDeflate => "deflate",
        }
    }
}

/// The coding that the request takes, of those configured: the client's preference first, then their order.
pub fn choose(request: &RequestHead, configured: &[Coding]) -> Option<Coding> {
    if is_broken_browser(request.headers.get(b"user-agent").unwrap_or_default()) {
        return None;
    }
    let mut best: Option<(u32, Coding)> = None;
    for (token, quality) in request.headers.get_all(b"accept-encoding").flat_map(preferences) {
        let found =
            configured.iter().find(|coding| token == b"*" || coding.token().as_bytes().eq_ignore_ascii_case(token));
        if let Some(coding) = found
            && quality > best.map_or(0, |(quality, _)| quality)
        {
            best = Some((quality, *coding));
        }
    }
    match best {
        Some((_, coding)) => Some(coding),
        None => configured.iter().find(|coding| **coding == Coding::Identity).copied(),
    }
}

/// Items of a list with their `q`, in thousandths (RFC 9110 section 12.4.2).
fn preferences(value: &[u8]) -> impl Iterator<Item = (&[u8], u32)> {
    value.split(|byte| *byte == b',').map(|item| {
        let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let token = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix(b"q=")).map_or(1000, quality);
        (token, quality)
    })
}

/// `0.8` is 800; what is no such number counts as 0.
fn quality(text: &[u8]) -> u32 {
    let text = std::str::from_utf8(text).unwrap_or("");
    text.parse::<f32>().map_or(0, |number| (number.clamp(0.0, 1.0) * 1000.0) as u32)
}

/// `Mozilla/4`, unless it is a version of MSIE that can unpack.
fn is_broken_browser(agent: &[u8]) -> bool {
    let Some(place) = memchr::memmem::find(agent, b"Mozilla/4") else { return false };
    let rest = &agent[place + 9..];
    if rest.len() < 22
        || !rest[3..].starts_with(b" (compatible; MSIE ".as_slice()) && !rest.windows(5).any(|part| part == b"MSIE ")
    {
        return true;
    }
    let version = memchr::memmem::find(rest, b"MSIE ").map(|place| &rest[place + 5..]).unwrap_or_default();
    match version.first() {
        Some(b'6') => memchr::memmem::find(version, b"SV1").is_none(),
        Some(b'7'..=b'9') => false,
        Some(b'1') => !version.get(1).is_some_and(u8::is_ascii_digit),
        _ => true,
    }
}

/// Whether this response may be compressed for that request. `types`: prefixes of media types; none: all.
pub fn applies(request: &RequestHead, response: &ResponseHead, facts: &Facts, types: &[String]) -> bool {
    let headers = &response.headers;
    let media = headers.get(b"content-type").unwrap_or_default().trim_ascii();
    let matches =
        |prefix: &str| media.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()));
    request.version >= Version::Http11
        && response.version >= Version::Http11
        && request.method() != b"HEAD"
        && matches!(response.status, 200..=203)
        && (facts.chunked || facts.length.is_some_and(|length| length > 0))
        && !headers.contains(b"content-encoding")
        && !headers.has_token(b"cache-control", b"no-transform")
        && !matches("multipart")
        && (types.is_empty() || types.iter().any(|prefix| matches(prefix)))
        && has_good_etag(headers)
}

/// None, or one that is quoted.
fn has_good_etag(headers: &Headers) -> bool {
    let mut tags = headers.get_all(b"etag");
    let Some(tag) = tags.next() else { return true };
    let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
    tags.next().is_none() && tag.len() >= 2 && tag.starts_with(b"\"") && tag.ends_with(b"\"")
}

/// Says in the head what becomes of the body: its length is not known, its tag names content that is only equivalent.
pub fn announce(response: &mut ResponseHead, coding: Coding) {
    let headers = &mut response.headers;
    if headers.remove(b"content-length") {
        headers.add(b"Transfer-Encoding", b"chunked");
    }
    if let Some(tag) = headers.get(b"etag").filter(|tag| !tag.starts_with(b"W/")) {
        let weak = [b"W/", tag].concat();
        headers.set(b"ETag", &weak);
    }
    if coding != Coding::Identity {
        headers.add(b"Content-Encoding", coding.token().as_bytes());
    }
    headers.add(b"Vary", b"Accept-Encoding");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_choice(field: &str, configured: &str, expected: Option<Coding>) {
        let mut request = RequestHead::new(b"GET", b"/", Version::Http11);
        let (name, value) = field.split_once(": ").unwrap_or_default();
        request.headers.add(name.as_bytes(), value.as_bytes());
        let configured: Vec<_> = configured.split(' ').filter_map(Coding::parse).collect();
        assert_eq!(choose(&request, &configured), expected, "{field}");
    }

    #[test]
    fn choices() {
        check_choice("Accept-Encoding: gzip, deflate", "gzip deflate", Some(Coding::Gzip));
        check_choice("Accept-Encoding: gzip;q=0.5, deflate", "gzip raw-deflate", Some(Coding::RawDeflate));
        check_choice("Accept-Encoding: gzip;q=0", "gzip", None);
        check_choice("Accept-Encoding: *", "gzip", Some(Coding::Gzip));
        check_choice("Accept-Encoding: br", "gzip", None);
        check_choice("X: y", "identity gzip", Some(Coding::Identity));
    }

    #[track_caller]
    fn check(fields: &str, expected: bool) {
        let request = RequestHead::new(b"GET", b"/", Version::Http11);
        let mut response = ResponseHead::new(200, b"OK", Version::Http11);
        for (name, value) in fields.split('|').filter_map(|field| field.split_once(": ")) {
            response.headers.add(name.as_bytes(), value.as_bytes());
        }
        let facts = Facts { length: Some(100), ..Facts::default() };
        assert_eq!(applies(&request, &response, &facts, &["text/".to_owned()]), expected, "{fields}");
    }

    #[test]
    fn what_is_compressed() {
        check("Content-Type: Text/html", true);
        check("Content-Type: image/png", false);
        check("Content-Type: text/html|Content-Encoding: gzip", false);
        check("Content-Type: text/html|Cache-Control: private, no-transform", false);
        check("Content-Type: text/html|ETag: \"a\"", true);
        check("Content-Type: text/html|ETag: a", false);
        check("", false);
    }
}
