//! The bytes of a request that a hash takes.

use super::{Algorithm, algorithm::UriHash};
use crate::http::RequestHead;

impl Algorithm {
    /// What `uri`, `url_param` and `hdr` hash of this request; none if it is not there, or for other algorithms.
    /// `body` is as much of the body as has come: `url_param check_post` looks there for a POST.
    pub fn key<'a>(&self, head: &'a RequestHead, body: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Uri(hash) => {
                let uri = if hash.path_only { head.path_and_query() } else { head.uri() };
                Some(hash.part(uri))
            }
            Self::UrlParam { name, check_post } => {
                let uri = head.uri();
                let query = uri.iter().position(|byte| *byte == b'?').map(|mark| &uri[mark + 1..]);
                query.and_then(|query| parameter(query, name.as_bytes())).or_else(|| {
                    (*check_post && head.method() == b"POST").then(|| parameter(body, name.as_bytes())).flatten()
                })
            }
            Self::Hdr { name, domain_only } => {
                let value = head.headers.get(name.as_bytes())?;
                let value = value.split(|byte| *byte == b',').next()?.trim_ascii();
                Some(if *domain_only { domain(value) } else { value })
            }
            _ => None,
        }
    }
}

impl UriHash {
    fn part(self, uri: &[u8]) -> &[u8] {
        let uri = if self.len > 0 { &uri[..uri.len().min(self.len as usize)] } else { uri };
        let mut slashes = 0;
        let end = uri.iter().position(|byte| match byte {
            b'/' => {
                slashes += 1;
                self.depth > 0 && slashes == self.depth + 1
            }
            b'?' => !self.whole,
            _ => false,
        });
        &uri[..end.unwrap_or(uri.len())]
    }
}

/// The value of `name=value` among fields parted by `&`.
fn parameter<'a>(fields: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    fields.split(|byte| *byte == b'&').find_map(|field| field.strip_prefix(name)?.strip_prefix(b"="))
}

/// The label before the last dot, without those before it; all of a name without dots.
fn domain(host: &[u8]) -> &[u8] {
    let Some(dot) = host.iter().rposition(|byte| *byte == b'.') else { return host };
    let start = host[..dot].iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
    &host[start..dot]
}
