//! What is true of a cluster at rest: it is what its objects say.

mod around;

use crate::api::SERVED;
use crate::world::World;

use apimachinery::{GroupVersionResource as Gvr, Object, Value};
use kinds::resources::{DEPLOYMENTS, JOBS, NODES, PERSISTENT_VOLUME_CLAIMS, PODS, REPLICA_SETS};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All objects, read once.
struct Scene<'a> {
    world: &'a World,
    pods: Vec<(Arc<Object>, Value)>,
    problems: Vec<String>,
}

/// Everything that is not as it should be.
pub fn problems(world: &World) -> Vec<String> {
    let pods = world.ctx.api.list(&PODS, "").into_iter().map(|pod| (Arc::clone(&pod), pod.to_value()));
    let mut scene = Scene { world, pods: pods.collect(), problems: Vec::new() };
    scene.nothing_is_left();
    scene.nodes();
    scene.pods();
    scene.machines();
    scene.sets();
    scene.deployments();
    scene.jobs();
    scene.services();
    scene.namespaces();
    scene.volumes();
    scene.problems
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or_default()
}

fn has_ended(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn is_true(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|own| own["type"] == condition && own["status"] == "True")
}

/// The claims that a pod uses.
fn claims(pod: &Value) -> impl Iterator<Item = &str> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
}

impl Scene<'_> {
    fn say(&mut self, of: &Gvr, object: &Object, what: impl std::fmt::Display) {
        self.problems.push(format!("{} {}: {what}", of.resource, object.key()));
    }

    fn list(&self, of: &Gvr) -> Vec<(Arc<Object>, Value)> {
        self.world.ctx.api.list(of, "").into_iter().map(|object| (Arc::clone(&object), object.to_value())).collect()
    }

    /// What is being deleted goes; what is owned has its owner.
    fn nothing_is_left(&mut self) {
        let api = &self.world.ctx.api;
        let uids: BTreeSet<String> =
            SERVED.iter().flat_map(|of| api.shelf(of).values().map(|object| object.head.uid.clone())).collect();
        for of in SERVED {
            for object in api.list(of, "") {
                if object.head.is_deleting() && !self.is_in_use(of, &object) {
                    let finalizers = object.head.finalizers.join(", ");
                    self.say(of, &object, format!("is being deleted for ever (finalizers: {finalizers})"));
                }
                let owners = &object.head.owner_references;
                if let Some(lost) = owners.iter().find(|owner| !uids.contains(&owner.uid)) {
                    self.say(of, &object, format!("its owner {} {} is gone", lost.kind, lost.name));
                }
            }
        }
    }

    /// A claim that a user deleted stays for as long as pods that have a node use it: they may be users' pods of hours.
    fn is_in_use(&self, of: &Gvr, object: &Object) -> bool {
        let uses = |pod: &&(Arc<Object>, Value)| {
            let (head, pod) = (&pod.0.head, &pod.1);
            let is_there = pod["spec"]["nodeName"].is_string() && !has_ended(pod);
            is_there && head.namespace == object.head.namespace && claims(pod).any(|claim| claim == object.head.name)
        };
        *of == PERSISTENT_VOLUME_CLAIMS && self.pods.iter().any(|pod| uses(&pod))
    }

    fn nodes(&mut self) {
        let mut ranges = BTreeMap::new();
        for (object, node) in self.list(&NODES) {
            if !is_true(&node, "Ready") {
                self.say(&NODES, &object, "is not ready");
            }
            if let Some(taints) = node["spec"]["taints"].as_array().filter(|taints| !taints.is_empty()) {
                self.say(&NODES, &object, format!("has taints {}", Value::from(taints.clone())));
            }
            match node["spec"]["podCIDR"].as_str() {
                None => self.say(&NODES, &object, "has no range"),
                Some(range) => {
                    if let Some(other) = ranges.insert(range.to_owned(), object.key()) {
                        self.say(&NODES, &object, format!("has the range of {other}"));
                    }
                }
            }
            let placed = self.pods.iter().filter(|(_, pod)| pod["spec"]["nodeName"] == *object.head.name);
            let live = placed.filter(|(_, pod)| !has_ended(pod)).count();
            if live > 40 {
                self.say(&NODES, &object, format!("has {live} pods"));
            }
        }
        let wanted = self.world.stations.iter().filter(|station| !station.is_removed).count();
        let present = self.world.ctx.api.shelf(&NODES).len();
        if wanted != present {
            self.problems.push(format!("{present} nodes, not {wanted}"));
        }
    }

    fn pods(&mut self) {
        let ready_nodes = self.list(&NODES);
        let mut found = Vec::new();
        for (object, pod) in self.pods.iter().filter(|(_, pod)| !has_ended(pod)) {
            let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
            if !self.can_be_placed(object, pod) {
                continue;
            }
            if !ready_nodes.iter().any(|(own, _)| own.head.name == node) {
                found.push((Arc::clone(object), format!("is on node {node:?}, which is not there")));
            }
            if phase(pod) != "Running" || !is_true(pod, "Ready") {
                found.push((
                    Arc::clone(object),
                    format!("is {:?}, not Running and ready: {}", phase(pod), pod["status"]),
                ));
            }
        }
        for (object, what) in found {
            self.say(&PODS, &object, what);
        }
    }

    /// Not if a claim that it needs is gone or going: users may delete it.
    fn can_be_placed(&self, object: &Object, pod: &Value) -> bool {
        claims(pod).all(|claim| {
            let found = self.world.ctx.api.get(&PERSISTENT_VOLUME_CLAIMS, &object.head.namespace, claim);
            found.is_ok_and(|claim| !claim.head.is_deleting() && claim.to_value()["status"]["phase"] != "Lost")
        })
    }

    /// What runs is what should, on each machine.
    fn machines(&mut self) {
        let mut places = BTreeMap::new();
        for station in &self.world.stations {
            for uid in station.machine.running() {
                if let Some(other) = places.insert(uid.clone(), station.machine.name.clone()) {
                    self.problems.push(format!("pod {uid} runs on {} and {other}", station.machine.name));
                }
                let pod = self.pods.iter().find(|(object, _)| object.head.uid == *uid);
                if !pod.is_some_and(|(_, pod)| pod["spec"]["nodeName"] == *station.machine.name) {
                    self.problems.push(format!("{} runs a pod that is not its own: {uid}", station.machine.name));
                }
            }
        }
    }

    fn owned(&self, owner: &Object) -> impl Iterator<Item = &(Arc<Object>, Value)> {
        let is_ours =
            move |pod: &&(Arc<Object>, Value)| pod.0.head.controller().is_some_and(|own| own.uid == owner.head.uid);
        self.pods.iter().filter(is_ours)
    }

    fn sets(&mut self) {
        for (object, set) in self.list(&REPLICA_SETS) {
            let wanted = number(&set["spec"]["replicas"]);
            let live: Vec<bool> =
                self.owned(&object).filter(|(_, pod)| !has_ended(pod)).map(|(_, pod)| is_true(pod, "Ready")).collect();
            let ready = live.iter().filter(|ready| **ready).count() as i64;
            let told = |field: &str| number(&set["status"][field]);
            if live.len() as i64 != wanted {
                self.say(&REPLICA_SETS, &object, format!("{} pods, not {wanted}", live.len()));
            }
            if (told("replicas"), told("readyReplicas"), told("availableReplicas")) != (wanted, ready, ready) {
                self.say(&REPLICA_SETS, &object, format!("says {} for {ready} of {wanted} ready", set["status"]));
            }
            if told("observedGeneration") != object.head.generation {
                self.say(&REPLICA_SETS, &object, "has not seen its last change");
            }
        }
    }

    fn deployments(&mut self) {
        for (object, deployment) in self.list(&DEPLOYMENTS) {
            let wanted = number(&deployment["spec"]["replicas"]);
            let sets = self.list(&REPLICA_SETS);
            let ours =
                |set: &&(Arc<Object>, Value)| set.0.head.controller().is_some_and(|owner| owner.uid == object.head.uid);
            let sets: Vec<&(Arc<Object>, Value)> = sets.iter().filter(ours).collect();
            let sizes: Vec<i64> = sets.iter().map(|(_, set)| number(&set["spec"]["replicas"])).collect();
            let can_run =
                sets.iter().all(|(set, _)| self.owned(set).all(|(pod, value)| self.can_be_placed(pod, value)));
            if can_run && (sizes.iter().sum::<i64>() != wanted || sizes.iter().filter(|size| **size > 0).count() > 1) {
                self.say(&DEPLOYMENTS, &object, format!("wants {wanted}, its sets {sizes:?}"));
            }
            let kept = number(&deployment["spec"]["revisionHistoryLimit"]) as usize;
            if can_run && sets.len() > kept + 1 {
                self.say(&DEPLOYMENTS, &object, format!("keeps {} sets beside the {kept} of its history", sets.len()));
            }
            let told = |field: &str| number(&deployment["status"][field]);
            let is_done = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
                .iter()
                .all(|field| told(field) == wanted);
            if can_run && !is_done {
                self.say(&DEPLOYMENTS, &object, format!("wants {wanted} and says {}", deployment["status"]));
            }
            if told("observedGeneration") != object.head.generation {
                self.say(&DEPLOYMENTS, &object, "has not seen its last change");
            }
        }
    }

    fn jobs(&mut self) {
        for (object, job) in self.list(&JOBS) {
            let (complete, failed) = (is_true(&job, "Complete"), is_true(&job, "Failed"));
            if complete == failed {
                self.say(&JOBS, &object, format!("has not ended: {}", job["status"]));
                continue;
            }
            let wanted = number(&job["spec"]["completions"]);
            let succeeded = number(&job["status"]["succeeded"]);
            if complete && succeeded != wanted {
                self.say(&JOBS, &object, format!("is complete with {succeeded} of {wanted}"));
            }
            let left = &job["status"]["uncountedTerminatedPods"];
            let counts =
                ["succeeded", "failed"].iter().map(|of| left[of].as_array().map_or(0, Vec::len)).sum::<usize>();
            if counts > 0 || number(&job["status"]["active"]) > 0 {
                self.say(&JOBS, &object, format!("has ended, and yet: {}", job["status"]));
            }
        }
        let mut found = Vec::new();
        for (object, pod) in &self.pods {
            let is_held = object.head.finalizers.iter().any(|held| held.contains("job-tracking"));
            let is_of_job = object.head.controller().is_some_and(|owner| owner.kind == "Job");
            if is_held || (is_of_job && !has_ended(pod)) {
                found.push(Arc::clone(object));
            }
        }
        for pod in found {
            self.say(&PODS, &pod, "is of a Job, and has not ended or is not counted");
        }
    }
}
