//! Reads a JSONSchemaProps document and tells all that keeps it from being structural, in upstream's words.
//!
//! Upstream: `pkg/apiserver/schema/validation.go`, `pkg/apis/apiextensions/validation/validation.go`.

use super::{List, Structural, Type, Values};
use crate::finding::Finding;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where a node stands: what upstream's texts call it, and what it may not say there.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Item,
    Field,
    /// Below anyOf, allOf, oneOf or not: only value validation.
    Nested,
}

/// JSON schema's words that upstream refuses anywhere.
const UNSUPPORTED: [&str; 6] = ["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties"];

/// What only the structure itself may say, and the text for those who say it in a nested context.
const STRUCTURE_ONLY: [(&str, &str); 11] = [
    ("default", "must be undefined to be structural"),
    ("description", "must be empty to be structural"),
    ("externalDocs", "must be undefined to be structural"),
    ("nullable", "must be false to be structural"),
    ("title", "must be empty to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
];

impl Structural {
    /// Reads the `openAPIV3Schema` of a version; `path` is where it stands in the definition
    /// (`spec.versions[0].schema.openAPIV3Schema`).
    ///
    /// # Errors
    /// All that is wrong with it, sorted by field.
    pub fn parse(schema: &Value, path: &str) -> Result<Self, Vec<Finding>> {
        let mut parser = Parser { problems: Vec::new() };
        let mut root = parser.node(schema, path, Level::Root);
        root.resource = true;
        parser.complete(&root, path);
        parser.problems.sort_by(|a, b| (&a.field, &a.message).cmp(&(&b.field, &b.message)));
        parser.problems.dedup();
        if parser.problems.is_empty() { Ok(root) } else { Err(parser.problems) }
    }
}

struct Parser {
    problems: Vec<Finding>,
}

impl Parser {
    fn node(&mut self, schema: &Value, path: &str, level: Level) -> Structural {
        let Some(map) = schema.as_object() else {
            self.problems.push(Finding::invalid(path, schema, "must be a schema object"));
            return Structural::default();
        };
        for word in UNSUPPORTED.iter().filter(|word| given(map, word)) {
            self.problems.push(Finding::forbidden(format!("{path}.{word}"), &format!("{word} is not supported")));
        }
        let mut node = Structural {
            kind: self.kind(map, path),
            resource: flag(map, "x-kubernetes-embedded-resource"),
            preserve_unknown: flag(map, "x-kubernetes-preserve-unknown-fields"),
            int_or_string: flag(map, "x-kubernetes-int-or-string"),
            nullable: flag(map, "nullable"),
            default: map.get("default").filter(|default| !default.is_null()).cloned(),
            atomic_map: text(map, "x-kubernetes-map-type") == "atomic",
            has_rules: given(map, "x-kubernetes-validations"),
            ..Structural::default()
        };
        self.children(&mut node, map, path, level);
        node.list = self.list(map, &node, path);
        node.values = self.values(&node, map, path);
        if level == Level::Nested {
            self.only_values(&mut node, map, path);
        } else {
            self.structure(&node, map, path, level);
        }
        let below = node.properties.values().chain(node.items.as_deref()).chain(node.additional.as_deref());
        for child in below {
            node.has_rules |= child.has_rules;
            node.has_embedded |= child.resource || child.has_embedded;
        }
        node
    }

    fn kind(&mut self, map: &Map<String, Value>, path: &str) -> Type {
        let name = text(map, "type");
        let found = Type::ALL.iter().find(|(_, known)| *known == name);
        if found.is_none() && !name.is_empty() {
            let names = Type::ALL.map(|(_, name)| Value::from(name));
            let known: Vec<&Value> = names.iter().collect();
            self.problems.push(Finding::not_supported(format!("{path}.type"), &name.into(), &known));
        }
        found.map_or(Type::Any, |(kind, _)| *kind)
    }

    fn children(&mut self, node: &mut Structural, map: &Map<String, Value>, path: &str, level: Level) {
        let below = |wanted| if level == Level::Nested { Level::Nested } else { wanted };
        if let Some(Value::Object(properties)) = map.get("properties") {
            for (name, schema) in properties {
                let child = self.node(schema, &format!("{path}.properties[{name}]"), below(Level::Field));
                node.properties.insert(name.clone(), child);
            }
        }
        match map.get("items") {
            Some(Value::Array(_)) => {
                let detail = "items must be a schema object and not an array";
                self.problems.push(Finding::forbidden(format!("{path}.items"), detail));
            }
            Some(items @ Value::Object(_)) => {
                node.items = Some(Box::new(self.node(items, &format!("{path}.items"), below(Level::Item))));
            }
            _ => {}
        }
        let at = format!("{path}.additionalProperties");
        match map.get("additionalProperties") {
            Some(Value::Bool(true)) => {
                node.additional = Some(Box::new(Structural { preserve_unknown: true, ..Structural::default() }));
            }
            Some(Value::Bool(false)) => {
                self.problems.push(Finding::forbidden(&at, "additionalProperties cannot be set to false"));
            }
            Some(schema @ Value::Object(_)) => {
                node.additional = Some(Box::new(self.node(schema, &at, below(Level::Field))));
            }
            _ => {}
        }
        if node.additional.is_some() && !node.properties.is_empty() {
            let detail = "additionalProperties and properties are mutual exclusive";
            self.problems.push(Finding::forbidden(&at, detail));
        }
    }

    fn list(&mut self, map: &Map<String, Value>, node: &Structural, path: &str) -> List {
        const KEYS: &str = "x-kubernetes-list-map-keys";
        let list_type = text(map, "x-kubernetes-list-type");
        let at = format!("{path}.x-kubernetes-list-type");
        let keys = texts(map, KEYS);
        if !["", "atomic", "map", "set"].contains(&list_type) {
            let known = ["atomic", "map", "set"].map(Value::from);
            let known: Vec<&Value> = known.iter().collect();
            self.problems.push(Finding::not_supported(&at, &list_type.into(), &known));
        }
        if !list_type.is_empty() && node.kind != Type::Array {
            let detail = "must be array if x-kubernetes-list-type is specified";
            self.problems.push(Finding::invalid(format!("{path}.type"), &node.kind.name().into(), detail));
        }
        if list_type != "map" && !keys.is_empty() {
            let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
            self.problems.push(Finding::invalid(&at, &list_type.into(), detail));
        }
        match list_type {
            "set" => List::Set,
            "map" => {
                if keys.is_empty() {
                    let detail = "must not be empty if x-kubernetes-list-type is map";
                    self.problems.push(Finding::required(format!("{path}.{KEYS}"), detail));
                }
                self.list_keys(map, node, &keys, path);
                List::Map(keys)
            }
            _ => List::Atomic,
        }
    }

    fn list_keys(&mut self, map: &Map<String, Value>, node: &Structural, keys: &[String], path: &str) {
        let Some(items) = &node.items else { return };
        let required = map.get("items").and_then(Value::as_object).map(|items| texts(items, "required"));
        for (index, key) in keys.iter().enumerate() {
            let at = format!("{path}.x-kubernetes-list-map-keys[{index}]");
            let Some(property) = items.properties.get(key) else {
                let detail = "entries must all be names of item properties";
                self.problems.push(Finding::invalid(at, &key.as_str().into(), detail));
                continue;
            };
            if matches!(property.kind, Type::Object | Type::Array) {
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                let at = format!("{path}.items.properties[{key}].type");
                self.problems.push(Finding::invalid(at, &property.kind.name().into(), detail));
            }
            if property.default.is_none() && !required.as_ref().is_some_and(|names| names.contains(key)) {
                let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                self.problems.push(Finding::required(format!("{path}.items.properties[{key}].default"), detail));
            }
        }
    }

    /// The rules of upstream's `validateStructuralInvariants`.
    fn structure(&mut self, node: &Structural, map: &Map<String, Value>, path: &str, level: Level) {
        let at = |word: &str| format!("{path}.{word}");
        if node.kind == Type::Array && node.items.is_none() {
            self.problems.push(Finding::required(at("items"), "must be specified"));
        }
        if map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
            let detail = "must be true or undefined";
            self.problems.push(Finding::invalid(
                at("x-kubernetes-preserve-unknown-fields"),
                &Value::Bool(false),
                detail,
            ));
        }
        if level == Level::Root && node.additional.is_some() {
            self.problems.push(Finding::forbidden(at("additionalProperties"), "must not be used at the root"));
        }
        if flag(map, "uniqueItems") {
            let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.problems.push(Finding::forbidden(at("uniqueItems"), detail));
        }
        for word in ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] {
            if node.int_or_string && flag(map, word) {
                let detail = "must be false if x-kubernetes-int-or-string is true";
                self.problems.push(Finding::invalid(at(word), &Value::Bool(true), detail));
            }
        }
        self.type_given(node, path, level);
        if node.resource && node.additional.is_some() {
            let detail = "must not be used if x-kubernetes-embedded-resource is set";
            self.problems.push(Finding::forbidden(at("additionalProperties"), detail));
        }
        if node.resource && !node.preserve_unknown && node.properties.is_empty() {
            let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                          x-kubernetes-preserve-unknown-fields";
            self.problems.push(Finding::required(at("properties"), detail));
        }
        if level == Level::Root || node.resource {
            self.meta(node, map, path, level);
        }
    }

    fn type_given(&mut self, node: &Structural, path: &str, level: Level) {
        let at = format!("{path}.type");
        let kind = Value::from(node.kind.name());
        if node.resource && node.kind != Type::Object {
            let detail = "must be object if x-kubernetes-embedded-resource is true";
            let empty = node.kind == Type::Any;
            let found = if empty { Finding::required(at, detail) } else { Finding::invalid(at, &kind, detail) };
            self.problems.push(found);
        } else if node.kind == Type::Any && !node.int_or_string && !node.preserve_unknown {
            let detail = match level {
                Level::Root => "must not be empty at the root",
                Level::Item => "must not be empty for specified array items",
                Level::Field | Level::Nested => "must not be empty for specified object fields",
            };
            self.problems.push(Finding::required(at, detail));
        } else if level == Level::Root && !matches!(node.kind, Type::Object | Type::Any) {
            self.problems.push(Finding::invalid(at, &kind, "must be object at the root"));
        }
    }

    fn meta(&mut self, node: &Structural, map: &Map<String, Value>, path: &str, level: Level) {
        for (name, wanted) in [("kind", Type::String), ("apiVersion", Type::String), ("metadata", Type::Object)] {
            if let Some(property) = node.properties.get(name).filter(|property| property.kind != wanted) {
                let at = format!("{path}.properties[{name}].type");
                let detail = format!("must be {}", wanted.name());
                self.problems.push(Finding::invalid(at, &property.kind.name().into(), &detail));
            }
        }
        let metadata = map.get("properties").and_then(|properties| properties.get("metadata"));
        let Some(metadata) = metadata.and_then(Value::as_object).filter(|_| level == Level::Root) else { return };
        let known = |name: &String| ["name", "generateName"].contains(&name.as_str());
        let properties = metadata.get("properties").and_then(Value::as_object);
        let plain = metadata.iter().all(|(word, value)| {
            ["type", "properties", "default"].contains(&word.as_str()) || *value == Value::Bool(false)
        });
        if !plain || properties.is_some_and(|properties| !properties.keys().all(known)) {
            let detail =
                "must not specify anything other than name and generateName, but metadata is implicitly specified";
            self.problems.push(Finding::forbidden(format!("{path}.properties[metadata]"), detail));
        }
    }

    /// The rules of upstream's `validateNestedValueValidation`.
    fn only_values(&mut self, node: &mut Structural, map: &Map<String, Value>, path: &str) {
        if node.kind != Type::Any {
            self.problems.push(Finding::forbidden(format!("{path}.type"), "must be empty to be structural"));
        }
        if given(map, "additionalProperties") {
            let detail = "must be undefined to be structural";
            self.problems.push(Finding::forbidden(format!("{path}.additionalProperties"), detail));
        }
        if given(map, "x-kubernetes-validations") {
            let detail = "must be empty to be structural";
            self.problems.push(Finding::forbidden(format!("{path}.x-kubernetes-validations"), detail));
        }
        for (word, detail) in STRUCTURE_ONLY {
            if given(map, word) {
                self.problems.push(Finding::forbidden(format!("{path}.{word}"), detail));
            }
        }
        if node.properties.contains_key("metadata") {
            let detail = "must not be specified in a nested context";
            self.problems.push(Finding::forbidden(format!("{path}.properties[metadata]"), detail));
        }
        node.resource = false;
    }

    fn values(&mut self, node: &Structural, map: &Map<String, Value>, path: &str) -> Option<Box<Values>> {
        let number = |name: &str| map.get(name).and_then(Value::as_f64);
        let whole = |name: &str| map.get(name).and_then(Value::as_u64);
        let values = Values {
            format: text(map, "format").to_owned(),
            pattern: text(map, "pattern").to_owned(),
            allowed: map.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            required: texts(map, "required"),
            minimum: number("minimum"),
            maximum: number("maximum"),
            exclusive_minimum: flag(map, "exclusiveMinimum"),
            exclusive_maximum: flag(map, "exclusiveMaximum"),
            multiple_of: number("multipleOf"),
            length: (whole("minLength"), whole("maxLength")),
            items: (whole("minItems"), whole("maxItems")),
            properties: (whole("minProperties"), whole("maxProperties")),
            all_of: self.branches(node, map, path, "allOf"),
            any_of: self.branches(node, map, path, "anyOf"),
            one_of: self.branches(node, map, path, "oneOf"),
            not: map.get("not").map(|schema| self.node(schema, &format!("{path}.not"), Level::Nested)),
        };
        if let Err(error) = regex::Regex::new(&values.pattern) {
            let detail = format!("must be a valid regular expression, but isn't: {error}");
            self.problems.push(Finding::invalid(format!("{path}.pattern"), &values.pattern.as_str().into(), &detail));
        }
        (!values.is_empty()).then(|| Box::new(values))
    }

    fn branches(&mut self, node: &Structural, map: &Map<String, Value>, path: &str, word: &str) -> Vec<Structural> {
        let Some(Value::Array(list)) = map.get(word) else { return Vec::new() };
        let mut found = Vec::new();
        for (index, schema) in list.iter().enumerate() {
            // The two forms in which the types of an int-or-string may be repeated.
            if node.int_or_string && word == "anyOf" && is_int_or_string(list) {
                return Vec::new();
            }
            let nested = schema.get("anyOf").and_then(Value::as_array);
            if node.int_or_string && word == "allOf" && index == 0 && nested.is_some_and(|list| is_int_or_string(list))
            {
                continue;
            }
            found.push(self.node(schema, &format!("{path}.{word}[{index}]"), Level::Nested));
        }
        found
    }

    /// All that value validation speaks of must be part of the structure.
    fn complete(&mut self, node: &Structural, path: &str) {
        for (word, index, nested) in node.values.iter().flat_map(|values| values.nested()) {
            let at = index.map_or_else(|| format!("{path}.{word}"), |index| format!("{path}.{word}[{index}]"));
            self.covered(node, nested, path, &at);
        }
        for (name, child) in &node.properties {
            self.complete(child, &format!("{path}.properties[{name}]"));
        }
        for (word, child) in [("items", &node.items), ("additionalProperties", &node.additional)] {
            if let Some(child) = child {
                self.complete(child, &format!("{path}.{word}"));
            }
        }
    }

    fn covered(&mut self, node: &Structural, nested: &Structural, path: &str, at: &str) {
        for (name, inner) in &nested.properties {
            let (own, other) = (format!("{path}.properties[{name}]"), format!("{at}.properties[{name}]"));
            match node.properties.get(name) {
                Some(child) => self.covered(child, inner, &own, &other),
                None => self.problems.push(Finding::required(own, &format!("because it is defined in {other}"))),
            }
        }
        if let Some(inner) = &nested.items {
            let (own, other) = (format!("{path}.items"), format!("{at}.items"));
            match &node.items {
                Some(child) => self.covered(child, inner, &own, &other),
                None => self.problems.push(Finding::required(own, &format!("because it is defined in {other}"))),
            }
        }
        for (word, index, inner) in nested.values.iter().flat_map(|values| values.nested()) {
            let at = index.map_or_else(|| format!("{at}.{word}"), |index| format!("{at}.{word}[{index}]"));
            self.covered(node, inner, path, &at);
        }
    }
}

impl Values {
    fn is_empty(&self) -> bool {
        let Self { format, pattern, allowed, required, length, items, properties, .. } = self;
        format.is_empty()
            && pattern.is_empty()
            && allowed.is_empty()
            && required.is_empty()
            && [length, items, properties].iter().all(|limits| **limits == (None, None))
            && self.minimum.or(self.maximum).or(self.multiple_of).is_none()
            && self.nested().next().is_none()
    }

    fn nested(&self) -> impl Iterator<Item = (&'static str, Option<usize>, &Structural)> {
        let lists = [("allOf", &self.all_of), ("anyOf", &self.any_of), ("oneOf", &self.one_of)];
        let branches = lists
            .into_iter()
            .flat_map(|(word, list)| list.iter().enumerate().map(move |(index, branch)| (word, Some(index), branch)));
        branches.chain(self.not.iter().map(|branch| ("not", None, branch)))
    }
}

fn is_int_or_string(list: &[Value]) -> bool {
    let types =
        BTreeMap::from_iter(list.iter().map(|schema| (schema["type"].as_str(), schema.as_object().map(Map::len))));
    list.len() == 2 && types == BTreeMap::from([(Some("integer"), Some(1)), (Some("string"), Some(1))])
}

/// Whether a word says anything; Go cannot tell its zero from absence.
fn given(map: &Map<String, Value>, word: &str) -> bool {
    map.get(word).is_some_and(|value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    })
}

fn flag(map: &Map<String, Value>, word: &str) -> bool {
    map.get(word) == Some(&Value::Bool(true))
}

fn text<'a>(map: &'a Map<String, Value>, word: &str) -> &'a str {
    map.get(word).and_then(Value::as_str).unwrap_or_default()
}

fn texts(map: &Map<String, Value>, word: &str) -> Vec<String> {
    let list = map.get(word).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}
