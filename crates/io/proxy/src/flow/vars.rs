//! Variables of rules, by scope and name.

use balance::sample::Value;
use balance::sample::context::{Scope, Var};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Few per stream, so a map is made when the first is set.
#[derive(Debug, Default)]
pub struct Vars(BTreeMap<(Scope, Arc<str>), Value<'static>>);

/// Bytes that the variables of one stream or connection may hold together: rules that copy bodies into variables must
/// not eat the machine's memory. HAProxy's `tune.vars.*-max-size` is unlimited unless set.
const LIMIT: usize = 1 << 20;

impl Vars {
    pub fn get(&self, var: &Var) -> Option<Value<'static>> {
        self.0.get(&(var.scope, var.name.clone())).cloned()
    }

    pub fn set(&mut self, var: &Var, value: Option<Value<'static>>) {
        let key = (var.scope, var.name.clone());
        match value {
            Some(value) if self.size() + size(&value) <= LIMIT => _ = self.0.insert(key, value),
            Some(_) => {}
            None => _ = self.0.remove(&key),
        }
    }

    /// Forgets a scope that is over.
    pub fn end(&mut self, scope: Scope) {
        self.0.retain(|(of, _), _| *of != scope);
    }

    fn size(&self) -> usize {
        self.0.values().map(size).sum()
    }
}

fn size(value: &Value<'_>) -> usize {
    match value {
        Value::Str(bytes) | Value::Bin(bytes) | Value::Method(bytes) => bytes.len(),
        _ => 16,
    }
}
