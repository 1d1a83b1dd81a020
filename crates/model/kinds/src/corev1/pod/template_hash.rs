//! The value of the `pod-template-hash` label: equal templates hash alike, whatever the order of their fields.
//!
//! Upstream: `pkg/controller/controller_utils.go` (ComputeHash). The hash need not be upstream's, only stable.

use apimachinery::Value;

/// Letters and digits that spell no words and look like no others. Upstream: `apimachinery/pkg/util/rand`.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Ten characters for a template; `collisions` is the count that tells apart templates whose hashes are equal.
pub fn template_hash(template: &Value, collisions: Option<i64>) -> String {
    let mut hash = Fnv(0x811c_9dc5);
    hash.value(template);
    if let Some(collisions) = collisions {
        hash.bytes(&collisions.to_le_bytes());
    }
    let digits = format!("{:010}", hash.0);
    digits.bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()])).collect()
}

/// FNV-1a, 32 bits.
struct Fnv(u32);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }

    /// Absent, null and empty fields count alike, so that a round trip through types changes nothing.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                let mut fields: Vec<_> = map.iter().filter(|(_, value)| !is_nothing(value)).collect();
                fields.sort_by_key(|(name, _)| *name);
                self.bytes(b"{");
                for (name, value) in fields {
                    self.bytes(name.as_bytes());
                    self.bytes(b":");
                    self.value(value);
                }
                self.bytes(b"}");
            }
            Value::Array(items) => {
                self.bytes(b"[");
                for item in items {
                    self.value(item);
                    self.bytes(b",");
                }
                self.bytes(b"]");
            }
            scalar => self.bytes(scalar.to_string().as_bytes()),
        }
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_templates_hash_alike() {
        let one = json!({"spec": {"containers": [{"name": "a", "resources": {}}]}, "metadata": {"labels": {"a": "b"}}});
        let same = json!({"metadata": {"labels": {"a": "b"}, "x": null}, "spec": {"containers": [{"name": "a"}]}});
        let other = json!({"metadata": {"labels": {"a": "c"}}, "spec": {"containers": [{"name": "a"}]}});
        let hash = template_hash(&one, None);
        assert_eq!(hash.len(), 10);
        assert_eq!(hash, template_hash(&same, None));
        assert_ne!(hash, template_hash(&other, None));
        assert_ne!(hash, template_hash(&one, Some(1)));
    }
}
