//! Pods that stand for parts of this very program, so that who looks for etcd or the scheduler by name finds them: what the
//! kubelet calls mirror pods. Nothing is run for them.
//!
//! Upstream: `pkg/kubelet/pod/mirror_client.go`, kubeadm's static pods.

use crate::agent::Agent;
use apimachinery::{ApiResult, Value};
use client::{DeleteOptions, Object, PatchKind, Scope, WriteOptions, resources};
use memchr::memmem;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const NAMESPACE: &str = "kube-system";
/// Drains, and who deletes pods by their owners, leave pods with it alone.
const MIRROR: &str = "kubernetes.io/config.mirror";
/// After a failed write; the API may be starting.
const RETRY: Duration = Duration::from_secs(2);

/// A part of this program, shown as the pod `<name>-<node>` in kube-system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticView {
    /// The name people look for: `etcd`, `kube-apiserver`.
    pub name: &'static str,
    /// Its label `tier`: `control-plane` or `node`.
    pub tier: &'static str,
}

/// Whether the pod is one that nothing is run for.
pub(crate) fn is_view(pod: &Object) -> bool {
    memmem::find(&pod.bytes, MIRROR.as_bytes()).is_some()
        && pod.to_value()["metadata"]["annotations"][MIRROR].is_string()
}

/// Keeps them there, and well, as long as the agent runs.
pub(crate) async fn run(agent: Arc<Agent>) {
    let stop = agent.stop.clone();
    stop.run_until_cancelled(keep(&agent)).await;
}

async fn keep(agent: &Agent) {
    let mut changes = agent.pods.subscribe();
    agent.pods.wait_for(1).await;
    loop {
        let kept = keep_all(agent).await;
        if let Err(error) = &kept {
            tracing::debug!(%error, "the views of this program's parts are out of date; will try again");
        }
        let changed = async {
            loop {
                match changes.next().await {
                    Some(client::Delta::Change { old, new }) => {
                        if old.or(new).is_some_and(|pod| is_view(&pod)) {
                            return;
                        }
                    }
                    Some(client::Delta::Reset) => return,
                    None => std::future::pending().await,
                }
            }
        };
        match kept {
            Ok(()) => changed.await,
            Err(_) => _ = tokio::time::timeout(RETRY, changed).await,
        }
    }
}

async fn keep_all(agent: &Agent) -> ApiResult<()> {
    if agent.config.static_views.is_empty() {
        return Ok(());
    }
    let node = agent.api.get(&resources::NODES, "", &agent.config.node_name).await?;
    let present = agent.pods.list(Scope::Namespace(NAMESPACE));
    for view in &agent.config.static_views {
        let name = format!("{}-{}", view.name, agent.config.node_name);
        let found = present.iter().find(|pod| pod.head.name == name).map(|pod| pod.to_value());
        keep_one(agent, view, &name, &node.head.uid, found).await?;
    }
    Ok(())
}

async fn keep_one(agent: &Agent, view: &StaticView, name: &str, owner: &str, found: Option<Value>) -> ApiResult<()> {
    let api = &agent.api;
    let options = |subresource| WriteOptions { subresource, field_manager: "kubelet" };
    let is_current = |pod: &Value| {
        pod["metadata"]["deletionTimestamp"].is_null() && pod["metadata"]["ownerReferences"][0]["uid"] == owner
    };
    let pod = match found {
        Some(pod) if is_current(&pod) => pod,
        found => {
            if found.is_some() {
                // Nothing has to end: it goes at once. Somebody else may have been faster.
                let at_once = DeleteOptions { grace_seconds: Some(0), ..DeleteOptions::default() };
                match api.delete(&resources::PODS, NAMESPACE, name, &at_once).await {
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => {}
                }
            }
            match api.create(&resources::PODS, NAMESPACE, object(agent, view, name, owner), options("")).await {
                // The next change tells.
                Err(error) if error.is_already_exists() => return Ok(()),
                made => made?.to_value(),
            }
        }
    };
    if is_well(&pod) {
        return Ok(());
    }
    let status = json!({"status": status(agent, view, &pod)});
    api.patch(&resources::PODS, NAMESPACE, name, PatchKind::Merge, status, options("status")).await.map(drop)
}

fn is_well(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    pod["status"]["phase"] == "Running"
        && conditions.clone().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn image() -> String {
    format!("barque:{}", env!("CARGO_PKG_VERSION"))
}

fn object(agent: &Agent, view: &StaticView, name: &str, owner: &str) -> Value {
    let node = &agent.config.node_name;
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": NAMESPACE,
            "labels": {"component": view.name, "tier": view.tier},
            "annotations": {MIRROR: owner, "kubernetes.io/config.source": "file"},
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Node", "name": node, "uid": owner, "controller": true}
            ],
        },
        "spec": {
            "nodeName": node, "hostNetwork": true, "enableServiceLinks": false,
            "automountServiceAccountToken": false, "priorityClassName": "system-node-critical",
            "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
            "containers": [{"name": view.name, "image": image(), "command": ["barque", "server"]}],
        },
    })
}

fn status(agent: &Agent, view: &StaticView, pod: &Value) -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let address = agent.config.addresses.first().map(ToString::to_string).unwrap_or_default();
    let began = pod["status"]["startTime"].as_str().unwrap_or(&now);
    let conditions: Vec<Value> =
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
            .iter()
            .map(|kind| json!({"type": kind, "status": "True", "lastTransitionTime": now}))
            .collect();
    json!({
        "phase": "Running", "hostIP": address, "hostIPs": [{"ip": address}], "podIP": address,
        "podIPs": [{"ip": address}], "startTime": began, "qosClass": "BestEffort", "conditions": conditions,
        "containerStatuses": [{
            "name": view.name, "image": image(), "imageID": "", "ready": true, "started": true, "restartCount": 0,
            "state": {"running": {"startedAt": began}},
        }],
    })
}
