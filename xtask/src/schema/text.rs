//! The written form of the facts: one line per type, one indented line per field; reviewable, and cheap to parse.
//!
//! ```text
//! io.k8s.api.apps.v1.DeploymentSpec [atomic] [kind]
//!  name tag[.tag]* type [required] [omitzero] [atomic|granular|set|keys=a,b] [patch=merge,retainKeys] [key=name]
//! ```
//! Types: a scalar, a type's name, `[T]` list, `<T>` list in a message of its own, `{T}` map with text keys. Tags of a field
//! that Go embeds inline are written as the path through the embedding messages; 0 means the field is not in protobuf.
//! `omitzero`: Go has no pointer here and writes no zero; `granular`: not atomic though its type is.

use super::join::{Field, Type};
use std::fmt::Write;

pub fn render(types: &[Type]) -> String {
    let mut out =
        String::from("# Written by `cargo xtask schema`; do not edit. See xtask/src/schema/text.rs for the form.\n");
    for one in types {
        out += &one.name;
        for (set, word) in [(one.atomic, " atomic"), (one.kind, " kind")] {
            out += if set { word } else { "" };
        }
        out.push('\n');
        for field in &one.fields {
            line(&mut out, field);
        }
    }
    out
}

fn line(out: &mut String, field: &Field) {
    let tags: Vec<String> = field.tags.iter().map(u32::to_string).collect();
    // Writing into a String cannot fail.
    _ = write!(out, " {} {} {}", field.name, tags.join("."), field.form);
    for fact in &field.facts {
        _ = write!(out, " {fact}");
    }
    out.push('\n');
}
