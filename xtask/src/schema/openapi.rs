//! Reads the structs of the k8s-openapi crate: JSON names, required fields, and which types are kinds.

use super::protobuf::Key;
use super::{Error, normal, read_text, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Debug, Default)]
pub struct Struct {
    /// `io.k8s.api.apps.v1.DeploymentSpec`
    pub name: String,
    pub json_names: Vec<String>,
    pub required: BTreeSet<String>,
    /// A type of the API's root: it carries apiVersion and kind.
    pub is_kind: bool,
}

pub fn read(root: &Path) -> Result<BTreeMap<Key, Struct>, Error> {
    let mut structs = BTreeMap::new();
    for path in rust_files(root)? {
        let text = read_text(&path)?;
        let Some(found) = read_file(&text) else { continue };
        let (package, name) = found.name.rsplit_once('.').unwrap_or_default();
        structs.insert(Key { package: package.to_owned(), name: normal(name) }, found);
    }
    Ok(structs)
}

fn read_file(text: &str) -> Option<Struct> {
    let name = text.lines().find_map(|line| line.strip_prefix("// Generated from definition "))?.trim().to_owned();
    let mut found = Struct { name, is_kind: text.contains("impl crate::Resource for "), ..Struct::default() };
    let mut in_required = false;
    for line in text.lines().map(str::trim) {
        if let Some((json, _)) = line.split_once(" => Field::Key_") {
            found.json_names.push(json.trim_matches('"').to_owned());
        } else if line == "\"required\": [" {
            in_required = true;
        } else if in_required && line.starts_with(']') {
            in_required = false;
        } else if in_required {
            found.required.insert(line.trim_matches(['"', ',']).to_owned());
        }
    }
    Some(found)
}
