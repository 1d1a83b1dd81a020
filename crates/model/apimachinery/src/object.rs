//! An object as it is kept and passed around: immutable JSON bytes and the few facts everybody asks for.
//!
//! Invariants
//! - `bytes` is a JSON object that starts `{"kind":K,"apiVersion":V,"metadata":{` (see [`encode`]), so that the
//!   resourceVersion can be put in without parsing; what a list or a watch sends is these very bytes.
//! - Stored bytes carry no resourceVersion: the store's revision is the resourceVersion.

use crate::Value;
use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

const METADATA: &[u8] = b"\"metadata\":{";

/// An API object: its bytes with the resourceVersion in them, and its [`Head`].
#[derive(Debug, Clone)]
pub struct Object {
    pub bytes: Bytes,
    pub head: Head,
}

/// What lists, watches, selectors and controllers need of every object, taken out once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Head {
    pub name: String,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    pub uid: String,
    #[serde(skip)]
    pub revision: u64,
    pub generation: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_is_default")]
    pub owner_references: Vec<Owner>,
    #[serde(deserialize_with = "null_is_default")]
    pub finalizers: Vec<String>,
    pub deletion_timestamp: Option<String>,
}

/// An entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
    pub block_owner_deletion: bool,
}

impl Object {
    /// Takes bytes as the store keeps them, at the revision of their last write.
    ///
    /// # Errors
    /// If the bytes are not the JSON of an object (a damaged or foreign store).
    pub fn from_stored(stored: &[u8], revision: u64) -> Result<Self, serde_json::Error> {
        Self::from_bytes(with_revision(stored, revision), revision)
    }

    /// Takes bytes that already carry their resourceVersion.
    ///
    /// # Errors
    /// If the bytes are not the JSON of an object.
    pub fn from_bytes(bytes: Bytes, revision: u64) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(default)]
            metadata: Head,
        }
        let mut head = serde_json::from_slice::<Outer>(&bytes)?.metadata;
        head.revision = revision;
        Ok(Self { bytes, head })
    }

    /// Takes an edited document; its `metadata.resourceVersion`, if any, becomes the revision.
    ///
    /// # Errors
    /// If `metadata` does not have the shape of an object's metadata.
    pub fn from_value(value: &Value) -> Result<Self, serde_json::Error> {
        let revision = value["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok());
        Self::from_bytes(encode(value).into(), revision.unwrap_or(0))
    }

    /// The whole object, typed. Costs a parse; keep the result no longer than needed.
    ///
    /// # Errors
    /// If the object does not fit the type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }

    /// The whole object as an editable document.
    pub fn to_value(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// `namespace/name`, or the name alone for cluster-scoped objects.
    pub fn key(&self) -> String {
        self.head.key()
    }
}

impl Head {
    /// `namespace/name`, or the name alone for cluster-scoped objects.
    pub fn key(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }

    /// The owner whose `controller` flag is set.
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    pub fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

/// The bytes of a document in the order kubectl users know: kind, apiVersion, metadata, then the rest.
pub fn encode(value: &Value) -> Vec<u8> {
    const FIRST: [&str; 3] = ["kind", "apiVersion", "metadata"];
    let Value::Object(map) = value else { return serde_json::to_vec(value).unwrap_or_default() };
    let rest = map.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
    let first = FIRST.iter().filter_map(|name| map.get_key_value(*name));
    let mut out = Vec::with_capacity(512);
    out.push(b'{');
    for (name, value) in first.chain(rest) {
        if out.len() > 1 {
            out.push(b',');
        }
        // Writing a document into memory cannot fail.
        _ = serde_json::to_writer(&mut out, name);
        out.push(b':');
        _ = serde_json::to_writer(&mut out, value);
    }
    out.push(b'}');
    out
}

/// Puts `"resourceVersion":"N"` at the head of `metadata`.
fn with_revision(stored: &[u8], revision: u64) -> Bytes {
    let Some(at) = memmem::find(stored, METADATA).map(|at| at + METADATA.len()) else {
        return Bytes::copy_from_slice(stored);
    };
    let mut out = Vec::with_capacity(stored.len() + 44);
    out.extend_from_slice(&stored[..at]);
    out.extend_from_slice(format!("\"resourceVersion\":\"{revision}\"").as_bytes());
    if stored.get(at) != Some(&b'}') {
        out.push(b',');
    }
    out.extend_from_slice(&stored[at..]);
    out.into()
}

fn null_is_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stored_bytes_gain_their_revision() {
        let value =
            json!({"spec": {"a": 1}, "metadata": {"name": "x", "labels": null}, "kind": "K", "apiVersion": "v1"});
        let object = Object::from_stored(&encode(&value), 7).unwrap();
        assert_eq!(
            std::str::from_utf8(&object.bytes).unwrap(),
            r#"{"kind":"K","apiVersion":"v1","metadata":{"resourceVersion":"7","labels":null,"name":"x"},"spec":{"a":1}}"#
        );
        assert_eq!((object.head.name.as_str(), object.head.revision), ("x", 7));
    }

    #[test]
    fn empty_metadata_gains_its_revision() {
        let object = Object::from_stored(&encode(&json!({"metadata": {}})), 1).unwrap();
        assert_eq!(&object.bytes[..], br#"{"metadata":{"resourceVersion":"1"}}"#);
    }
}
