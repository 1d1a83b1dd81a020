//! ServiceAccount controller: every live namespace has the account `default`, and the cluster's CA for its pods.
//!
//! Upstream: `pkg/controller/serviceaccount/serviceaccounts_controller.go`, `pkg/controller/certificates/rootcacertpublisher`.

use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{GroupVersionResource, Object, Value};
use kinds::resources::{CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS};
use serde_json::json;
use stdx::Timestamp;

const DEFAULT: &str = "default";
const ROOT_CA: &str = "kube-root-ca.crt";

/// What the certificate is for.
const DESCRIPTION: [&str; 2] = [
    "kubernetes.io/description",
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the \
     internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes \
     clusters.",
];

pub struct ServiceAccounts;

/// Publishes this certificate (PEM) in every namespace.
pub struct RootCa(pub String);

impl Controller for ServiceAccounts {
    fn name(&self) -> &'static str {
        "service-account-controller"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&NAMESPACES, &SERVICE_ACCOUNTS] }
    }

    fn affected(&self, change: Change<'_>, _: &dyn View) -> Vec<String> {
        namespace_of(change, &SERVICE_ACCOUNTS, DEFAULT)
    }

    fn reconcile(&self, key: &str, view: &dyn View, _: Timestamp) -> Plan {
        if !is_live(view, key) || view.get(&SERVICE_ACCOUNTS, &format!("{key}/{DEFAULT}")).is_some() {
            return Plan::rest();
        }
        let body =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": DEFAULT, "namespace": key}});
        Plan::of(vec![Action::Create { of: &SERVICE_ACCOUNTS, namespace: key.to_owned(), body, announce: None }])
    }
}

impl Controller for RootCa {
    fn name(&self) -> &'static str {
        "root-ca-certificate-publisher"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&NAMESPACES, &CONFIG_MAPS] }
    }

    fn affected(&self, change: Change<'_>, _: &dyn View) -> Vec<String> {
        namespace_of(change, &CONFIG_MAPS, ROOT_CA)
    }

    fn reconcile(&self, key: &str, view: &dyn View, _: Timestamp) -> Plan {
        if !is_live(view, key) {
            return Plan::rest();
        }
        let data = json!({"ca.crt": self.0});
        let Some(existing) = view.get(&CONFIG_MAPS, &format!("{key}/{ROOT_CA}")) else {
            return Plan::of(vec![publish(key, data)]);
        };
        let mut body = existing.to_value();
        let is_told = body["metadata"]["annotations"][DESCRIPTION[0]] == DESCRIPTION[1];
        if body["data"] == data && is_told {
            return Plan::rest();
        }
        // As a whole: what else somebody put in goes.
        body["data"] = data;
        body["metadata"]["annotations"][DESCRIPTION[0]] = DESCRIPTION[1].into();
        Plan::of(vec![Action::Update { of: &CONFIG_MAPS, subresource: "", body }])
    }
}

fn publish(namespace: &str, data: Value) -> Action {
    let body = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": ROOT_CA, "namespace": namespace, "annotations": {DESCRIPTION[0]: DESCRIPTION[1]}},
    });
    Action::Create { of: &CONFIG_MAPS, namespace: namespace.to_owned(), body, announce: None }
}

fn is_live(view: &dyn View, namespace: &str) -> bool {
    view.get(&NAMESPACES, namespace).is_some_and(|namespace| !namespace.head.is_deleting())
}

/// The namespace whose object of this name changed.
fn namespace_of(change: Change<'_>, of: &GroupVersionResource, name: &str) -> Vec<String> {
    let object = change.object().filter(|object: &&Object| change.of == of && object.head.name == name);
    object.map(|object| object.head.namespace.clone()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[test]
    fn every_namespace_gets_its_account_and_certificate_once() {
        let world = World::default();
        world.put(&NAMESPACES, json!({"metadata": {"name": "a"}}));
        let now = Timestamp::default();
        assert_eq!(world.round(&ServiceAccounts, "a", now), "create serviceaccounts default");
        assert_eq!(world.round(&ServiceAccounts, "a", now), "");
        let ca = RootCa("one".into());
        assert_eq!(world.round(&ca, "a", now), "create configmaps kube-root-ca.crt");
        assert_eq!(world.round(&ca, "a", now), "");
        world.patch(
            &CONFIG_MAPS,
            "a/kube-root-ca.crt",
            &json!({"data": {"other": "x"}, "metadata": {"annotations": null}}),
        );
        assert_eq!(world.round(&ca, "a", now), "update configmaps/ kube-root-ca.crt");
        assert_eq!(world.get(&CONFIG_MAPS, "a/kube-root-ca.crt").unwrap().to_value()["data"], json!({"ca.crt": "one"}));
        assert_eq!(world.round(&ca, "a", now), "");
        assert_eq!(world.round(&RootCa("two".into()), "a", now), "update configmaps/ kube-root-ca.crt");
    }

    #[test]
    fn a_namespace_that_ends_gets_nothing() {
        let world = World::default();
        world.put(&NAMESPACES, json!({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}));
        assert_eq!(world.round(&ServiceAccounts, "a", Timestamp::default()), "");
    }
}
