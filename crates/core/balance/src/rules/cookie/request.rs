//! The request's side: which server the cookie names.

use std::borrow::Cow;

use super::{Cookie, CookieMode, dates};
use crate::{
    http::{Headers, RequestHead},
    log::CookieRequest,
};

/// Cookies with a date further in the future are ignored: a wrong clock may keep clients no longer than a day.
const FUTURE: i64 = 86_400;

/// A server that a cookie may name.
#[derive(Debug, Clone, Copy)]
pub struct ServerCookie<'a> {
    /// Place in the backend's list.
    pub index: usize,
    pub value: &'a str,
    /// Not stopped: up, or draining, or going down.
    pub running: bool,
}

/// What else decides about a request's cookie.
#[derive(Debug, Clone, Copy, Default)]
pub struct Persistence {
    /// `option persist` or a `force-persist` rule that holds: servers that are down are tried as well.
    pub force: bool,
    /// An `ignore-persist` rule holds, or `use-server` has chosen already: the cookie does not count.
    pub ignore: bool,
    /// Seconds since 1970.
    pub now: i64,
}

/// What became of a request's cookie; [`Cookie::response`] needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestCookie {
    /// For the log.
    pub state: CookieRequest,
    /// The server it names, which the request is to go to.
    pub server: Option<usize>,
    /// Seconds since 1970 when the cookie was set first and last; 0 is not said.
    pub first_date: i64,
    pub last_date: i64,
}

impl Cookie {
    /// Looks for the cookie in a request, and takes out of the head what the server must not see of it.
    pub fn request<'s>(
        &self,
        head: &mut RequestHead,
        servers: impl Iterator<Item = ServerCookie<'s>> + Clone,
        persistence: Persistence,
    ) -> RequestCookie {
        let mut found = RequestCookie { state: CookieRequest::None, ..RequestCookie::default() };
        for place in 0..head.headers.len() {
            self.field(&mut head.headers, place, servers.clone(), persistence, &mut found);
        }
        // Fields that lost all their cookies were emptied.
        head.headers.retain(|name, value| !value.is_empty() || !name.eq_ignore_ascii_case(b"cookie"));
        if !self.is_active() {
            // A cookie that the servers set themselves: it binds, and the log has no letter for it.
            return RequestCookie { server: found.server, ..RequestCookie::default() };
        }
        found
    }

    /// One field of the request, in whose place what is left is put.
    fn field<'s>(
        &self,
        headers: &mut Headers,
        place: usize,
        servers: impl Iterator<Item = ServerCookie<'s>> + Clone,
        persistence: Persistence,
        found: &mut RequestCookie,
    ) {
        let field = headers.iter().nth(place).filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie"));
        let Some((_, text)) = field else { return };
        let mut kept: Vec<Vec<u8>> = Vec::new();
        let mut changed = false;
        for pair in pairs(text) {
            let tidied = tidy(pair);
            changed |= tidied.len() != pair.len();
            let pair = &tidied[..];
            let Some(value) = value_of(pair.trim_ascii(), self.name.as_bytes()) else {
                kept.push(pair.to_vec());
                continue;
            };
            self.look_at(value, servers.clone(), persistence, found);
            match self.mode {
                Some(CookieMode::Insert) if self.indirect => changed = true,
                Some(CookieMode::Prefix) if value.contains(&b'~') => {
                    let own = value.iter().position(|byte| *byte == b'~').map_or(value, |mark| &value[mark + 1..]);
                    let blanks = &pair[pair.trim_ascii_end().len()..];
                    kept.push([self.name.as_bytes(), b"=", own, blanks].concat());
                    changed = true;
                }
                _ => kept.push(pair.to_vec()),
            }
        }
        if changed {
            headers.replace_value(place, kept.join(&b';').trim_ascii());
        }
    }

    /// Finds the server of one value.
    fn look_at<'s>(
        &self,
        value: &[u8],
        servers: impl Iterator<Item = ServerCookie<'s>>,
        persistence: Persistence,
        found: &mut RequestCookie,
    ) {
        if found.server.is_some() {
            return;
        }
        let delimiter = if self.mode == Some(CookieMode::Prefix) { b'~' } else { b'|' };
        let mut parts = value.splitn(3, |byte| *byte == delimiter);
        let mut name = parts.next().unwrap_or_default();
        if self.mode != Some(CookieMode::Prefix) {
            found.last_date = parts.next().and_then(dates::decode).unwrap_or(found.last_date);
            found.first_date = parts.next().and_then(dates::decode).unwrap_or(found.first_date);
            if let Some(state) = self.too_old(found, persistence.now) {
                (found.state, found.first_date, found.last_date) = (state, 0, 0);
                name = b"";
            }
        }
        if !persistence.ignore && !name.is_empty() {
            for server in servers.filter(|server| server.value.as_bytes() == name) {
                found.state = if server.running { CookieRequest::Valid } else { CookieRequest::Down };
                if server.running || persistence.force {
                    found.server = Some(server.index);
                    return;
                }
            }
        }
        match found.state {
            CookieRequest::Down | CookieRequest::Expired | CookieRequest::Old => {}
            _ if persistence.ignore => found.state = CookieRequest::Unset,
            _ => found.state = CookieRequest::Invalid,
        }
    }

    fn too_old(&self, found: &RequestCookie, now: i64) -> Option<CookieRequest> {
        let wrong =
            |date: i64, limit: u32| date > 0 && limit > 0 && (now - date > i64::from(limit) || date - now > FUTURE);
        if wrong(found.first_date, self.max_life) {
            return Some(CookieRequest::Old);
        }
        wrong(found.last_date, self.max_idle).then_some(CookieRequest::Expired)
    }
}

/// The cookies of a field, with the blanks around them. A `;` between quotes parts nothing.
fn pairs(field: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in field.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                found.push(&field[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&field[start..]);
    found
}

/// A cookie without blanks around its `=`: servers and we must read the same name and value.
fn tidy(pair: &[u8]) -> Cow<'_, [u8]> {
    let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { return Cow::Borrowed(pair) };
    let (name, value) = (pair[..equals].trim_ascii_end(), pair[equals + 1..].trim_ascii_start());
    if name.len() + 1 + value.len() == pair.len() {
        return Cow::Borrowed(pair);
    }
    Cow::Owned([name, b"=", value].concat())
}

/// The value of a cookie, if it has this name; names count case.
pub(super) fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    (pair[..equals].trim_ascii_end() == name).then(|| pair[equals + 1..].trim_ascii())
}
