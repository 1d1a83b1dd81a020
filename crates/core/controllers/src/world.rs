//! A small cluster in memory for the controllers' tests: holds objects, executes actions, tells what was done.

use crate::{Action, Controller, Plan, View};
use apimachinery::{GroupVersionResource, Object, Value};
use json_patch::merge;
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::Timestamp;

#[derive(Default)]
pub struct World {
    objects: RefCell<BTreeMap<(GroupVersionResource, String), Arc<Object>>>,
    revision: RefCell<u64>,
    /// What the view says it shows, by resource; without an entry: everything.
    pub shown: RefCell<BTreeMap<GroupVersionResource, u64>>,
}

impl World {
    /// Puts an object in, as if a client had written it. Name and namespace `d` are the test's business; uid and
    /// revision are filled in.
    pub fn put(&self, of: &GroupVersionResource, mut value: Value) -> Arc<Object> {
        let revision = {
            let mut revision = self.revision.borrow_mut();
            *revision += 1;
            *revision
        };
        let metadata = &mut value["metadata"];
        if metadata["name"].is_null() {
            metadata["name"] = format!("{}{revision}", metadata["generateName"].as_str().unwrap_or("x-")).into();
        }
        if metadata["uid"].is_null() {
            metadata["uid"] = format!("uid-{revision}").into();
        }
        metadata["resourceVersion"] = revision.to_string().into();
        let object = Arc::new(Object::from_value(&value).unwrap());
        self.objects.borrow_mut().insert((of.clone(), object.key()), Arc::clone(&object));
        object
    }

    /// Changes an object as a merge patch would.
    pub fn patch(&self, of: &GroupVersionResource, key: &str, patch: &Value) {
        let old = self.get(of, key).unwrap_or_else(|| panic!("no {} {key}", of.resource));
        let mut value = old.to_value();
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        merge(&mut value, patch);
        self.put(of, value);
    }

    pub fn remove(&self, of: &GroupVersionResource, key: &str) {
        self.objects.borrow_mut().remove(&(of.clone(), key.to_owned()));
    }

    /// One round of a controller: executes its actions and returns them, a line each.
    pub fn round(&self, controller: &dyn Controller, key: &str, now: Timestamp) -> String {
        let plan = controller.reconcile(key, self, now);
        let lines: Vec<String> = plan.actions.iter().map(brief).collect();
        self.execute(plan);
        lines.join("\n")
    }

    pub fn execute(&self, plan: Plan) {
        for action in plan.actions {
            match action {
                Action::Create { of, body, namespace, .. } => {
                    let mut body = body;
                    if !namespace.is_empty() {
                        body["metadata"]["namespace"] = namespace.into();
                    }
                    self.put(of, body);
                }
                Action::Update { of, body, .. } => _ = self.put(of, body),
                Action::Patch { of, namespace, name, body, .. } => self.patch(of, &key(&namespace, &name), &body),
                Action::Delete { of, namespace, name, .. } => self.remove(of, &key(&namespace, &name)),
                Action::Event { .. } => {}
            }
        }
    }
}

impl View for World {
    fn get(&self, of: &GroupVersionResource, key: &str) -> Option<Arc<Object>> {
        self.objects.borrow().get(&(of.clone(), key.to_owned())).cloned()
    }

    fn list(&self, of: &GroupVersionResource, namespace: &str) -> Vec<Arc<Object>> {
        let objects = self.objects.borrow();
        let own = objects.iter().filter(|((resource, _), _)| resource == of).map(|(_, object)| object);
        own.filter(|object| namespace.is_empty() || object.head.namespace == namespace).cloned().collect()
    }

    fn owned_by(&self, of: &GroupVersionResource, uid: &str) -> Vec<Arc<Object>> {
        let all = self.list(of, "");
        all.into_iter().filter(|object| object.head.controller().map_or("", |owner| &owner.uid) == uid).collect()
    }

    fn revision(&self, of: &GroupVersionResource) -> u64 {
        self.shown.borrow().get(of).copied().unwrap_or(u64::MAX)
    }
}

fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// An action on one line: `create pods web-`, `patch replicasets/status web-1 {"replicas":2}`.
pub fn brief(action: &Action) -> String {
    match action {
        Action::Create { of, body, .. } => {
            let metadata = &body["metadata"];
            let name = metadata["name"].as_str().or(metadata["generateName"].as_str()).unwrap_or("?");
            format!("create {} {name}", of.resource)
        }
        Action::Update { of, subresource, body } => {
            format!("update {}/{subresource} {}", of.resource, body["metadata"]["name"].as_str().unwrap_or("?"))
        }
        Action::Patch { of, name, subresource, body, .. } => {
            let slash = if subresource.is_empty() { "" } else { "/" };
            let mut shown = body.get("spec").or(body.get("status")).cloned().unwrap_or(json!({}));
            if let Value::Object(fields) = &mut shown {
                fields.retain(|name, value| !value.is_null() && name != "conditions");
            }
            format!("patch {}{slash}{subresource} {name} {shown}", of.resource)
        }
        Action::Delete { of, name, .. } => format!("delete {} {name}", of.resource),
        Action::Event { reason, message, .. } => format!("event {reason}: {message}"),
    }
}
