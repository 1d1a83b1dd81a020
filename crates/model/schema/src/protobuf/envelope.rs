//! What protobuf bodies are wrapped in: `k8s\0` and `runtime.Unknown`; lists; frames of a watch.
//!
//! Upstream: `apimachinery/pkg/runtime/generated.proto`, `serializer/protobuf/protobuf.go`.

use super::decode::Decoder;
use super::wire::{Payload, Reader, put_bytes, put_message};
use super::{Error, to_protobuf};
use crate::{kinds, table};
use serde_json::Value;

const MAGIC: &[u8; 4] = b"k8s\0";

/// A body without its envelope.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Envelope<'a> {
    pub api_version: &'a str,
    pub kind: &'a str,
    pub raw: &'a [u8],
    /// Empty for protobuf; `application/json` if `raw` is JSON (custom resources).
    pub content_type: &'a str,
}

pub fn is_enveloped(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The body of a message.
pub fn wrap(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + api_version.len() + kind.len() + 32);
    out.extend_from_slice(MAGIC);
    let Ok(()) = put_message(1, &mut out, |out| {
        put_bytes(1, api_version.as_bytes(), out);
        put_bytes(2, kind.as_bytes(), out);
        Ok::<(), std::convert::Infallible>(())
    });
    put_bytes(2, raw, &mut out);
    // Go's encoder always writes these two, empty for protobuf.
    put_bytes(3, b"", &mut out);
    put_bytes(4, b"", &mut out);
    out
}

/// Takes a body's envelope off.
///
/// # Errors
/// If the bytes do not start with `k8s\0` or the envelope is damaged.
pub fn unwrap(bytes: &[u8]) -> Result<Envelope<'_>, Error> {
    let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or(Error::NotEnveloped)?);
    let mut found = Envelope::default();
    while let Some((tag, payload)) = reader.next()? {
        let Payload::Bytes(inner) = payload else { continue };
        match tag {
            1 => {
                let mut meta = Reader(inner);
                while let Some((tag, payload)) = meta.next()? {
                    match (tag, payload) {
                        (1, Payload::Bytes(text)) => found.api_version = utf8(text, "apiVersion")?,
                        (2, Payload::Bytes(text)) => found.kind = utf8(text, "kind")?,
                        _ => {}
                    }
                }
            }
            2 => found.raw = inner,
            4 => found.content_type = utf8(inner, "contentType")?,
            _ => {}
        }
    }
    Ok(found)
}

/// The whole document of an enveloped body, with apiVersion and kind.
///
/// # Errors
/// If the bytes are not an envelope, or its kind is not built in.
pub fn decode_object(bytes: &[u8]) -> Result<Value, Error> {
    decode_with(&mut Decoder::default(), bytes, 0)
}

pub(super) fn decode_with(decoder: &mut Decoder, bytes: &[u8], depth: usize) -> Result<Value, Error> {
    let envelope = unwrap(bytes)?;
    if envelope.content_type == "application/json" {
        return serde_json::from_slice(envelope.raw).map_err(|_| Error::Json("raw".to_owned()));
    }
    let unknown = || Error::UnknownType(format!("{}, Kind={}", envelope.api_version, envelope.kind));
    let name = kinds::type_of(envelope.api_version, envelope.kind).ok_or_else(unknown)?;
    let number = table::find(name).ok_or_else(unknown)?;
    let mut value = decoder.message(table::root(number), envelope.raw, depth)?;
    value["apiVersion"] = envelope.api_version.into();
    value["kind"] = envelope.kind.into();
    Ok(value)
}

/// The message of any list: `metadata` is a ListMeta document, `items` are messages.
///
/// # Errors
/// If `metadata` is not a ListMeta.
pub fn list<'a>(metadata: &Value, items: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(1024);
    put_bytes(1, &to_protobuf("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta", metadata)?, &mut out);
    items.for_each(|item| put_bytes(2, item, &mut out));
    Ok(out)
}

/// A watch event's message; `object` is an enveloped body. Goes into a [`frame`], without an envelope of its own.
pub fn watch_event(kind: &str, object: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.len() + kind.len() + 16);
    put_bytes(1, kind.as_bytes(), &mut out);
    let Ok(()) = put_message(2, &mut out, |out| {
        put_bytes(1, object, out);
        Ok::<(), std::convert::Infallible>(())
    });
    out
}

/// A piece of a protobuf watch stream: 4 bytes of length, big end first, then the message.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), message].concat()
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::Utf8(name.to_owned()))
}
