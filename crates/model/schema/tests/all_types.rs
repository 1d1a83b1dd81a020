//! What must hold for every type of the table.

use schema::protobuf::{from_protobuf, to_protobuf};
use schema::{Scalar, SchemaRef, Shape, builtin, builtin_names, kinds};
use serde_json::{Map, Value, json};

/// A document with every field of the type set, down to a depth.
fn sample(place: SchemaRef<'_>, depth: usize) -> Value {
    match place.shape() {
        Shape::Scalar(scalar) => match scalar {
            Scalar::String => "x".into(),
            Scalar::Bytes => "aGk=".into(),
            Scalar::Bool => true.into(),
            Scalar::Int32 | Scalar::Int64 => 7.into(),
            Scalar::Double => 1.5.into(),
            Scalar::IntOrString => "80%".into(),
            Scalar::Quantity => "100m".into(),
            Scalar::Time => "2026-11-22T18:00:01Z".into(),
            Scalar::MicroTime => "2026-11-22T18:00:01.000250Z".into(),
        },
        Shape::Struct { .. } if depth == 0 => json!({}),
        Shape::Struct { .. } => {
            // Protobuf leaves apiVersion and kind of a whole object to its envelope.
            let whole = place.type_name().and_then(kinds::kind_of).is_some();
            let carried = place.fields().filter(|(name, _)| !(whole && ["apiVersion", "kind"].contains(name)));
            let fields = carried.map(|(name, inner)| (name.to_owned(), sample(inner, depth - 1)));
            fields.filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into()
        }
        Shape::Map { .. } | Shape::List(_) if matches!(place.elem(), SchemaRef::Any) => Value::Null,
        Shape::Map { .. } => json!({"key": sample(place.elem(), depth)}),
        Shape::List(_) => json!([sample(place.elem(), depth), sample(place.elem(), depth)]),
        Shape::Any => Value::Null,
    }
}

#[test]
fn every_type_survives_protobuf() {
    for name in builtin_names() {
        // A time span; its text has a form of its own.
        if name.ends_with("Metrics") || name.ends_with("MetricsList") {
            continue;
        }
        let value = sample(builtin(name).unwrap(), 3);
        let bytes = to_protobuf(name, &value).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(from_protobuf(name, &bytes).unwrap(), value, "{name}");
    }
}

#[test]
fn every_kind_is_found_by_its_name() {
    for name in builtin_names() {
        if let Some((group, version, kind)) = kinds::kind_of(name) {
            let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            // `v1` List stands in two packages.
            let found = kinds::type_of(&api_version, kind).and_then(kinds::kind_of);
            assert_eq!(found, Some((group, version, kind)));
        }
    }
}

#[test]
fn required_fields_and_list_keys_exist() {
    for name in builtin_names() {
        let place = builtin(name).unwrap();
        for (field, inner) in place.fields() {
            if let Shape::List(schema::ListType::Map(schema::Keys::Static(keys))) = inner.shape() {
                keys.iter().for_each(|key| assert!(inner.elem().field(key).is_some(), "{name}.{field}: {key}"));
            }
            if let Some(key) = inner.patch_strategy().merge_key {
                assert!(inner.elem().field(key).is_some(), "{name}.{field}: {key}");
            }
        }
    }
}
