//! Lists of resources (`cpu: 500m`), as they stand in requests, limits and capacities.

use apimachinery::Value;

/// Writes every quantity of a resource list in its canonical form, as upstream's decoder does: `0.5` becomes `500m`.
/// What is no quantity stays, for validation to refuse.
pub fn canonicalize(parent: &mut Value, field: &str) {
    let Some(Value::Object(resources)) = parent.get_mut(field) else { return };
    for quantity in resources.values_mut() {
        if let Some(canonical) = canonical(quantity) {
            *quantity = canonical.into();
        }
    }
}

/// The same for the limits and requests of a container, claim or pod.
pub fn canonicalize_requirements(resources: &mut Value) {
    canonicalize(resources, "limits");
    canonicalize(resources, "requests");
}

fn canonical(quantity: &Value) -> Option<String> {
    match quantity {
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
