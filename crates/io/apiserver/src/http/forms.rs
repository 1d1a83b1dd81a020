//! The forms an object, a list or a watch event can take: encoding (JSON, YAML, protobuf) and shape (itself, a Table,
//! metadata only).

use super::info::RequestInfo;
use crate::handlers::list::Listed;
use crate::resource::Resource;
use apimachinery::codec::negotiate::{Accepted, Encoding, Shape, negotiate};
use apimachinery::codec::yaml;
use apimachinery::table::{API_VERSION, IncludeObject, ListMeta, Table, partial_metadata_as, partial_metadata_list};
use apimachinery::{ApiError, ApiResult, Object, Value};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use kinds::def::Now;
use std::sync::Arc;

/// Answers above this size are packed for clients that take gzip, bytes. Upstream: `defaultGzipThresholdBytes`.
pub const WORTH_PACKING: usize = 128 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
}

/// What a client wants.
#[derive(Debug, Clone)]
pub struct Form {
    pub accepted: Accepted,
    pub include: IncludeObject,
    pub pretty: bool,
    pub packing: Packing,
}

/// Forms a resource does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Custom resources have no protobuf.
    pub custom: bool,
    /// What is only asked or done, and never kept, has no rows.
    pub untabled: bool,
}

impl Form {
    /// # Errors
    /// 406 if the client takes nothing we have; 400 for a bad `includeObject`.
    pub fn of(headers: &HeaderMap, info: &RequestInfo, limits: Limits) -> ApiResult<Self> {
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let all: &[Encoding] = if limits.custom {
            &[Encoding::Json, Encoding::Yaml]
        } else {
            &[Encoding::Json, Encoding::Yaml, Encoding::Protobuf]
        };
        let collection = info.name.is_empty();
        let watch = info.verb == "watch";
        let accepted = negotiate(text(ACCEPT), all, |form| match form.shape {
            Shape::Object => true,
            // Watches speak the newer version only.
            _ if watch && form.meta_version != API_VERSION => false,
            Shape::Table => {
                // An informer that asks for the state at the start could not tell rows from objects.
                let streamed =
                    watch && info.value("sendInitialEvents").is_some_and(|text| text != "false" && text != "0");
                !limits.untabled && !streamed && form.encoding != Encoding::Protobuf
            }
            Shape::PartialObjectMetadata => !collection || watch,
            Shape::PartialObjectMetadataList => collection,
            Shape::ApiGroupDiscoveryList(_) => false,
        })?;
        let include =
            IncludeObject::parse(info.value("includeObject").unwrap_or_default()).map_err(ApiError::bad_request)?;
        let packing = text(ACCEPT_ENCODING).is_some_and(|text| text.contains("gzip"));
        Ok(Self {
            pretty: pretty(info, text(USER_AGENT).unwrap_or_default()) || accepted.pretty,
            accepted,
            include,
            packing: if packing { Packing::Gzip } else { Packing::None },
        })
    }

    pub fn media_type(&self) -> &'static str {
        self.accepted.encoding.media_type()
    }

    /// Whether stored bytes go out as they are.
    pub fn is_plain_json(&self) -> bool {
        self.accepted.encoding == Encoding::Json && self.accepted.shape == Shape::Object && !self.pretty
    }

    /// One object in this form.
    ///
    /// # Errors
    /// If it cannot be written so.
    pub fn object(&self, resource: &Resource, object: &Arc<Object>) -> ApiResult<Bytes> {
        if self.is_plain_json() {
            return Ok(object.bytes.clone());
        }
        match self.accepted.shape {
            Shape::Object => self.encode(&object.bytes),
            Shape::Table => {
                let meta = ListMeta { resource_version: object.head.revision.to_string(), ..ListMeta::default() };
                self.encode(&self.table(resource, std::slice::from_ref(object), &meta, true))
            }
            _ => self.encode(&partial_metadata_as(&object.bytes, self.accepted.meta_version)),
        }
    }

    /// A list in this form, as a whole.
    ///
    /// # Errors
    /// If it cannot be written so.
    pub fn list(&self, resource: &Resource, listed: &Listed) -> ApiResult<Bytes> {
        let meta = list_meta(listed);
        match self.accepted.shape {
            Shape::Table => self.encode(&self.table(resource, &listed.items, &meta, true)),
            Shape::PartialObjectMetadataList | Shape::PartialObjectMetadata => {
                let items = listed.items.iter().map(|item| &item.bytes[..]);
                self.encode(&partial_metadata_list(items, &meta, self.accepted.meta_version))
            }
            _ if self.accepted.encoding == Encoding::Protobuf => {
                super::protobuf::list(resource, listed, &meta.to_value())
            }
            _ => self.encode(&whole_list(resource, listed, &meta)),
        }
    }

    /// The Table of some objects. In a watch only the first event has the columns.
    pub fn table(&self, resource: &Resource, items: &[Arc<Object>], meta: &ListMeta, with_columns: bool) -> Vec<u8> {
        let mut table = Table::new(resource.column_definitions(), self.include, self.accepted.meta_version);
        let now = Now(jiff::Timestamp::now().as_second());
        for item in items {
            table.push(&resource.cells(&item.to_value(), &now), item);
        }
        table.finish(meta, with_columns)
    }

    /// JSON in this encoding.
    ///
    /// # Errors
    /// 406 if this document has no such encoding.
    pub fn encode(&self, json: &[u8]) -> ApiResult<Bytes> {
        match self.accepted.encoding {
            Encoding::Json if !self.pretty => Ok(Bytes::copy_from_slice(json)),
            Encoding::Json => indented(json),
            Encoding::Yaml => {
                let value: Value = serde_json::from_slice(json).map_err(ApiError::internal)?;
                yaml::encode(&value).map(Bytes::from).map_err(ApiError::internal)
            }
            Encoding::Protobuf => super::protobuf::encode(json),
        }
    }
}

pub fn list_meta(listed: &Listed) -> ListMeta {
    ListMeta {
        resource_version: listed.revision.to_string(),
        continue_token: listed.continue_token.clone(),
        remaining: listed.remaining.map(|count| count as i64),
    }
}

fn whole_list(resource: &Resource, listed: &Listed, meta: &ListMeta) -> Vec<u8> {
    let mut out = format!(
        "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{},\"items\":[",
        resource.gvk.kind,
        resource.gvk.api_version(),
        meta.to_value()
    )
    .into_bytes();
    for (index, item) in listed.items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&item.bytes);
    }
    out.extend_from_slice(b"]}");
    out
}

/// Indented for people; fields come sorted.
fn indented(json: &[u8]) -> ApiResult<Bytes> {
    let value: Value = serde_json::from_slice(json).map_err(ApiError::internal)?;
    let mut out = serde_json::to_vec_pretty(&value).map_err(ApiError::internal)?;
    out.push(b'\n');
    Ok(out.into())
}

/// Upstream: `isPrettyPrint`.
fn pretty(info: &RequestInfo, agent: &str) -> bool {
    match info.value("pretty") {
        Some(text) => text.is_empty() || (text != "false" && text != "0"),
        None => ["curl", "Wget", "Mozilla/5.0"].iter().any(|known| agent.starts_with(known)),
    }
}
