//! Which form an answer takes: the `Accept` header, and the `Content-Type` of what came in.
//!
//! Upstream: `apiserver/pkg/endpoints/handlers/negotiation/negotiate.go`, `goautoneg`.

use super::{JSON, PROTOBUF, YAML};
use crate::{ApiError, Reason, table};

/// Media ranges read of one header; more is nobody's honest wish.
const MAX_RANGES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Json,
    Yaml,
    Protobuf,
}

/// What shape the objects of an answer take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// As they are.
    Object,
    /// `;as=Table;v=v1;g=meta.k8s.io` (as the two below also in `v1beta1`)
    Table,
    /// `;as=PartialObjectMetadata;v=v1;g=meta.k8s.io`
    PartialObjectMetadata,
    /// `;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io`
    PartialObjectMetadataList,
    /// `;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io`: the version.
    ApiGroupDiscoveryList(String),
}

/// One acceptable form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub encoding: Encoding,
    pub shape: Shape,
    /// The `apiVersion` of a Table or of metadata alone.
    pub meta_version: &'static str,
    /// `;stream=watch`
    pub stream: bool,
    /// `;pretty=1`: indented for people.
    pub pretty: bool,
}

impl Encoding {
    /// The `Content-Type` of an answer in this encoding.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Yaml => YAML,
            Self::Protobuf => PROTOBUF,
        }
    }

    fn of(mime: &str) -> Option<Self> {
        match mime {
            "*/*" | "application/*" | "application/json" => Some(Self::Json),
            "application/yaml" => Some(Self::Yaml),
            "application/vnd.kubernetes.protobuf" => Some(Self::Protobuf),
            _ => None,
        }
    }
}

/// How a `PATCH` body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchType {
    /// # Errors
    /// 415 with upstream's words if the type is none of the four.
    pub fn from_content_type(header: &str) -> Result<Self, ApiError> {
        match essence(header) {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ => {
                let known = "application/json-patch+json, application/merge-patch+json, \
                             application/strategic-merge-patch+json, application/apply-patch+yaml";
                Err(unsupported_media_type(known))
            }
        }
    }
}

/// The encoding of a request's body; a missing header means JSON.
///
/// # Errors
/// 415 with upstream's words if the type is none of ours.
pub fn content_encoding(header: Option<&str>, supported: &[Encoding]) -> Result<Encoding, ApiError> {
    let mime = header.map(essence).filter(|mime| !mime.is_empty()).unwrap_or(JSON);
    let found = Encoding::of(mime).filter(|encoding| supported.contains(encoding));
    found.ok_or_else(|| unsupported_media_type(&names(supported)))
}

fn unsupported_media_type(known: &str) -> ApiError {
    let text = format!("the body of the request was in an unknown format - accepted media types include: {known}");
    ApiError::new(Reason::UnsupportedMediaType, text)
}

/// Picks the form a client likes best among those that `supported` and `allows` let through. A missing or empty header
/// means anything, that is JSON objects as they are.
///
/// # Errors
/// 406 with upstream's words if nothing fits.
pub fn negotiate(
    header: Option<&str>,
    supported: &[Encoding],
    allows: impl Fn(&Accepted) -> bool,
) -> Result<Accepted, ApiError> {
    let header = header.filter(|text| !text.trim().is_empty()).unwrap_or("*/*");
    let wanted = accepted(header).into_iter();
    let found = wanted.into_iter().find(|form| supported.contains(&form.encoding) && allows(form));
    found.ok_or_else(|| {
        let text = format!("only the following media types are accepted: {}", names(supported));
        ApiError::new(Reason::NotAcceptable, text)
    })
}

fn names(encodings: &[Encoding]) -> String {
    encodings.iter().map(|encoding| encoding.media_type()).collect::<Vec<_>>().join(", ")
}

/// The forms of an `Accept` header we know, best first; those of equal weight stay in the client's order, wildcards last.
pub fn accepted(header: &str) -> Vec<Accepted> {
    let mut ranges: Vec<(u32, u8, Accepted)> = header.split(',').take(MAX_RANGES).filter_map(media_range).collect();
    ranges.sort_by_key(|(weight, generality, _)| (std::cmp::Reverse(*weight), *generality));
    ranges.into_iter().map(|(_, _, form)| form).collect()
}

/// Weight in thousandths, generality (0 exact, 1 `type/*`, 2 `*/*`), form. None for what we do not speak.
fn media_range(text: &str) -> Option<(u32, u8, Accepted)> {
    let mut parts = text.split(';').map(str::trim);
    let mime = parts.next()?;
    let encoding = Encoding::of(mime)?;
    let (mut weight, mut stream, mut pretty) = (1000, false, false);
    let (mut shape, mut group, mut version) = ("", "", "");
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim_matches('"');
        match name.trim() {
            "q" => weight = value.parse::<f32>().map_or(0, |q| (q.clamp(0.0, 1.0) * 1000.0) as u32),
            "as" => shape = value,
            "g" => group = value,
            "v" => version = value,
            "stream" => stream = value == "watch",
            "pretty" => pretty = value == "1" || value == "true",
            _ => {}
        }
    }
    let shape = shape_of(shape, group, version)?;
    let meta_version = if version == "v1beta1" { table::API_VERSION_BETA } else { table::API_VERSION };
    let generality = mime.matches('*').count() as u8;
    (weight > 0).then_some((weight, generality, Accepted { encoding, shape, meta_version, stream, pretty }))
}

fn shape_of(shape: &str, group: &str, version: &str) -> Option<Shape> {
    match (shape, group, version) {
        ("", _, _) => Some(Shape::Object),
        ("Table", "meta.k8s.io", "v1" | "v1beta1") => Some(Shape::Table),
        ("PartialObjectMetadata", "meta.k8s.io", "v1" | "v1beta1") => Some(Shape::PartialObjectMetadata),
        ("PartialObjectMetadataList", "meta.k8s.io", "v1" | "v1beta1") => Some(Shape::PartialObjectMetadataList),
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", version) => {
            Some(Shape::ApiGroupDiscoveryList(version.to_owned()))
        }
        _ => None,
    }
}

/// The media type without its parameters.
fn essence(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Json, Encoding::Yaml, Encoding::Protobuf];

    #[track_caller]
    fn check(header: &str, encoding: Encoding, shape: Shape) {
        let found = negotiate(Some(header), &ALL, |_| true).unwrap();
        assert_eq!((found.encoding, found.shape), (encoding, shape));
    }

    #[test]
    fn what_clients_send() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        check(kubectl, Encoding::Json, Shape::Table);
        check("application/json, */*", Encoding::Json, Shape::Object);
        check("*/*, application/yaml", Encoding::Yaml, Shape::Object);
        check("text/html,application/yaml;q=0.5,*/*;q=0.8", Encoding::Json, Shape::Object);
        check("", Encoding::Json, Shape::Object);
        let discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        check(discovery, Encoding::Json, Shape::ApiGroupDiscoveryList("v2".into()));
        let informer =
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
        check(informer, Encoding::Protobuf, Shape::PartialObjectMetadataList);
        let old = negotiate(Some("application/json;as=Table;v=v1beta1;g=meta.k8s.io"), &ALL, |_| true).unwrap();
        assert_eq!((old.shape, old.meta_version), (Shape::Table, "meta.k8s.io/v1beta1"));
    }

    #[test]
    fn what_is_not_served_falls_through() {
        let header = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;stream=watch";
        let found = negotiate(Some(header), &ALL, |form| form.shape == Shape::Object).unwrap();
        assert_eq!((found.shape, found.stream), (Shape::Object, true));
        let error = negotiate(Some("text/html"), &ALL, |_| true).unwrap_err();
        assert_eq!(error.code(), 406);
        assert!(content_encoding(Some("application/json; charset=utf-8"), &ALL).is_ok());
        assert_eq!(content_encoding(Some("text/plain"), &ALL).unwrap_err().code(), 415);
    }
}
