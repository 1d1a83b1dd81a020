//! Bootstrap tokens: expired ones go, and `kube-public/cluster-info` is signed with those that are for it, so that a
//! machine that was told a token knows the cluster by it.
//!
//! Upstream: `pkg/controller/bootstrap` (token-cleaner, bootstrap-signer).

use crate::{Action, Change, Controller, Plan, View, Wanted};
use apimachinery::{Object, Value};
use kinds::corev1::bootstrap_token::{BootstrapToken, NAME_PREFIX, NAMESPACE};
use kinds::resources::{CONFIG_MAPS, NAMESPACES, SECRETS};
use serde_json::{Map, json};
use std::sync::Arc;
use std::time::Duration;
use stdx::Timestamp;

const PUBLIC: &str = "kube-public";
const NAME: &str = "cluster-info";
const KUBECONFIG: &str = "kubeconfig";
const SIGNATURE: &str = "jws-kubeconfig-";

pub struct TokenCleaner;

/// What is published about the cluster.
#[derive(Debug, Clone)]
pub struct ClusterInfo {
    /// Written where there is none yet; what somebody put there later is signed and left.
    pub kubeconfig: String,
    /// The signature of a text by a token's id and secret.
    pub sign: fn(text: &str, id: &str, secret: &str) -> String,
}

pub struct BootstrapSigner(pub ClusterInfo);

impl Controller for TokenCleaner {
    fn name(&self) -> &'static str {
        "token-cleaner"
    }

    fn reads(&self) -> &'static [Wanted] {
        const { &[&SECRETS] }
    }

    fn affected(&self, _: Change<'_>, _: &dyn View) -> Vec<String> {
        Vec::new()
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        if !is_token(key) {
            return Plan::rest();
        }
        let Some(object) = view.get(&SECRETS, key).filter(|object| !object.head.is_deleting()) else {
            return Plan::rest();
        };
        match BootstrapToken::read(&object.to_value()) {
            Some(token) if token.is_expired(now.secs()) => Plan::of(vec![Action::delete(&SECRETS, &object)]),
            Some(token) => Plan { actions: Vec::new(), again: token.expires.map(|end| until(end, now)) },
            None => Plan::rest(),
        }
    }
}

impl Controller for BootstrapSigner {
    fn name(&self) -> &'static str {
        "bootstrap-signer"
    }

    /// The key is the namespace: the ConfigMap may be missing.
    fn reads(&self) -> &'static [Wanted] {
        const { &[&NAMESPACES, &CONFIG_MAPS, &SECRETS] }
    }

    fn affected(&self, change: Change<'_>, _: &dyn View) -> Vec<String> {
        let concerns = change.object().is_some_and(|object| {
            let key = object.key();
            (change.of == &SECRETS && is_token(&key)) || (change.of == &CONFIG_MAPS && key == key_of_info())
        });
        if concerns { vec![PUBLIC.to_owned()] } else { Vec::new() }
    }

    fn reconcile(&self, key: &str, view: &dyn View, now: Timestamp) -> Plan {
        let is_live = view.get(&NAMESPACES, key).is_some_and(|namespace| !namespace.head.is_deleting());
        if key != PUBLIC || !is_live {
            return Plan::rest();
        }
        let tokens = tokens(view, now);
        let ends = tokens.iter().filter_map(|token| token.expires).map(|end| until(end, now));
        let again = ends.min();
        let actions = match view.get(&CONFIG_MAPS, &key_of_info()) {
            Some(existing) => self.sign_anew(&existing, &tokens).into_iter().collect(),
            None => vec![self.publish(&tokens)],
        };
        Plan { actions, again }
    }
}

impl BootstrapSigner {
    fn publish(&self, tokens: &[BootstrapToken]) -> Action {
        let mut data = self.signatures(&self.0.kubeconfig, tokens);
        data.insert(KUBECONFIG.to_owned(), self.0.kubeconfig.as_str().into());
        let metadata = json!({"name": NAME, "namespace": PUBLIC});
        let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        Action::Create { of: &CONFIG_MAPS, namespace: PUBLIC.to_owned(), body, announce: None }
    }

    /// Only what differs; signatures that no token stands for any more go.
    fn sign_anew(&self, existing: &Arc<Object>, tokens: &[BootstrapToken]) -> Option<Action> {
        let value = existing.to_value();
        let text = value["data"][KUBECONFIG].as_str().unwrap_or_default();
        let mut wanted = Map::new();
        let signed = if text.is_empty() {
            wanted.insert(KUBECONFIG.to_owned(), self.0.kubeconfig.as_str().into());
            self.0.kubeconfig.as_str()
        } else {
            text
        };
        wanted.extend(self.signatures(signed, tokens));
        for key in value["data"].as_object().into_iter().flat_map(Map::keys) {
            if key.starts_with(SIGNATURE) && !wanted.contains_key(key) {
                wanted.insert(key.clone(), Value::Null);
            }
        }
        wanted.retain(|key, wish| value["data"].get(key).unwrap_or(&Value::Null) != wish);
        (!wanted.is_empty()).then(|| Action::patch_seen(&CONFIG_MAPS, existing, "", json!({"data": wanted})))
    }

    fn signatures(&self, text: &str, tokens: &[BootstrapToken]) -> Map<String, Value> {
        let signed = |token: &BootstrapToken| {
            (format!("{SIGNATURE}{}", token.id), (self.0.sign)(text, &token.id, &token.secret).into())
        };
        tokens.iter().map(signed).collect()
    }
}

/// Those that sign, now.
fn tokens(view: &dyn View, now: Timestamp) -> Vec<BootstrapToken> {
    let secrets = view.list(&SECRETS, NAMESPACE).into_iter();
    let secrets = secrets.filter(|object| is_token(&object.key()) && !object.head.is_deleting());
    let tokens = secrets.filter_map(|object| BootstrapToken::read(&object.to_value()));
    tokens.filter(|token| token.signing && !token.is_expired(now.secs())).collect()
}

fn is_token(key: &str) -> bool {
    key.strip_prefix(NAMESPACE)
        .and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(|name| name.starts_with(NAME_PREFIX))
}

fn key_of_info() -> String {
    format!("{PUBLIC}/{NAME}")
}

fn until(end: i64, now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(end - now.secs()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    /// 2026-01-01T00:00:00Z
    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

    fn signer() -> BootstrapSigner {
        let sign = |text: &str, id: &str, secret: &str| format!("{text} by {id}.{secret}");
        BootstrapSigner(ClusterInfo { kubeconfig: "here".to_owned(), sign })
    }

    fn token(world: &World, id: &str, extra: Value) {
        let mut secret = json!({
            "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": format!("bootstrap-token-{id}"), "namespace": "kube-system"},
            "stringData": {"token-id": id, "token-secret": "0123456789abcdef"},
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            secret["stringData"][key] = value.clone();
        }
        (kinds::corev1::secret::KIND.set_defaults)(&mut secret);
        world.put(&SECRETS, secret);
    }

    fn info(world: &World) -> Value {
        world.get(&CONFIG_MAPS, "kube-public/cluster-info").unwrap().to_value()["data"].clone()
    }

    #[test]
    fn the_cluster_is_signed_by_each_token_for_it() {
        let world = World::default();
        world.put(&NAMESPACES, json!({"metadata": {"name": "kube-public"}}));
        let (signer, signs) = (signer(), json!({"usage-bootstrap-signing": "true"}));
        token(&world, "aaaaaa", signs.clone());
        token(&world, "bbbbbb", json!({"usage-bootstrap-authentication": "true"}));
        signer.round(&world);
        assert_eq!(
            info(&world),
            json!({"kubeconfig": "here", "jws-kubeconfig-aaaaaa": "here by aaaaaa.0123456789abcdef"})
        );
        assert_eq!(world.round(&signer, "kube-public", NOW), "", "and that is all");

        token(&world, "cccccc", signs);
        world.remove(&SECRETS, "kube-system/bootstrap-token-aaaaaa");
        world.patch(&CONFIG_MAPS, "kube-public/cluster-info", &json!({"data": {"kubeconfig": "there"}}));
        signer.round(&world);
        let after = json!({"kubeconfig": "there", "jws-kubeconfig-cccccc": "there by cccccc.0123456789abcdef"});
        assert_eq!(info(&world), after);
        assert_eq!(world.round(&signer, "kube-public", NOW), "");
    }

    impl BootstrapSigner {
        fn round(&self, world: &World) {
            world.round(self, "kube-public", NOW);
        }
    }

    #[test]
    fn tokens_end() {
        let world = World::default();
        world.put(&NAMESPACES, json!({"metadata": {"name": "kube-public"}}));
        let (signs, end) = ("usage-bootstrap-signing", "2026-01-01T00:01:00Z");
        token(&world, "aaaaaa", json!({signs: "true", "expiration": end}));
        token(&world, "bbbbbb", json!({}));
        let minute = Duration::from_secs(60);
        for key in ["kube-system/bootstrap-token-aaaaaa", "kube-system/bootstrap-token-bbbbbb", "default/other"] {
            let plan = TokenCleaner.reconcile(key, &world, NOW);
            assert!(plan.actions.is_empty());
            assert_eq!(plan.again, key.ends_with("aaaaaa").then_some(minute), "{key}");
        }
        let signer = signer();
        assert_eq!(signer.reconcile("kube-public", &world, NOW).again, Some(minute));
        signer.round(&world);
        world.round(&signer, "kube-public", NOW + minute);
        assert_eq!(info(&world), json!({"kubeconfig": "here"}), "no signature outlives its token");
        let gone = world.round(&TokenCleaner, "kube-system/bootstrap-token-aaaaaa", NOW + minute);
        assert_eq!(gone, "delete secrets bootstrap-token-aaaaaa");
    }
}
