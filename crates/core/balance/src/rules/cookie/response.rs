//! The response's side: the cookie is set, rewritten, prefixed or taken out.

use super::{Cookie, CookieMode, RequestCookie, dates, request::value_of};
use crate::{
    http::{Headers, ResponseHead},
    log::CookieResponse,
};

/// Who answered, and what was asked.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The cookie of the server that answered. None: it has none (some backups), and clients forget theirs.
    pub server: Option<&'a str>,
    /// The request's cookie, or `use-server`, led to this server: no redispatch in between.
    pub direct: bool,
    /// The request's method.
    pub method: &'a [u8],
    /// An `ignore-persist` rule held.
    pub ignored: bool,
    /// Seconds since 1970.
    pub now: i64,
}

impl Cookie {
    /// Changes the response's head. What became of the cookie is for the log.
    pub fn response(&self, head: &mut ResponseHead, request: &RequestCookie, answered: Answered<'_>) -> CookieResponse {
        if !self.is_active() {
            return CookieResponse::Unused;
        }
        let mut state = CookieResponse::None;
        let mut removed = Vec::new();
        for place in 0..head.headers.len() {
            let own = self.own(&head.headers, place);
            let Some((range, rest)) = own else { continue };
            state = CookieResponse::Passed;
            if self.preserve {
                continue;
            }
            if self.mode == Some(CookieMode::Insert) || (answered.direct && self.indirect) {
                state = CookieResponse::Deleted;
                removed.push(place);
                continue;
            }
            let Some(server) = answered.server else { continue };
            let value = match self.mode {
                Some(CookieMode::Rewrite) => server.as_bytes().to_vec(),
                Some(CookieMode::Prefix) => [server.as_bytes(), b"~", &range].concat(),
                _ => continue,
            };
            state = CookieResponse::Rewritten;
            head.headers.replace_value(place, &[self.name.as_bytes(), b"=", &value, &rest].concat());
        }
        let mut place = 0..;
        head.headers.retain(|_, _| place.next().is_some_and(|place| !removed.contains(&place)));
        if self.inserts(state, request, answered) {
            state = self.insert(head, request, answered);
        }
        state
    }

    /// The value of our cookie in the `set-cookie` field at this place, and what follows it there.
    fn own(&self, headers: &Headers, place: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let (name, field) = headers.iter().nth(place)?;
        if !name.eq_ignore_ascii_case(b"set-cookie") && !name.eq_ignore_ascii_case(b"set-cookie2") {
            return None;
        }
        let end = field.iter().position(|byte| *byte == b';').unwrap_or(field.len());
        let value = value_of(field[..end].trim_ascii(), self.name.as_bytes())?;
        Some((value.to_vec(), field[end..].to_vec()))
    }

    fn inserts(&self, state: CookieResponse, request: &RequestCookie, answered: Answered<'_>) -> bool {
        let passed = state == CookieResponse::Passed && self.preserve;
        let (first, last) = (request.first_date, request.last_date);
        // HAProxy's dates end in January 2038: later ones are long ago.
        let stale = (self.max_idle > 0 || last > 0) && (last < answered.now || last > i64::from(i32::MAX));
        let renew = stale || (self.max_life > 0) != (first > 0);
        self.mode == Some(CookieMode::Insert)
            && !passed
            && (!answered.direct || renew)
            && (!self.postonly || answered.method == b"POST")
            && !answered.ignored
    }

    fn insert(&self, head: &mut ResponseHead, request: &RequestCookie, answered: Answered<'_>) -> CookieResponse {
        let mut text = format!("{}=", self.name).into_bytes();
        match answered.server {
            None => text.extend(b"; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"),
            Some(server) => {
                text.extend(server.as_bytes());
                if self.max_idle > 0 || self.max_life > 0 {
                    text.push(b'|');
                    text.extend(dates::encode(answered.now));
                }
                if self.max_life > 0 {
                    text.push(b'|');
                    text.extend(match request.first_date {
                        0 => dates::encode(answered.now),
                        first => dates::encode_exact(first),
                    });
                }
                text.extend(b"; path=/");
            }
        }
        for domain in &self.domains {
            text.extend(format!("; domain={domain}").as_bytes());
        }
        for (wanted, word) in [(self.httponly, "; HttpOnly"), (self.secure, "; Secure")] {
            text.extend(if wanted { word.as_bytes() } else { b"" });
        }
        for attribute in &self.attributes {
            text.extend(format!("; {attribute}").as_bytes());
        }
        let read = matches!(answered.method, b"GET" | b"HEAD");
        let private = self.nocache && read && is_cacheable(head);
        head.headers.add(b"set-cookie", &text);
        if private {
            head.headers.add(b"cache-control", b"private");
        }
        match answered.server.is_some() && answered.direct {
            true => CookieResponse::Updated,
            false => CookieResponse::Inserted,
        }
    }
}

/// Whether a cache is likely to keep this response (RFC 9110 section 15.1, RFC 9111 sections 4.2 and 5.2.2): it says how
/// long, or has something to ask with whether it changed.
pub fn is_cacheable(head: &ResponseHead) -> bool {
    const STATUSES: [u16; 11] = [200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501];
    const FORBIDDEN: [&[u8]; 5] = [b"no-cache", b"no-store", b"private", b"max-age=0", b"s-maxage=0"];
    let headers = &head.headers;
    let lasts = ["etag", "last-modified", "expires"].into_iter().any(|name| headers.contains(name.as_bytes()));
    let limits = |value: &[u8]| {
        let mut items = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        items.any(|item| item.starts_with(b"max-age=") || item.starts_with(b"s-maxage="))
    };
    STATUSES.contains(&head.status)
        && (lasts || headers.get_all(b"cache-control").any(limits))
        && !headers.has_token(b"pragma", b"no-cache")
        && !FORBIDDEN.iter().any(|word| headers.has_token(b"cache-control", word))
}
