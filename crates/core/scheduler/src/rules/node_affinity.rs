//! NodeAffinity: nodeSelector and required terms must match; preferred terms are weighed.

use super::{Refusal, normalised, refuse};
use crate::{Cluster, Node, PodFacts};
use apimachinery::Value;
use kinds::read::{list, number, text};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub fn filter(pod: &PodFacts, node: &Node, _: &Cluster) -> Result<(), Refusal> {
    let selected = pod.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    let required = &pod.affinity["nodeAffinity"][REQUIRED];
    if selected && (required.is_null() || matches_any(required, node)) {
        return Ok(());
    }
    refuse("node(s) didn't match Pod's node affinity/selector")
}

pub fn score(pod: &PodFacts, nodes: &[&Node], _: &Cluster) -> Vec<f64> {
    let preferred = list(&pod.affinity["nodeAffinity"], PREFERRED);
    let of = |node: &&Node| {
        let liked = preferred.iter().filter(|term| matches_term(&term["preference"], node));
        liked.map(|term| number(term, "weight") as f64).sum()
    };
    normalised(nodes.iter().map(of).collect())
}

/// A NodeSelector: one of its terms must match.
pub fn matches_any(selector: &Value, node: &Node) -> bool {
    list(selector, "nodeSelectorTerms").iter().any(|term| matches_term(term, node))
}

/// A term without requirements matches nothing, as upstream.
fn matches_term(term: &Value, node: &Node) -> bool {
    let expressions = list(term, "matchExpressions");
    let fields = list(term, "matchFields");
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|one| holds(one, node.labels.get(text(one, "key")).map(String::as_str)))
        && fields.iter().all(|one| text(one, "key") == "metadata.name" && holds(one, Some(&node.name)))
}

fn holds(requirement: &Value, found: Option<&str>) -> bool {
    let values: Vec<&str> = list(requirement, "values").iter().filter_map(Value::as_str).collect();
    let compared = || Some((found?.parse::<i64>().ok()?, values.first()?.parse::<i64>().ok()?));
    match text(requirement, "operator") {
        "In" => found.is_some_and(|found| values.contains(&found)),
        "NotIn" => !found.is_some_and(|found| values.contains(&found)),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compared().is_some_and(|(found, wanted)| found > wanted),
        "Lt" => compared().is_some_and(|(found, wanted)| found < wanted),
        _ => false,
    }
}
