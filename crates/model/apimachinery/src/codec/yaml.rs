//! YAML as clients send it: one document, turned into the JSON it stands for.
//!
//! Upstream: `sigs.k8s.io/yaml`: YAML 1.1 booleans (`yes`, `on`) count, duplicates keep the last value unless the
//! client asked for strictness.

use super::Decoded;
use super::strict_value::StrictValue;
use crate::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

/// Reads one YAML document. JSON is YAML too.
///
/// # Errors
/// If the bytes are not YAML, or no JSON can say the same.
pub fn decode(bytes: &[u8]) -> Result<Decoded, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "yaml: invalid UTF-8".to_owned())?;
    let read: StrictValue = read(text, DuplicateKeyPolicy::PassThrough)?;
    let mut duplicates = Vec::new();
    if !read.duplicates.is_empty() {
        // A second reading stops at the first duplicate and so knows its line.
        let strict: Result<StrictValue, String> = self::read(text, DuplicateKeyPolicy::Error);
        duplicates.extend(strict.err());
    }
    Ok(Decoded { value: read.value, duplicates })
}

/// The YAML of a document.
///
/// # Errors
/// If the writer refuses the document.
pub fn encode(value: &Value) -> Result<String, String> {
    serde_saphyr::to_string(value).map_err(|error| error.to_string())
}

fn read(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<StrictValue, String> {
    let options = serde_saphyr::options! { duplicate_keys: duplicate_keys, legacy_octal_numbers: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| yaml_error(&error))
}

fn yaml_error(error: &serde_saphyr::Error) -> String {
    let error = error.without_snippet();
    let line = error.location().map_or(0, |location| location.line());
    if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error {
        return format!("yaml: unmarshal errors:\n  line {line}: key {key:?} already set in map");
    }
    format!("error converting YAML to JSON: yaml: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn documents() {
        let text = "kind: Pod\nspec:\n  a: [x, y, 1.5, 0755, -0, 12e3, ~]\n  b: \"yes\"\n  c: on\n  d: 1Gi\n  e: '12'\n  1: x\n";
        expect![[r#"{"kind":"Pod","spec":{"1":"x","a":["x",true,1.5,493,0,12000.0,null],"b":"yes","c":true,"d":"1Gi","e":"12"}}"#]]
        .assert_eq(&decode(text.as_bytes()).unwrap().value.to_string());
    }

    #[test]
    fn duplicates() {
        let decoded = decode(b"a: 1\nb:\n  c: 1\n  c: 2\n").unwrap();
        assert_eq!(decoded.value.to_string(), r#"{"a":1,"b":{"c":2}}"#);
        expect![[r#"
            yaml: unmarshal errors:
              line 4: key "c" already set in map"#]]
        .assert_eq(&decoded.duplicates.join("\n"));
    }

    #[test]
    fn errors() {
        expect!["error converting YAML to JSON: yaml: illegal placement of ':' indicator at line 2, column 2"]
            .assert_eq(&decode(b"a: [1\nb: 2").unwrap_err());
    }

    #[test]
    fn round_trip() {
        let value = serde_json::json!({"a": ["yes", "1", 1, true, null, "x: y", ""], "b": {}, "c": "two\nlines\n"});
        assert_eq!(decode(encode(&value).unwrap().as_bytes()).unwrap().value, value);
    }
}
