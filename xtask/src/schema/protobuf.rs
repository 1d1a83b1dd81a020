//! Reads the messages of the k8s-pb crate: tags, types, doc markers. The crate is machine-written, so that its lines are
//! regular enough to be read as text.

use super::{Error, normal, package_of, read_text, rust_files};
use std::collections::BTreeMap;
use std::path::Path;

/// A message type, known by package and normalised name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub package: String,
    pub name: String,
}

#[derive(Debug)]
pub struct Message {
    pub rust_name: String,
    pub markers: Vec<String>,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone)]
pub struct Field {
    /// As prost writes it: snake case, lossy.
    pub rust_name: String,
    pub tag: u32,
    pub kind: Kind,
    pub markers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `string`, `bytes`, `bool`, `int32`, `int64`, `double`.
    Scalar(String),
    Message(Key),
    Repeated(Box<Kind>),
    Map(Box<Kind>),
}

impl Message {
    pub fn has(&self, marker: &str) -> bool {
        self.markers.iter().any(|found| found == marker)
    }
}

pub fn read(root: &Path) -> Result<BTreeMap<Key, Message>, Error> {
    let mut messages = BTreeMap::new();
    for path in rust_files(root)? {
        let folder = path.strip_prefix(root).unwrap_or(&path).parent().unwrap_or(root);
        let folders: Vec<&str> = folder.iter().filter_map(|part| part.to_str()).collect();
        read_file(&read_text(&path)?, &folders, &mut messages)?;
    }
    Ok(messages)
}

fn read_file(text: &str, folders: &[&str], messages: &mut BTreeMap<Key, Message>) -> Result<(), Error> {
    let package = package_of(folders);
    let mut markers = Vec::new();
    let mut prost = String::new();
    let mut open: Option<Message> = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if let Some(doc) = trimmed.strip_prefix("///") {
            markers.extend(doc.trim().strip_prefix('+').map(str::to_owned));
        } else if let Some(attribute) = trimmed.strip_prefix("#[prost(") {
            prost = attribute.trim_end_matches(")]").to_owned();
        } else if let Some(name) = line.strip_prefix("pub struct ") {
            let rust_name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let message = Message { rust_name, markers: std::mem::take(&mut markers), fields: Vec::new() };
            if name.ends_with("{}") {
                insert(messages, &package, message);
            } else {
                open = Some(message);
            }
        } else if line == "}" {
            if let Some(message) = open.take() {
                insert(messages, &package, message);
            }
            markers.clear();
        } else if let (Some(message), Some(field)) = (open.as_mut(), trimmed.strip_prefix("pub ")) {
            let mut declared = field.to_owned();
            while !declared.ends_with(',') || declared.matches('<').count() != declared.matches('>').count() {
                declared += lines.next().ok_or_else(|| Error::Source(format!("unfinished field {declared}")))?.trim();
            }
            message.fields.push(field_of(&declared, &prost, folders, std::mem::take(&mut markers))?);
        } else if trimmed.starts_with("pub mod") || trimmed.starts_with("impl") {
            markers.clear();
        }
    }
    Ok(())
}

fn insert(messages: &mut BTreeMap<Key, Message>, package: &str, message: Message) {
    let key = Key { package: package.to_owned(), name: normal(&message.rust_name) };
    messages.insert(key, message);
}

fn field_of(declared: &str, prost: &str, folders: &[&str], markers: Vec<String>) -> Result<Field, Error> {
    let wrong = || Error::Source(format!("cannot read field `{declared}` with #[prost({prost})]"));
    let (name, rust_type) = declared.split_once(':').ok_or_else(wrong)?;
    let tag = prost.split("tag = \"").nth(1).and_then(|rest| rest.split('"').next()).and_then(|tag| tag.parse().ok());
    let mut inner = rust_type.trim().trim_end_matches(',').to_owned();
    for wrapper in ["::core::option::Option<", "::prost::alloc::boxed::Box<"] {
        if let Some(rest) = inner.strip_prefix(wrapper) {
            inner = rest.trim_end_matches(',').strip_suffix('>').ok_or_else(wrong)?.trim_end_matches(',').to_owned();
        }
    }
    Ok(Field {
        rust_name: name.trim().trim_start_matches("r#").to_owned(),
        tag: tag.ok_or_else(wrong)?,
        kind: kind_of(&inner, folders).ok_or_else(wrong)?,
        markers,
    })
}

fn kind_of(rust_type: &str, folders: &[&str]) -> Option<Kind> {
    let rust_type = rust_type.trim().trim_end_matches(',');
    let scalar = match rust_type {
        "::prost::alloc::string::String" => "string",
        "::prost::alloc::vec::Vec<u8>" => "bytes",
        "bool" => "bool",
        "i32" => "int32",
        "i64" => "int64",
        "f64" => "double",
        _ => "",
    };
    if !scalar.is_empty() {
        return Some(Kind::Scalar(scalar.to_owned()));
    }
    if let Some(rest) = rust_type.strip_prefix("::prost::alloc::vec::Vec<") {
        return Some(Kind::Repeated(Box::new(kind_of(rest.strip_suffix('>')?, folders)?)));
    }
    if let Some(rest) = rust_type.strip_prefix("::prost::alloc::collections::BTreeMap<") {
        let (_, value) = rest.strip_suffix('>')?.split_once(',')?;
        return Some(Kind::Map(Box::new(kind_of(value, folders)?)));
    }
    let mut parts: Vec<&str> = rust_type.split("::").collect();
    let up = parts.iter().take_while(|part| **part == "super").count();
    let name = parts.pop()?;
    let mut path = folders[..folders.len().checked_sub(up)?].to_vec();
    path.extend(&parts[up..]);
    Some(Kind::Message(Key { package: package_of(&path), name: normal(name) }))
}
