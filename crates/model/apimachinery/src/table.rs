//! `meta.k8s.io/v1` Table and PartialObjectMetadata: what `kubectl get` and metadata clients ask for.
//!
//! Upstream: `pkg/apis/meta/v1/types.go`, `apiserver/pkg/endpoints/handlers/response.go`.

use crate::{Object, Value, object};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

pub const API_VERSION: &str = "meta.k8s.io/v1";
/// The same documents under their old version, which upstream serves too.
pub const API_VERSION_BETA: &str = "meta.k8s.io/v1beta1";

/// The `includeObject` parameter: what stands in each row's `object`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeObject {
    None,
    #[default]
    Metadata,
    Object,
}

impl IncludeObject {
    /// Reads the parameter; empty means `Metadata`.
    ///
    /// # Errors
    /// In upstream's words if it is none of the three.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => {
                let why = "must be 'Metadata', 'Object', 'None', or empty";
                Err(format!("includeObject: Invalid value: {other:?}: {why}"))
            }
        }
    }
}

/// A column's heading. Priority 0 is always shown, 1 only with `-o wide`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnDefinition {
    pub name: String,
    /// `string`, `integer`, `number`, `boolean`, `date`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `name` for the name column, else empty.
    pub format: String,
    pub description: String,
    pub priority: i32,
}

/// A table under construction. Rows are written as they come, so that a list is never held twice.
pub struct Table {
    columns: Vec<ColumnDefinition>,
    rows: Vec<u8>,
    include: IncludeObject,
    api_version: &'static str,
}

/// `metadata` of the table itself, taken from the list it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListMeta {
    pub resource_version: String,
    pub continue_token: String,
    pub remaining: Option<i64>,
}

impl ListMeta {
    pub fn to_value(&self) -> Value {
        let mut meta = json!({"resourceVersion": self.resource_version});
        if !self.continue_token.is_empty() {
            meta["continue"] = self.continue_token.as_str().into();
        }
        if let Some(remaining) = self.remaining {
            meta["remainingItemCount"] = remaining.into();
        }
        meta
    }
}

impl Table {
    pub fn new(columns: Vec<ColumnDefinition>, include: IncludeObject, api_version: &'static str) -> Self {
        Self { columns, rows: Vec::new(), include, api_version }
    }

    /// Adds an object's row; `cells` has one value for each column.
    pub fn push(&mut self, cells: &[Value], object: &Object) {
        if !self.rows.is_empty() {
            self.rows.push(b',');
        }
        self.rows.extend_from_slice(b"{\"cells\":");
        // Writing a document into memory cannot fail.
        _ = serde_json::to_writer(&mut self.rows, cells);
        match self.include {
            IncludeObject::None => self.rows.extend_from_slice(b",\"object\":null"),
            IncludeObject::Metadata => {
                self.rows.extend_from_slice(b",\"object\":");
                self.rows.extend_from_slice(&partial_metadata_as(&object.bytes, self.api_version));
            }
            IncludeObject::Object => {
                self.rows.extend_from_slice(b",\"object\":");
                self.rows.extend_from_slice(&object.bytes);
            }
        }
        self.rows.push(b'}');
    }

    /// The table's JSON. In a watch, only the first event carries column definitions: pass `with_columns` false then.
    pub fn finish(self, meta: &ListMeta, with_columns: bool) -> Vec<u8> {
        let columns = if with_columns { json!(self.columns) } else { Value::Null };
        let (meta, api_version) = (meta.to_value(), self.api_version);
        let head = format!(
            "{{\"kind\":\"Table\",\"apiVersion\":\"{api_version}\",\"metadata\":{meta},\"columnDefinitions\":{columns},\"rows\":["
        );
        let mut out = Vec::with_capacity(head.len() + self.rows.len() + 2);
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&self.rows);
        out.extend_from_slice(b"]}");
        out
    }
}

/// The PartialObjectMetadata of an object's bytes: its `metadata` copied as it stands.
pub fn partial_metadata(bytes: &[u8]) -> Vec<u8> {
    partial_metadata_as(bytes, API_VERSION)
}

/// The same in a version of `meta.k8s.io`.
pub fn partial_metadata_as(bytes: &[u8], api_version: &str) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        metadata: Option<&'a RawValue>,
    }
    let outer: Option<Outer<'_>> = serde_json::from_slice(bytes).ok();
    let metadata = outer.and_then(|outer| outer.metadata).map_or("{}", RawValue::get);
    format!("{{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata}}}")
        .into_bytes()
}

/// The PartialObjectMetadataList of objects' bytes.
pub fn partial_metadata_list<'a>(
    items: impl IntoIterator<Item = &'a [u8]>,
    meta: &ListMeta,
    api_version: &str,
) -> Vec<u8> {
    let meta = meta.to_value();
    let mut out = format!(
        "{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"{api_version}\",\"metadata\":{meta},\"items\":["
    )
    .into_bytes();
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&partial_metadata_as(item, api_version));
    }
    out.extend_from_slice(b"]}");
    out
}

/// A document's PartialObjectMetadata.
pub fn partial_metadata_of(value: &Value) -> Vec<u8> {
    partial_metadata(&object::encode(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Object {
        Object::from_value(&json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}, "spec": {}})).unwrap()
    }

    fn table(include: IncludeObject, with_columns: bool) -> String {
        let column = ColumnDefinition {
            name: "Name".into(),
            kind: "string".into(),
            format: "name".into(),
            description: String::new(),
            priority: 0,
        };
        let mut table = Table::new(vec![column], include, API_VERSION);
        table.push(&["a".into()], &object());
        table.push(&["b".into()], &object());
        let meta = ListMeta { resource_version: "7".into(), ..ListMeta::default() };
        let value: Value = serde_json::from_slice(&table.finish(&meta, with_columns)).unwrap();
        value.to_string()
    }

    #[test]
    fn tables() {
        let row = |name: &str, object: &str| format!(r#"{{"cells":["{name}"],"object":{object}}}"#);
        let whole = |columns: &str, object: &str| {
            format!(
                r#"{{"apiVersion":"meta.k8s.io/v1","columnDefinitions":{columns},"kind":"Table","metadata":{{"resourceVersion":"7"}},"rows":[{},{}]}}"#,
                row("a", object),
                row("b", object)
            )
        };
        let columns = r#"[{"description":"","format":"name","name":"Name","priority":0,"type":"string"}]"#;
        assert_eq!(table(IncludeObject::None, true), whole(columns, "null"));
        let partial = r#"{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{"name":"a"}}"#;
        assert_eq!(table(IncludeObject::Metadata, false), whole("null", partial));
        let full = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{}}"#;
        assert_eq!(table(IncludeObject::Object, true), whole(columns, full));
    }

    #[test]
    fn metadata_lists() {
        let bytes = object().bytes;
        let meta = ListMeta { resource_version: "7".into(), continue_token: "t".into(), remaining: Some(2) };
        let list: Value =
            serde_json::from_slice(&partial_metadata_list([&bytes[..], &bytes[..]], &meta, API_VERSION_BETA)).unwrap();
        assert_eq!(list["metadata"], json!({"resourceVersion": "7", "continue": "t", "remainingItemCount": 2}));
        assert_eq!(list["items"][1]["metadata"], json!({"name": "a"}));
        assert_eq!(
            (&list["apiVersion"], &list["items"][0]["apiVersion"]),
            (&json!(API_VERSION_BETA), &json!(API_VERSION_BETA))
        );
    }
}
