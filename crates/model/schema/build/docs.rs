//! The descriptions of all types and fields, in the order of `facts.txt`: texts ended by a zero byte, then deflated.
//!
//! They are upstream's prose and stay in the crate they come from: only the build sees them.

use flate2::{Compression, write::ZlibEncoder};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

const RELEASE: &str = "v1_35";

/// Descriptions of a type: the empty name stands for the type itself.
type Texts = HashMap<String, String>;

pub fn generate(facts: &str) -> Vec<u8> {
    let found = match sources() {
        Some(root) => read_folder(&root.join("src").join(RELEASE)),
        None => {
            println!(
                "cargo::warning=the sources of k8s-openapi were not found; `kubectl explain` will lack descriptions"
            );
            HashMap::new()
        }
    };
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let mut texts = None;
    for line in facts.lines().filter(|line| !line.starts_with('#')) {
        let word = line.trim_start().split(' ').next().unwrap_or_default();
        let name = if line.starts_with(' ') { word } else { "" };
        if name.is_empty() {
            texts = found.get(word);
        }
        let text = texts.and_then(|texts| texts.get(name)).map_or("", String::as_str);
        encoder.write_all(text.as_bytes()).and_then(|()| encoder.write_all(&[0])).expect("memory takes bytes");
    }
    encoder.finish().expect("memory takes bytes")
}

/// The folder of the crate: in cargo's home by the version of the lock file, else where `cargo metadata` says.
fn sources() -> Option<PathBuf> {
    let lock = std::fs::read_to_string("../../../Cargo.lock").ok()?;
    let version = lock.split("name = \"k8s-openapi\"\nversion = \"").nth(1)?.split('"').next()?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = std::fs::read_dir(home.join("registry/src")).ok();
    let mut folders = registries.into_iter().flatten().flatten().map(|entry| entry.path());
    let kept = folders.find_map(|folder| {
        let found = folder.join(format!("k8s-openapi-{version}"));
        found.is_dir().then_some(found)
    });
    kept.or_else(told_by_cargo)
}

fn told_by_cargo() -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO")?;
    let arguments = ["metadata", "--offline", "--format-version", "1"];
    let told = std::process::Command::new(cargo).args(arguments).output().ok()?.stdout;
    let told = String::from_utf8(told).ok()?;
    let paths = told.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let manifest = paths.map(Path::new).find(|path| {
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        folder.is_some_and(|name| name == "k8s-openapi" || name.starts_with("k8s-openapi-0"))
    })?;
    manifest.parent().map(Path::to_owned)
}

fn read_folder(folder: &Path) -> HashMap<String, Texts> {
    let mut found = HashMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(read_folder(&path));
        } else if let Some((name, texts)) = std::fs::read_to_string(&path).ok().and_then(|text| read_file(&text)) {
            found.insert(name, texts);
        }
    }
    found
}

/// The crate's schema for each type repeats upstream's texts word for word; its shape is regular.
fn read_file(text: &str) -> Option<(String, Texts)> {
    let name = text.lines().find_map(|line| line.strip_prefix("// Generated from definition "))?.trim().to_owned();
    let schema = text.split("crate::schemars::json_schema!({").nth(1)?;
    let mut texts = Texts::new();
    let mut field = String::new();
    for line in schema.lines().map(str::trim) {
        let opens = line.strip_suffix(": {").or_else(|| line.strip_suffix(": ({"));
        match opens.map(|name| name.trim_matches('"')) {
            // Below a field's own line come `items` and the like, which have no description.
            Some("properties" | "items" | "additionalProperties") if field.is_empty() => {}
            Some(name) if !name.is_empty() => name.clone_into(&mut field),
            _ => {}
        }
        let marks = ["\"description\": \"", "insert(\"description\".into(), \""];
        if let Some(rest) = marks.iter().find_map(|mark| Some(line.split_once(mark)?.1)) {
            texts.entry(field.clone()).or_insert_with(|| unescape(rest));
        }
    }
    Some((name, texts))
}

/// A Rust string literal up to its closing quote.
fn unescape(literal: &str) -> String {
    let mut out = String::new();
    let mut chars = literal.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('u') => {
                    let code: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    out.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
                }
                Some(other) => out.push(other),
                None => break,
            },
            c => out.push(c),
        }
    }
    out
}
