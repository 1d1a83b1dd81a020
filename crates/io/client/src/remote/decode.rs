//! What the server sends, as objects: their bytes are kept as they came.

use apimachinery::{ApiError, ApiResult, Object, Value};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// One page of a list.
#[derive(Default)]
pub(super) struct Page {
    pub items: Vec<Arc<Object>>,
    pub revision: u64,
    /// Empty on the last one.
    pub next: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    resource_version: Option<String>,
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Outer {
    #[serde(default)]
    metadata: Meta,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(default)]
    metadata: Meta,
    /// Null where there are none, from servers in Go.
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

/// # Errors
/// 500 if it is no list.
pub(super) fn page(bytes: &[u8]) -> ApiResult<Page> {
    let list: List<'_> = serde_json::from_slice(bytes).map_err(|error| unreadable("a list", &error))?;
    let items = list.items.unwrap_or_default();
    // A copy each: an object that is kept must not keep its page.
    let items = items.into_iter().map(|item| object(Bytes::copy_from_slice(item.get().as_bytes())));
    let items = items.collect::<ApiResult<Vec<_>>>()?;
    Ok(Page { items, revision: list.metadata.revision(), next: list.metadata.next.unwrap_or_default() })
}

/// # Errors
/// 500 if it is no object.
pub(super) fn object(bytes: Bytes) -> ApiResult<Arc<Object>> {
    let outer: Outer = serde_json::from_slice(&bytes).map_err(|error| unreadable("an object", &error))?;
    let object = Object::from_bytes(bytes, outer.metadata.revision());
    object.map(Arc::new).map_err(|error| unreadable("an object", &error))
}

/// JSON, or the text it is.
pub(super) fn document(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}

pub(super) fn unreadable(what: &str, error: &serde_json::Error) -> ApiError {
    ApiError::internal(format!("the server sent {what} that cannot be read: {error}"))
}

impl Meta {
    fn revision(&self) -> u64 {
        self.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_the_bytes_of_its_items() {
        let item = r#"{ "metadata":{"name":"a","resourceVersion":"7"},  "data":{"n":1.50} }"#;
        let text = format!(r#"{{"items":[{item}],"metadata":{{"resourceVersion":"9","continue":"t"}}}}"#);
        let page = page(text.as_bytes()).unwrap();
        assert_eq!((page.revision, page.next.as_str()), (9, "t"));
        assert_eq!((&page.items[0].bytes[..], page.items[0].head.revision), (item.as_bytes(), 7));
    }

    #[test]
    fn lists_may_be_empty_in_two_ways() {
        for text in [r#"{"metadata":{"resourceVersion":"1","continue":""},"items":null}"#, r#"{"items":[]}"#] {
            let page = page(text.as_bytes()).unwrap();
            assert!(page.items.is_empty() && page.next.is_empty());
        }
        assert!(page(b"[]").is_err());
    }

    #[test]
    fn what_is_not_json_is_text() {
        assert_eq!(document(b"ok"), "ok");
        assert_eq!(document(b"{\"a\":1}")["a"], 1);
        assert_eq!(document(b""), Value::Null);
    }
}
