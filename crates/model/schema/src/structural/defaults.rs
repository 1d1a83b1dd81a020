//! Fills in defaults. Upstream: `pkg/apiserver/schema/defaulting`.

use super::Structural;
use serde_json::Value;

impl Structural {
    /// Fills in the defaults of absent fields. A null that is not allowed counts as absent: it takes the default or goes.
    pub fn set_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (name, node) in &self.properties {
                    let refused_null = |value: &Value| value.is_null() && !node.nullable;
                    if map.get(name).is_none_or(refused_null) {
                        match &node.default {
                            Some(default) => _ = map.insert(name.clone(), default.clone()),
                            None => _ = map.remove(name),
                        }
                    }
                    if let Some(value) = map.get_mut(name) {
                        node.set_defaults(value);
                    }
                }
                let Some(node) = &self.additional else { return };
                map.retain(|name, value| {
                    if self.properties.contains_key(name) {
                        return true;
                    }
                    if value.is_null() && !node.nullable {
                        let Some(default) = &node.default else { return false };
                        *value = default.clone();
                    }
                    node.set_defaults(value);
                    true
                });
            }
            Value::Array(list) => {
                let Some(node) = &self.items else { return };
                for value in list {
                    if let Some(default) = node.default.as_ref().filter(|_| value.is_null() && !node.nullable) {
                        *value = default.clone();
                    }
                    node.set_defaults(value);
                }
            }
            _ => {}
        }
    }
}
