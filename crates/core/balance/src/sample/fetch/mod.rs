//! All fetch keywords (manual sections 7.3.2 to 7.3.6).

pub mod counters;
mod http;
pub(crate) mod http_auth;
mod http_body;
mod http_cookie;
pub(crate) mod http_header;
mod http_url;
pub(crate) mod internal;
mod l4;
pub(crate) mod l6;
mod refused;
mod tls;
pub(crate) mod tls_hello;

use super::keyword::Fetch;

const TABLES: [&[Fetch]; 11] = [
    internal::FETCHES,
    l4::FETCHES,
    tls::FETCHES,
    l6::FETCHES,
    http::FETCHES,
    http_auth::FETCHES,
    http_body::FETCHES,
    http_cookie::FETCHES,
    http_header::FETCHES,
    http_url::FETCHES,
    refused::FETCHES,
];

/// The fetch of this name.
pub fn find(name: &str) -> Option<Fetch> {
    let listed = TABLES.iter().flat_map(|table| table.iter()).find(|fetch| fetch.name == name).copied();
    listed.or_else(|| counters::find(name))
}

/// All names: what the documentation's table is made of, and what "did you mean" chooses from.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).map(|fetch| fetch.name)
}

/// All, those of stick tables among them, each with the reason if it is refused.
pub fn table() -> impl Iterator<Item = (String, Option<&'static str>)> {
    let listed = TABLES.iter().flat_map(|table| table.iter()).map(|fetch| match fetch.run {
        super::keyword::Run::Refused(why) => (fetch.name.to_owned(), Some(why)),
        _ => (fetch.name.to_owned(), None),
    });
    listed.chain(counters::names().map(|name| (name, None)))
}
