//! Joins what protobuf knows with what JSON knows.

use super::openapi::Struct;
use super::protobuf::{Field as ProtoField, Key, Kind, Message};
use super::{Error, normal, overrides};
use std::collections::{BTreeMap, BTreeSet};

pub struct Type {
    pub name: String,
    pub atomic: bool,
    pub kind: bool,
    /// Sorted by JSON name.
    pub fields: Vec<Field>,
}

pub struct Field {
    pub name: String,
    pub tags: Vec<u32>,
    /// The type as the text form writes it.
    pub form: String,
    pub facts: Vec<String>,
}

struct Join<'a> {
    messages: &'a BTreeMap<Key, Message>,
    structs: &'a BTreeMap<Key, Struct>,
    problems: Vec<String>,
}

pub fn join(messages: &BTreeMap<Key, Message>, structs: &BTreeMap<Key, Struct>) -> Result<Vec<Type>, Error> {
    let served: BTreeSet<&str> = structs.keys().map(|key| key.package.as_str()).collect();
    let mut join = Join { messages, structs, problems: Vec::new() };
    let mut types = Vec::new();
    for (key, message) in messages {
        let wanted = served.contains(key.package.as_str()) || overrides::EXTRA_PACKAGES.contains(&key.package.as_str());
        if wanted && !overrides::SPECIAL.iter().any(|(name, _)| *name == full_name(key, message, structs)) {
            types.push(join.type_of(key, message));
        }
    }
    types.sort_by(|a, b| a.name.cmp(&b.name));
    let types = reachable(types);
    join.missing_types(&types);
    if join.problems.is_empty() { Ok(types) } else { Err(Error::Source(join.problems.join("\n"))) }
}

impl Join<'_> {
    fn type_of(&mut self, key: &Key, message: &Message) -> Type {
        let name = full_name(key, message, self.structs);
        let names = self.structs.get(key).filter(|_| name != overrides::WATCH_EVENT);
        let mut fields = Vec::new();
        self.collect(&name, key, message, names, &[], &mut fields);
        let is_list = fields.iter().any(|f| f.name == "items") && name.ends_with("List");
        let is_list = is_list && fields.iter().any(|f| f.name == "metadata");
        let short = name.rsplit('.').next().unwrap_or_default();
        let kind = names.is_some_and(|found| found.is_kind) || is_list || overrides::KINDS.contains(&short);
        if kind {
            for extra in ["apiVersion", "kind"] {
                if !fields.iter().any(|field| field.name == extra) {
                    let form = "string".to_owned();
                    fields.push(Field { name: extra.to_owned(), tags: vec![0], form, facts: Vec::new() });
                }
            }
        }
        for json in names.map(|found| found.json_names.as_slice()).unwrap_or_default() {
            if !fields.iter().any(|field| field.name == *json) {
                self.problems.push(format!("{name}: protobuf has no field {json}"));
            }
        }
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Type { name, atomic: message.has("structType=atomic"), kind, fields }
    }

    /// Adds a message's fields, and in their place those of the messages that Go embeds inline.
    fn collect(
        &mut self,
        owner: &str,
        key: &Key,
        message: &Message,
        names: Option<&Struct>,
        path: &[u32],
        out: &mut Vec<Field>,
    ) {
        for field in &message.fields {
            let tags: Vec<u32> = path.iter().copied().chain([field.tag]).collect();
            match self.json_name(owner, key, field, names) {
                Some(name) => {
                    // k8s-openapi makes a kind's metadata required; upstream does not.
                    let required = names
                        .is_some_and(|found| found.required.contains(&name) && !(found.is_kind && name == "metadata"));
                    let facts = facts(field, required, !required && overrides::omits_zero(owner, &name, field));
                    let form = self.form(owner, &name, &field.kind);
                    out.push(Field { name, tags, form, facts });
                }
                None => {
                    let Kind::Message(inner) = &field.kind else { continue };
                    let Some(message) = self.messages.get(inner) else { continue };
                    self.collect(owner, inner, message, names, &tags, out);
                }
            }
        }
    }

    /// None if the field is embedded inline.
    fn json_name(&mut self, owner: &str, key: &Key, field: &ProtoField, names: Option<&Struct>) -> Option<String> {
        let wanted = normal(&field.rust_name);
        if let Some(name) = names.and_then(|found| found.json_names.iter().find(|json| normal(json) == wanted)) {
            return Some(name.clone());
        }
        let short = owner.rsplit('.').next().unwrap_or_default();
        if overrides::INLINE.contains(&(short, field.rust_name.as_str())) {
            return None;
        }
        if let Some((_, _, name)) =
            overrides::NAMES.iter().find(|(of, rust, _)| (*of == short || *of == "*") && *rust == field.rust_name)
        {
            return Some((*name).to_owned());
        }
        let siblings = self.structs.iter().filter(|(other, _)| other.name == key.name);
        for (_, sibling) in siblings {
            if let Some(name) = sibling.json_names.iter().find(|json| normal(json) == wanted) {
                return Some(name.clone());
            }
        }
        if names.is_some() {
            self.problems.push(format!("{owner}: no JSON name for protobuf field {}", field.rust_name));
        }
        if field.rust_name.split('_').skip(1).any(|word| overrides::ACRONYMS.contains(&word)) {
            self.problems.push(format!("{owner}: the case of {} cannot be guessed", field.rust_name));
        }
        Some(camel(&field.rust_name))
    }

    fn form(&mut self, owner: &str, field: &str, kind: &Kind) -> String {
        match kind {
            Kind::Scalar(name) => name.clone(),
            Kind::Repeated(inner) => format!("[{}]", self.form(owner, field, inner)),
            Kind::Map(inner) => format!("{{{}}}", self.form(owner, field, inner)),
            Kind::Message(key) => {
                let Some(message) = self.messages.get(key) else {
                    self.problems.push(format!("{owner}.{field}: no message {key:?}"));
                    return String::new();
                };
                let name = full_name(key, message, self.structs);
                overrides::SPECIAL
                    .iter()
                    .find(|(special, _)| *special == name)
                    .map_or(name, |(_, form)| (*form).to_owned())
            }
        }
    }

    fn missing_types(&mut self, types: &[Type]) {
        let known: BTreeSet<&str> = types.iter().map(|one| one.name.as_str()).collect();
        for one in types {
            for field in &one.fields {
                let inner = inner_name(&field.form);
                if inner.contains('.') && !known.contains(inner) {
                    self.problems.push(format!("{}.{}: type {inner} is in no package we take", one.name, field.name));
                }
            }
        }
    }
}

/// The kinds and what they are made of.
fn reachable(types: Vec<Type>) -> Vec<Type> {
    let mut wanted: BTreeSet<String> = types.iter().filter(|one| one.kind).map(|one| one.name.clone()).collect();
    loop {
        let before = wanted.len();
        for one in &types {
            if wanted.contains(&one.name) {
                let inner = one.fields.iter().map(|field| inner_name(&field.form).to_owned());
                wanted.extend(inner.collect::<Vec<_>>());
            }
        }
        if wanted.len() == before {
            return types.into_iter().filter(|one| wanted.contains(&one.name)).collect();
        }
    }
}

fn inner_name(form: &str) -> &str {
    form.trim_matches(['[', ']', '{', '}', '<', '>'])
}

/// The OpenAPI name. Lists and what k8s-openapi lacks take the Rust name, mended where prost changed its case.
fn full_name(key: &Key, message: &Message, structs: &BTreeMap<Key, Struct>) -> String {
    if let Some(found) = structs.get(key) {
        return found.name.clone();
    }
    let mut short = message.rust_name.clone();
    if let Some(base) = key.name.strip_suffix("list") {
        let of = Key { package: key.package.clone(), name: base.to_owned() };
        if let Some(found) = structs.get(&of) {
            short = format!("{}List", found.name.rsplit('.').next().unwrap_or_default());
        }
    }
    let mended = overrides::TYPE_NAMES.iter().find(|(rust, _)| *rust == short).map_or(short.as_str(), |(_, name)| name);
    format!("{}.{mended}", key.package)
}

fn facts(field: &ProtoField, required: bool, omits_zero: bool) -> Vec<String> {
    let value = |marker: &str| -> Vec<&str> {
        field.markers.iter().filter_map(|found| found.strip_prefix(marker)?.strip_prefix('=')).collect()
    };
    let mut facts = Vec::new();
    if required {
        facts.push("required".to_owned());
    }
    if omits_zero {
        facts.push("omitzero".to_owned());
    }
    let keys = value("listMapKey");
    match value("listType").first() {
        Some(&"set") => facts.push("set".to_owned()),
        Some(&"map") if !keys.is_empty() => facts.push(format!("keys={}", keys.join(","))),
        _ => {}
    }
    if value("mapType").contains(&"atomic") || value("structType").contains(&"atomic") {
        facts.push("atomic".to_owned());
    }
    if value("structType").contains(&"granular") || value("mapType").contains(&"granular") {
        facts.push("granular".to_owned());
    }
    facts.extend(value("patchStrategy").first().map(|strategy| format!("patch={strategy}")));
    facts.extend(value("patchMergeKey").first().map(|key| format!("key={key}")));
    facts
}

fn camel(snake: &str) -> String {
    let mut parts = snake.split('_');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut chars = part.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out += chars.as_str();
    }
    out
}
