//! InterPodAffinity: near some pods, far from others, by the domains of a node label; both ways for "far".

use super::{Refusal, crowded, normalised, refuse};
use crate::{Cluster, Node, PodFacts};
use apimachinery::Value;
use apimachinery::selector::label::LabelSelector;
use kinds::read::{has, list, number, text};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// One term, ready to match, as seen by the pod that has it.
struct Term<'a> {
    owner: &'a PodFacts,
    selector: LabelSelector,
    namespaces: Vec<&'a str>,
    /// None: the listed namespaces only (or the owner's own).
    namespace_selector: Option<LabelSelector>,
    topology_key: &'a str,
}

pub fn filter(pod: &PodFacts, node: &Node, cluster: &Cluster) -> Result<(), Refusal> {
    let wanted = terms(pod, "podAffinity");
    if !wanted.is_empty() && !all_near(&wanted, node, cluster) && !is_first_of_its_group(&wanted, pod, node, cluster) {
        return refuse("node(s) didn't match pod affinity rules");
    }
    for term in terms(pod, "podAntiAffinity") {
        if near(&term, node, cluster) {
            return crowded("node(s) didn't match pod anti-affinity rules");
        }
    }
    let others = cluster.pods().filter(|(_, other)| has(&other.affinity, "podAntiAffinity"));
    for (their_node, other) in others {
        let repelled = terms(other, "podAntiAffinity");
        if repelled.iter().any(|term| same_domain(term.topology_key, their_node, node) && term.matches(pod, cluster)) {
            return crowded("node(s) didn't satisfy existing pods anti-affinity rules");
        }
    }
    Ok(())
}

pub fn score(pod: &PodFacts, nodes: &[&Node], cluster: &Cluster) -> Vec<f64> {
    let wish = |kind: &str, node: &Node| -> f64 {
        let preferred = list(&pod.affinity[kind], PREFERRED).iter();
        let met = preferred.filter(|one| near(&term(pod, &one["podAffinityTerm"]), node, cluster));
        met.map(|one| number(one, "weight") as f64).sum()
    };
    let raw: Vec<f64> = nodes.iter().map(|node| wish("podAffinity", node) - wish("podAntiAffinity", node)).collect();
    let least = raw.iter().copied().fold(0.0, f64::min);
    normalised(raw.into_iter().map(|score| score - least).collect())
}

/// Whether each term has in its domain a pod that all terms mean: as upstream, terms describe one group of pods.
fn all_near(terms: &[Term<'_>], node: &Node, cluster: &Cluster) -> bool {
    let meant: Vec<&Node> = meant(terms, cluster).collect();
    terms.iter().all(|term| meant.iter().any(|theirs| same_domain(term.topology_key, theirs, node)))
}

/// Nodes of the pods that all terms match.
fn meant<'a>(terms: &[Term<'_>], cluster: &'a Cluster) -> impl Iterator<Item = &'a Node> {
    let matching = cluster.pods().filter(|(_, other)| terms.iter().all(|term| term.matches(other, cluster)));
    matching.map(|(node, _)| node)
}

/// The first pod of a group that wants to be near its own kind may go anywhere that has the labels.
fn is_first_of_its_group(terms: &[Term<'_>], pod: &PodFacts, node: &Node, cluster: &Cluster) -> bool {
    meant(terms, cluster).next().is_none()
        && terms.iter().all(|term| term.matches(pod, cluster) && node.labels.contains_key(term.topology_key))
}

/// Whether a pod that matches is in the node's domain.
fn near(term: &Term<'_>, node: &Node, cluster: &Cluster) -> bool {
    cluster.pods().any(|(theirs, other)| same_domain(term.topology_key, theirs, node) && term.matches(other, cluster))
}

fn same_domain(key: &str, a: &Node, b: &Node) -> bool {
    a.labels.get(key).is_some_and(|domain| b.labels.get(key) == Some(domain))
}

fn terms<'a>(pod: &'a PodFacts, kind: &str) -> Vec<Term<'a>> {
    list(&pod.affinity[kind], REQUIRED).iter().map(|value| term(pod, value)).collect()
}

fn term<'a>(owner: &'a PodFacts, value: &'a Value) -> Term<'a> {
    let read = |selector: &Value| LabelSelector::from_value(selector).unwrap_or_else(|_| LabelSelector::nothing());
    Term {
        owner,
        selector: read(&value["labelSelector"]),
        namespaces: list(value, "namespaces").iter().filter_map(Value::as_str).collect(),
        namespace_selector: has(value, "namespaceSelector").then(|| read(&value["namespaceSelector"])),
        topology_key: text(value, "topologyKey"),
    }
}

impl Term<'_> {
    fn matches(&self, pod: &PodFacts, cluster: &Cluster) -> bool {
        self.covers(&pod.namespace, cluster) && self.selector.matches(&pod.labels)
    }

    fn covers(&self, namespace: &str, cluster: &Cluster) -> bool {
        let selected = self
            .namespace_selector
            .as_ref()
            .is_some_and(|selector| cluster.namespace_labels(namespace).is_some_and(|labels| selector.matches(labels)));
        let own = self.namespaces.is_empty() && self.namespace_selector.is_none();
        selected || self.namespaces.contains(&namespace) || (own && self.owner.namespace == namespace)
    }
}
