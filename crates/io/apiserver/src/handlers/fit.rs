//! Makes a body fit its schema as Go's decoder would: unknown fields go (and are told), nulls are absent, quantities
//! take their canonical form, and a value of a wrong type is refused.
//!
//! Upstream: `sigs.k8s.io/json`, `apimachinery/pkg/runtime/serializer/json` (strict decoding).

use apimachinery::Value;
use apimachinery::quantity::Quantity;
use apimachinery::strict;
use apimachinery::time;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use schema::{Scalar, SchemaRef, Shape};
use std::fmt;

/// Unknown fields told of one body. Upstream stops at 100 strict errors too.
const MAX_UNKNOWN: usize = 100;

/// Where we are; lives on the stack, so that good bodies pay nothing for it.
enum Path<'a> {
    Root,
    /// A field of a type, whose schema is the last part.
    Field(&'a Path<'a>, &'a str, SchemaRef<'a>),
    /// An entry of a map.
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

struct Fit {
    unknown: Vec<String>,
    /// Custom resources are checked by their own schema later, with their own words.
    types: bool,
}

/// Returns the unknown fields as `unknown field "spec.x"`, in order.
///
/// # Errors
/// If a value has a wrong type: Go's words.
pub fn fit(object: &mut Value, schema: SchemaRef<'_>) -> Result<Vec<String>, String> {
    let mut fit = Fit { unknown: Vec::new(), types: !matches!(schema, SchemaRef::Custom(_)) };
    fit.value(object, schema, &Path::Root)?;
    Ok(fit.unknown)
}

impl Fit {
    fn value(&mut self, value: &mut Value, schema: SchemaRef<'_>, path: &Path<'_>) -> Result<(), String> {
        match schema.shape() {
            Shape::Any => Ok(()),
            Shape::Struct { .. } => self.fields(value, schema, path),
            Shape::Map { .. } => self.entries(value, schema, path),
            Shape::List(_) => self.items(value, schema, path),
            Shape::Scalar(scalar) if self.types => self.scalar(value, scalar, schema, path),
            Shape::Scalar(_) => Ok(()),
        }
    }

    fn fields(&mut self, value: &mut Value, schema: SchemaRef<'_>, path: &Path<'_>) -> Result<(), String> {
        let Value::Object(map) = value else { return self.refuse(value, schema, path) };
        let mut drop = Vec::new();
        for (name, value) in map.iter_mut() {
            match schema.field(name) {
                _ if value.is_null() && self.types => drop.push(name.clone()),
                Some(field) => self.value(value, field, &Path::Field(path, name, schema))?,
                None => {
                    if self.unknown.len() < MAX_UNKNOWN {
                        self.unknown.push(strict::unknown_field(&Path::Field(path, name, schema).to_string()));
                    }
                    drop.push(name.clone());
                }
            }
        }
        for name in drop {
            map.remove(&name);
        }
        Ok(())
    }

    fn entries(&mut self, value: &mut Value, schema: SchemaRef<'_>, path: &Path<'_>) -> Result<(), String> {
        let Value::Object(map) = value else { return self.refuse(value, schema, path) };
        for (name, value) in map.iter_mut() {
            self.value(value, schema.elem(), &Path::Key(path, name))?;
        }
        Ok(())
    }

    fn items(&mut self, value: &mut Value, schema: SchemaRef<'_>, path: &Path<'_>) -> Result<(), String> {
        let Value::Array(list) = value else { return self.refuse(value, schema, path) };
        for (index, value) in list.iter_mut().enumerate() {
            self.value(value, schema.elem(), &Path::Item(path, index))?;
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        value: &mut Value,
        scalar: Scalar,
        schema: SchemaRef<'_>,
        path: &Path<'_>,
    ) -> Result<(), String> {
        match scalar {
            Scalar::String if value.is_null() => *value = "".into(),
            Scalar::String if value.is_string() => {}
            Scalar::String => return self.refuse(value, schema, path),
            Scalar::Bool if value.is_boolean() => {}
            Scalar::Bool => return self.refuse(value, schema, path),
            Scalar::Int32 => match integer(value) {
                Some(number) if i32::try_from(number).is_ok() => {}
                _ => return self.refuse(value, schema, path),
            },
            Scalar::Int64 => {
                if integer(value).is_none() {
                    return self.refuse(value, schema, path);
                }
            }
            Scalar::Double if value.is_number() => {}
            Scalar::Double => return self.refuse(value, schema, path),
            Scalar::IntOrString if value.is_string() || integer(value).is_some() => {}
            Scalar::IntOrString => return self.refuse(value, schema, path),
            Scalar::Bytes => match value.as_str().map(|text| BASE64_STANDARD.decode(text)) {
                Some(Ok(_)) => {}
                Some(Err(_)) => return Err(format!("illegal base64 data at input byte 0 of {path}")),
                None => return self.refuse(value, schema, path),
            },
            Scalar::Quantity => return quantity(value),
            Scalar::Time | Scalar::MicroTime => return moment(value, path),
        }
        Ok(())
    }

    /// Go's words for a value that does not fit.
    fn refuse(&self, value: &Value, schema: SchemaRef<'_>, path: &Path<'_>) -> Result<(), String> {
        if value.is_null() || !self.types {
            return Ok(());
        }
        let wanted = schema.go_type();
        let found = match value {
            Value::Bool(_) => "bool".to_owned(),
            // Go tells the number where it wanted another one.
            Value::Number(number) if wanted.starts_with("int") && !wanted.contains('.') => format!("number {number}"),
            Value::Number(_) => "number".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) | Value::Null => "object".to_owned(),
        };
        Err(format!("json: cannot unmarshal {found} into Go {} of type {wanted}", path.go_place()))
    }
}

impl Path<'_> {
    /// `struct field DeploymentSpec.spec.replicas`: the type that has the field, and the way to it without indices.
    fn go_place(&self) -> String {
        let mut names = Vec::new();
        let mut owner = None;
        let mut here = self;
        loop {
            here = match here {
                Self::Root => break,
                Self::Field(parent, name, schema) => {
                    names.push(*name);
                    owner = owner.or_else(|| schema.type_name());
                    parent
                }
                Self::Key(parent, _) | Self::Item(parent, _) => parent,
            };
        }
        names.reverse();
        let owner = owner.and_then(|name| name.rsplit('.').next());
        owner.map_or_else(|| "value".to_owned(), |owner| format!("struct field {owner}.{}", names.join(".")))
    }
}

/// Whole numbers written as `3.0` become integers.
fn integer(value: &mut Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let float = value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9.0e15)?;
    *value = (float as i64).into();
    value.as_i64()
}

fn quantity(value: &mut Value) -> Result<(), String> {
    let text = match &*value {
        Value::Null => return Ok(()),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => {
            return Err(
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".into()
            );
        }
    };
    let parsed = Quantity::parse(&text).map_err(|error| error.to_string())?;
    let canonical = parsed.to_string();
    if value.as_str() != Some(&canonical) {
        *value = canonical.into();
    }
    Ok(())
}

fn moment(value: &Value, path: &Path<'_>) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) if time::parse_micros(text).is_some() => Ok(()),
        other => Err(format!("parsing time {other} as \"2006-01-02T15:04:05Z07:00\": cannot parse {other} at {path}")),
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Path::Root, name, _) | Self::Key(Path::Root, name) => f.write_str(name),
            Self::Field(parent, name, _) | Self::Key(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn refused(mut body: Value, expected: &str) {
        let schema = schema::builtin("io.k8s.api.apps.v1.Deployment").expect("the schema table has Deployments");
        assert_eq!(fit(&mut body, schema).expect_err("the body has a wrong type"), expected);
    }

    #[test]
    fn wrong_types_are_told_in_gos_words() {
        refused(
            json!({"spec": {"replicas": "3"}}),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        );
        refused(
            json!({"spec": {"replicas": 1.5}}),
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        );
        refused(
            json!({"spec": {"template": {"spec": {"containers": [{"name": 7}]}}}}),
            "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.name of type string",
        );
        refused(
            json!({"metadata": {"labels": {"a": 1}}}),
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        );
        refused(
            json!({"spec": {"template": {"spec": {"containers": {}}}}}),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        );
        refused(json!([]), "json: cannot unmarshal array into Go value of type v1.Deployment");
    }
}
