//! An API that holds the objects a network follows and nothing else.

use apimachinery::{ApiError, ApiResult, EventType, GroupVersionResource, Object, Value, WatchEvent};
use async_trait::async_trait;
use client::api::{Discovered, WatchStream};
use client::{Api, DeleteOptions, ListOptions, ObjectList, PatchKind, Scope, WriteOptions, resources};
use futures_util::{StreamExt, stream};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;

pub struct Cluster {
    state: Mutex<State>,
    events: broadcast::Sender<(GroupVersionResource, WatchEvent)>,
}

#[derive(Default)]
struct State {
    revision: u64,
    history: Vec<(GroupVersionResource, WatchEvent)>,
    objects: BTreeMap<(String, String), Arc<Object>>,
}

impl Cluster {
    pub fn start() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), events: broadcast::Sender::new(20_000) })
    }

    pub fn apply(&self, of: &GroupVersionResource, mut object: Value) {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        object["metadata"]["resourceVersion"] = state.revision.to_string().into();
        let object = Arc::new(Object::from_value(&object).unwrap());
        let known = state.objects.insert((of.qualified(), object.key()), object.clone());
        let kind = if known.is_some() { EventType::Modified } else { EventType::Added };
        self.tell(&mut state, of, WatchEvent { kind, object });
    }

    fn tell(&self, state: &mut State, of: &GroupVersionResource, event: WatchEvent) {
        state.history.push((of.clone(), event.clone()));
        _ = self.events.send((of.clone(), event));
    }

    pub fn delete(&self, of: &GroupVersionResource, key: &str) {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        let object = state.objects.remove(&(of.qualified(), key.to_owned())).unwrap();
        let object = Arc::new(Object::from_bytes(object.bytes.clone(), state.revision).unwrap());
        self.tell(&mut state, of, WatchEvent { kind: EventType::Deleted, object });
    }

    /// A node with a range of pods and an InternalIP; empty: none. Its annotations stay.
    pub fn put_node(&self, name: &str, range: &str, address: &str) {
        let metadata = self.node(name).map(|node| node["metadata"].clone());
        let metadata = metadata.unwrap_or_else(|| json!({"name": name, "uid": format!("uid-{name}")}));
        let mut object = json!({"kind": "Node", "apiVersion": "v1", "metadata": metadata});
        if !range.is_empty() {
            object["spec"] = json!({"podCIDR": range, "podCIDRs": [range]});
        }
        if !address.is_empty() {
            object["status"] = json!({"addresses": [{"type": "InternalIP", "address": address}]});
        }
        self.apply(&resources::NODES, object);
    }

    pub fn pod(&self, name: &str, labels: Value, port: u16) {
        let metadata = json!({"name": name, "namespace": "default", "uid": format!("uid-{name}"), "labels": labels});
        let containers = json!([{"name": "c", "ports": [{"name": "http", "containerPort": port}]}]);
        let spec = json!({"containers": containers});
        self.apply(&resources::PODS, json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec}));
    }

    pub fn policy(&self, name: &str, app: &str, spec: Value) {
        let metadata = json!({"name": name, "namespace": "default", "uid": format!("uid-{name}")});
        let mut object = json!({"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "metadata": metadata});
        object["spec"] = spec;
        object["spec"]["podSelector"] = json!({"matchLabels": {"app": app}});
        self.apply(&resources::NETWORK_POLICIES, object);
    }

    pub fn node(&self, name: &str) -> Option<Value> {
        let state = self.state.lock().unwrap();
        let key = (resources::NODES.qualified(), name.to_owned());
        state.objects.get(&key).map(|node| node.to_value())
    }

    /// A Service in namespace `default`; `spec` is added to a spec of one TCP and one UDP port 80.
    pub fn service(&self, name: &str, ip: &str, spec: Value) {
        let mut object = json!({
            "kind": "Service", "apiVersion": "v1", "metadata": {"name": name, "namespace": "default"},
            "spec": {"clusterIP": ip, "clusterIPs": [ip], "ports": [
                {"name": "tcp", "port": 80, "protocol": "TCP"}, {"name": "udp", "port": 80, "protocol": "UDP"}]},
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            object["spec"][field] = value.clone();
        }
        self.apply(&resources::SERVICES, object);
    }

    /// Ready endpoints on this node.
    pub fn endpoints(&self, service: &str, addresses: &[Ipv4Addr], port: u16) {
        let endpoints: Vec<Value> = addresses
            .iter()
            .map(|ip| json!({"addresses": [ip], "nodeName": "n1", "conditions": {"ready": true}}))
            .collect();
        self.slice(service, json!(endpoints), port);
    }

    pub fn slice(&self, service: &str, endpoints: Value, port: u16) {
        let ports =
            ["TCP", "UDP"].map(|protocol| json!({"name": protocol.to_lowercase(), "port": port, "protocol": protocol}));
        let labels = json!({"kubernetes.io/service-name": service});
        let metadata = json!({"name": format!("{service}-1"), "namespace": "default", "labels": labels});
        let object = json!({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata,
            "addressType": "IPv4", "ports": ports, "endpoints": endpoints});
        self.apply(&resources::ENDPOINT_SLICES, object);
    }
}

fn unsupported<T>() -> ApiResult<T> {
    Err(ApiError::internal("this test's cluster can only be listed and watched"))
}

#[async_trait]
impl Api for Cluster {
    async fn list(&self, of: &GroupVersionResource, _: Scope<'_>, _: &ListOptions) -> ApiResult<ObjectList> {
        let state = self.state.lock().unwrap();
        let ours = state.objects.iter().filter(|((resource, _), _)| *resource == of.qualified());
        Ok(ObjectList { items: ours.map(|(_, object)| object.clone()).collect(), revision: state.revision })
    }

    async fn watch(
        &self,
        of: &GroupVersionResource,
        _: Scope<'_>,
        _: &ListOptions,
        revision: u64,
    ) -> ApiResult<WatchStream> {
        let state = self.state.lock().unwrap();
        let events = self.events.subscribe();
        let missed =
            state.history.iter().filter(|(resource, event)| resource == of && event.object.head.revision > revision);
        let missed: Vec<_> = missed.map(|(_, event)| Ok(event.clone())).collect();
        let of = of.clone();
        let later = stream::unfold((events, of), |(mut events, of)| async move {
            loop {
                let (resource, event) = events.recv().await.ok()?;
                if resource == of {
                    return Some((Ok(event), (events, of)));
                }
            }
        });
        Ok(Box::pin(stream::iter(missed).chain(later)))
    }

    async fn get(&self, _: &GroupVersionResource, _: &str, _: &str) -> ApiResult<Arc<Object>> {
        unsupported()
    }

    async fn create(&self, _: &GroupVersionResource, _: &str, _: Value, _: WriteOptions<'_>) -> ApiResult<Arc<Object>> {
        unsupported()
    }

    async fn update(
        &self,
        _: &GroupVersionResource,
        _: &str,
        _: &str,
        _: Value,
        _: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        unsupported()
    }

    async fn patch(
        &self,
        of: &GroupVersionResource,
        _: &str,
        name: &str,
        kind: PatchKind,
        body: Value,
        _: WriteOptions<'_>,
    ) -> ApiResult<Arc<Object>> {
        assert_eq!((of, kind), (&resources::NODES, PatchKind::Merge));
        let mut node = self.node(name).ok_or_else(|| ApiError::not_found(of, name))?;
        if body["metadata"]["uid"] != node["metadata"]["uid"] {
            return unsupported();
        }
        json_patch::merge(&mut node, &body);
        self.apply(of, node.clone());
        Ok(Arc::new(Object::from_value(&self.node(name).unwrap()).unwrap()))
    }

    async fn delete(&self, _: &GroupVersionResource, _: &str, _: &str, _: &DeleteOptions) -> ApiResult<()> {
        unsupported()
    }

    async fn discover(&self) -> ApiResult<Vec<Discovered>> {
        unsupported()
    }
}
