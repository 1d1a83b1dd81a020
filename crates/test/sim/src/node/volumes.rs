//! The provisioner of one node: a claim gets a volume on the node of its first consumer.

use super::machine::Machine;
use crate::api::{Call, Tolerance, Verb};
use crate::ctx::{Ctx, Job, Me, Tag};
use crate::queue::{Outcome, Queue};
use crate::view::{Delta, Feeds};
use apimachinery::{GroupVersionResource as Gvr, Object, Value};
use controllers::volume_binding::{PROVISIONED_BY, PROVISIONER, SELECTED_NODE};
use kinds::resources::{PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES};
use serde_json::json;
use stdx::Timestamp;

pub const PROVISIONER_NAME: &str = "barque.io/local-path";

#[derive(Debug, Default)]
pub struct Provisioner {
    queue: Queue,
    has_begun: bool,
}

impl Provisioner {
    pub fn take_in(&mut self, of: &'static Gvr, delta: &Delta, feeds: &Feeds) {
        match delta {
            Delta::Change { new: Some(object), .. } => self.queue.add(format!("{}/{}", of.resource, object.key())),
            Delta::Change { .. } => {}
            Delta::Reset => self.add_all(feeds),
        }
    }

    fn add_all(&mut self, feeds: &Feeds) {
        for of in [&PERSISTENT_VOLUME_CLAIMS, &PERSISTENT_VOLUMES] {
            feeds.of(of).iter().for_each(|object| self.queue.add(format!("{}/{}", of.resource, object.key())));
        }
    }

    pub fn work(&mut self, feeds: &Feeds, machine: &Machine, ctx: &mut Ctx, me: Me) -> Option<Timestamp> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.add_all(feeds);
        }
        while let Some(key) = self.queue.take(ctx.now()) {
            let call = match key.split_once('/') {
                Some(("persistentvolumes", name)) => delete(feeds, name, machine),
                Some((_, name)) => provision(feeds, name, machine),
                None => None,
            };
            match call {
                Some(call) => ctx.start(Job::new(me, "local-path", Tag::Round { key, again: None }, vec![call])),
                None => self.queue.done(&key, ctx.now(), Outcome::Settled(None)),
            }
        }
        self.queue.next_due()
    }

    pub fn done(&mut self, key: &str, failed: bool, now: Timestamp) {
        self.queue.done(key, now, if failed { Outcome::Failed } else { Outcome::Settled(None) });
    }
}

fn provision(feeds: &Feeds, key: &str, machine: &Machine) -> Option<Call> {
    let object = feeds.of(&PERSISTENT_VOLUME_CLAIMS).get(key)?;
    let claim = object.to_value();
    let annotations = &claim["metadata"]["annotations"];
    let is_asked = annotations[PROVISIONER[0]] == PROVISIONER_NAME && annotations[SELECTED_NODE] == *machine.name;
    let is_bound = claim["spec"]["volumeName"].as_str().is_some_and(|name| !name.is_empty());
    let name = format!("pvc-{}", object.head.uid);
    let is_made = feeds.of(&PERSISTENT_VOLUMES).get(&name).is_some();
    if !is_asked || is_bound || is_made || object.head.is_deleting() {
        return None;
    }
    let body = volume(&name, object, &claim, machine);
    let create = Verb::Create { namespace: String::new(), body };
    Some(Call::new(&PERSISTENT_VOLUMES, create).tolerating(Tolerance::Exists))
}

fn volume(name: &str, object: &Object, claim: &Value, machine: &Machine) -> Value {
    let head = &object.head;
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER_NAME}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete", "storageClassName": claim["spec"]["storageClassName"],
            "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": head.namespace,
                "name": head.name, "uid": head.uid, "resourceVersion": head.revision.to_string(),
            },
            "local": {"path": format!("/data/{name}")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": [machine.name]},
            ]}]}},
        },
    })
}

/// A released volume of this machine's goes.
fn delete(feeds: &Feeds, name: &str, machine: &Machine) -> Option<Call> {
    let object = feeds.of(&PERSISTENT_VOLUMES).get(name)?;
    let volume = object.to_value();
    let terms = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
    let is_here = terms[0]["matchExpressions"][0]["values"][0] == *machine.name;
    let goes = volume["status"]["phase"] == "Released" && !object.head.is_deleting();
    (is_here && goes).then(|| Call::delete(&PERSISTENT_VOLUMES, object).tolerating(Tolerance::GoneOrOther))
}
