//! Fields of HTTP/2 to ours and back.

use balance::http::Headers;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// In the order of the map.
pub fn fields(map: HeaderMap) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in &map {
        headers.add(name.as_str().as_bytes(), value.as_bytes());
    }
    headers
}

/// What HTTP/2 cannot carry is left out: names that are no tokens, values with line ends.
pub fn map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}
