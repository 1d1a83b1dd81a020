//! Lists of resources (`cpu: 500m`), as they stand in requests, limits and capacities.

use apimachinery::{Quantity, Value, quantity};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as QuantityText;
use std::collections::BTreeMap;

/// Amounts by name of resource.
pub type Resources = BTreeMap<String, Quantity>;

/// Reads a resource list; what is no quantity is left out (validation has refused it).
pub fn read(list: &Value) -> Resources {
    let entries = list.as_object().into_iter().flatten();
    entries.filter_map(|(name, text)| Some((name.clone(), parse(text)?))).collect()
}

/// The same of a typed list.
pub fn read_typed(list: Option<&BTreeMap<String, QuantityText>>) -> Resources {
    let entries = list.into_iter().flatten();
    entries.filter_map(|(name, text)| Some((name.clone(), Quantity::parse(&text.0).ok()?))).collect()
}

/// The quantity in a JSON value; a bare number counts too.
pub fn parse(quantity: &Value) -> Option<Quantity> {
    match quantity {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

pub fn add(sum: &mut Resources, more: &Resources) {
    for (name, quantity) in more {
        let old = sum.get(name).copied().unwrap_or(Quantity::ZERO);
        sum.insert(name.clone(), old + *quantity);
    }
}

/// Raises every amount of `most` to that of `other`.
pub fn raise(most: &mut Resources, other: &Resources) {
    for (name, quantity) in other {
        if most.get(name).is_none_or(|old| quantity > old) {
            most.insert(name.clone(), *quantity);
        }
    }
}

/// Writes every quantity of a resource list in its canonical form, as upstream's decoder does: `0.5` becomes `500m`.
/// What is no quantity stays, for validation to refuse.
pub fn canonicalize(parent: &mut Value, field: &str) {
    let Some(Value::Object(resources)) = parent.get_mut(field) else { return };
    for value in resources.values_mut() {
        match value {
            Value::String(text) => *text = quantity::canonical(text),
            Value::Number(number) => *value = quantity::canonical(&number.to_string()).into(),
            _ => {}
        }
    }
}

/// The same for the limits and requests of a container, claim or pod.
pub fn canonicalize_requirements(resources: &mut Value) {
    canonicalize(resources, "limits");
    canonicalize(resources, "requests");
}
