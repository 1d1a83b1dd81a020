//! JSON as clients send it: one pass to a document, duplicates reported, errors as Go's decoder words them.
//!
//! Upstream: `sigs.k8s.io/json`; Go's `encoding/json/scanner.go`. Nesting deeper than 128 is refused.

use super::Decoded;
use super::strict_value::{FieldOrder, StrictValue};
use crate::Value;

/// Duplicates reported of one document; upstream stops at 100 strict errors too.
pub const MAX_DUPLICATES: usize = 100;

/// Reads a JSON document.
///
/// # Errors
/// If the bytes are not JSON: `invalid character 'x' looking for beginning of value`.
pub fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    let read: StrictValue = serde_json::from_slice(bytes).map_err(|error| go_error(bytes, &error))?;
    let duplicates = read.duplicates.iter().map(|path| format!("duplicate field {path:?}")).collect();
    Ok(Decoded { value: read.value, duplicates })
}

/// Puts what was found in a document (`unknown field "spec.x"`, `duplicate field "spec.y"`) into the order in which its
/// text has the fields, as a decoder that reads once finds them. A duplicate stands where the field comes again.
pub fn in_document_order(bytes: &[u8], mut found: Vec<String>) -> Vec<String> {
    found.dedup();
    let Ok(order) = serde_json::from_slice::<FieldOrder>(bytes) else { return found };
    let place = |text: &String| {
        let (what, path) = text.split_once(" field ").unwrap_or_default();
        let path: String = serde_json::from_str(path).unwrap_or_default();
        let comes = order.0.get(&path).copied().unwrap_or((usize::MAX, usize::MAX));
        if what == "duplicate" { comes.1 } else { comes.0 }
    };
    found.sort_by_cached_key(place);
    found
}

/// Reads a JSON document whose duplicates do not matter.
///
/// # Errors
/// As [`decode`].
pub fn decode_lenient(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| go_error(bytes, &error))
}

/// Says what Go's decoder would say at the same place.
fn go_error(bytes: &[u8], error: &serde_json::Error) -> String {
    let text = error.to_string();
    if error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    if text.starts_with("recursion limit") {
        return "exceeded max depth".to_owned();
    }
    let context = [
        ("expected value", "looking for beginning of value"),
        ("trailing comma", "looking for beginning of value"),
        ("key must be a string", "looking for beginning of object key string"),
        ("expected `:`", "after object key"),
        ("expected `,` or `}`", "after object key:value pair"),
        ("expected `,` or `]`", "after array element"),
        ("trailing characters", "after top-level value"),
        ("expected ident", "in literal"),
        ("control character", "in string literal"),
        ("invalid escape", "in string escape code"),
        ("invalid number", "in numeric literal"),
    ];
    let Some((_, place)) = context.iter().find(|(said, _)| text.starts_with(said)) else { return text };
    match character_at(bytes, error.line(), error.column()) {
        Some(character) => format!("invalid character {} {place}", quoted(character)),
        None => text,
    }
}

fn character_at(bytes: &[u8], line: usize, column: usize) -> Option<char> {
    let line = bytes.split(|byte| *byte == b'\n').nth(line.checked_sub(1)?)?;
    let rest = line.get(column.saturating_sub(1)..)?;
    let start = &rest[..rest.len().min(4)];
    start.utf8_chunks().next()?.valid().chars().next()
}

fn quoted(character: char) -> String {
    match character {
        '\'' => r"'\''".to_owned(),
        '"' => "'\"'".to_owned(),
        other => format!("'{}'", other.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn duplicates_have_paths_and_the_last_counts() {
        let text = br#"{"a":1,"spec":{"list":[{"x":1,"x":2}],"y":1,"y":3},"a":2}"#;
        let decoded = decode(text).unwrap();
        expect![[r#"
            duplicate field "spec.list[0].x"
            duplicate field "spec.y"
            duplicate field "a""#]]
        .assert_eq(&decoded.duplicates.join("\n"));
        assert_eq!(decoded.value.to_string(), r#"{"a":2,"spec":{"list":[{"x":2}],"y":3}}"#);
    }

    #[test]
    fn findings_come_as_the_text_has_them() {
        let text = br#"{"spec":{"b":1,"list":[{"x":1,"q":0,"x":2}],"y":1,"y":3,"y":4,"a":0}}"#;
        let found = ["duplicate field \"spec.y\"", "duplicate field \"spec.y\"", "duplicate field \"spec.list[0].x\""];
        let unknown = ["unknown field \"spec.a\"", "unknown field \"spec.b\"", "unknown field \"spec.list[0].q\""];
        let found = found.iter().chain(&unknown).map(|text| text.to_string()).collect();
        expect![[r#"
            unknown field "spec.b"
            unknown field "spec.list[0].q"
            duplicate field "spec.list[0].x"
            duplicate field "spec.y"
            unknown field "spec.a""#]]
        .assert_eq(&in_document_order(text, found).join("\n"));
    }

    #[test]
    fn errors_speak_go() {
        let shown: Vec<String> =
            ["{", "x", "{a:1}", r#"{"a" 1}"#, r#"{"a":1 "b"}"#, "[1 2]", "{}x", "tru!", "[1,]", ""]
                .iter()
                .map(|text| format!("{text}: {}", decode(text.as_bytes()).unwrap_err()))
                .collect();
        expect![[r#"
            {: unexpected end of JSON input
            x: invalid character 'x' looking for beginning of value
            {a:1}: invalid character 'a' looking for beginning of object key string
            {"a" 1}: invalid character '1' after object key
            {"a":1 "b"}: invalid character '"' after object key:value pair
            [1 2]: invalid character '2' after array element
            {}x: invalid character 'x' after top-level value
            tru!: invalid character '!' in literal
            [1,]: invalid character ']' looking for beginning of value
            : unexpected end of JSON input"#]]
        .assert_eq(&shown.join("\n"));
        assert_eq!(decode("[".repeat(200).as_bytes()).unwrap_err(), "exceeded max depth");
    }

    #[test]
    fn numbers_keep_their_kind() {
        let text = r#"[1,-1,1.5,1e3,18446744073709551615,"\u00e4"]"#;
        assert_eq!(decode(text.as_bytes()).unwrap().value.to_string(), r#"[1,-1,1.5,1000.0,18446744073709551615,"ä"]"#);
        // Found by fuzzing: a parser that rounds twice gives the neighbouring number.
        let read = decode(b"444444544444444444444").unwrap().value;
        assert_eq!(read.as_f64(), Some(444_444_544_444_444_444_444.0));
        assert_eq!(decode(read.to_string().as_bytes()).unwrap().value, read);
    }
}
