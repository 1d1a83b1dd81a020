//! The ReplicaSet of the present template: found or created, its revision kept the highest.

use super::sets::{Set, Sets, event, sizes};
use super::{HASH, HISTORY, KIND, REVISION, Round};
use crate::Action;
use apimachinery::Value;
use kinds::corev1::pod::template_hash::template_hash;
use kinds::resources::{DEPLOYMENTS, REPLICA_SETS};
use serde_json::json;

/// Annotations of the Deployment that are not the template's business. Upstream: `annotationsToSkip`.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    HISTORY,
    super::DESIRED,
    super::MAXIMUM,
];

/// Makes sure the new set exists and carries the newest revision. Without it the round can only create it.
pub fn ensure(round: &Round<'_>, sets: &mut Sets, replicas: i32) -> Vec<Action> {
    let revision = sets.old.iter().map(Set::revision).max().unwrap_or(0) + 1;
    let mut actions = Vec::new();
    match &sets.new {
        Some(new) => {
            let revision = new.revision().max(revision);
            actions.extend(keep_up(round, new, revision));
            actions.extend(note_revision(round, revision));
            if !super::status::has_progressing(round) {
                sets.told = Some(("FoundNewReplicaSet", format!("Found new replica set {:?}", new.name())));
            }
        }
        None => actions.extend(create(round, sets, revision, replicas)),
    }
    actions
}

/// What of the Deployment the set follows: annotations, and how long pods must be ready.
fn keep_up(round: &Round<'_>, new: &Set, revision: i64) -> Option<Action> {
    let mut annotations = copied_annotations(round);
    if new.revision() != revision {
        if let Some(before) = new.annotation(REVISION) {
            let earlier = new.annotation(HISTORY).filter(|earlier| !earlier.is_empty());
            annotations[HISTORY] = earlier.map_or(before.to_owned(), |earlier| format!("{earlier},{before}")).into();
        }
        annotations[REVISION] = revision.to_string().into();
    }
    let fields = annotations.as_object_mut()?;
    fields.retain(|name, value| new.annotation(name) != value.as_str());
    let mut body = json!({});
    if !fields.is_empty() {
        body["metadata"] = json!({"annotations": annotations});
    }
    let min_ready = round.deployment.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
    if new.min_ready_seconds() != min_ready {
        body["spec"] = json!({"minReadySeconds": min_ready});
    }
    (body != json!({})).then(|| new.patch(body))
}

/// What the set of the present template is called.
pub fn name(round: &Round<'_>) -> String {
    format!("{}-{}", round.object.head.name, hash(round, &round.object.to_value()["spec"]["template"]))
}

fn hash(round: &Round<'_>, template: &Value) -> String {
    let collisions = collisions(round);
    template_hash(template, (collisions > 0).then_some(i64::from(collisions)))
}

fn collisions(round: &Round<'_>) -> i32 {
    round.deployment.status.as_ref().and_then(|status| status.collision_count).unwrap_or(0)
}

fn create(round: &Round<'_>, sets: &mut Sets, revision: i64, replicas: i32) -> Vec<Action> {
    let deployment = round.object.to_value();
    let template = &deployment["spec"]["template"];
    let collisions = collisions(round);
    let hash = hash(round, template);
    let name = format!("{}-{hash}", round.object.head.name);
    if round.view.get(&REPLICA_SETS, &format!("{}/{name}", round.object.head.namespace)).is_some() {
        // Somebody else's set, or ours of another template, has this name: the next hash will differ.
        let body = json!({"status": {"collisionCount": collisions + 1}});
        return vec![Action::patch(&DEPLOYMENTS, &round.object, "status", body)];
    }
    let mut annotations = copied_annotations(round);
    annotations[REVISION] = revision.to_string().into();
    for (key, value) in sizes(round).as_object().into_iter().flatten() {
        annotations[key] = value.clone();
    }
    let mut template = template.clone();
    template["metadata"]["labels"][HASH] = hash.clone().into();
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = hash.into();
    let body = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": round.object.head.namespace, "labels": template["metadata"]["labels"],
            "annotations": annotations, "ownerReferences": [KIND.reference(&round.object)],
        },
        "spec": {
            "replicas": replicas, "selector": selector, "template": template,
            "minReadySeconds": deployment["spec"].get("minReadySeconds"),
        },
    });
    sets.told = Some(("NewReplicaSetCreated", format!("Created new replica set {name:?}")));
    let create =
        Action::Create { of: &REPLICA_SETS, namespace: round.object.head.namespace.clone(), body, announce: None };
    let mut actions = vec![create];
    if replicas > 0 {
        let message = format!("Scaled up replica set {name} from 0 to {replicas}");
        actions.push(event(round, "ScalingReplicaSet", message));
    }
    actions.extend(note_revision(round, revision));
    actions
}

fn copied_annotations(round: &Round<'_>) -> Value {
    let annotations = round.deployment.metadata.annotations.iter().flatten();
    let copied = annotations.filter(|(name, _)| !NOT_COPIED.contains(&name.as_str()));
    copied.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<serde_json::Map<_, _>>().into()
}

/// `kubectl rollout history` reads the Deployment's own annotation too.
fn note_revision(round: &Round<'_>, revision: i64) -> Option<Action> {
    let annotations = round.deployment.metadata.annotations.as_ref();
    let noted = annotations.and_then(|all| all.get(REVISION)).is_some_and(|text| *text == revision.to_string());
    let body = || json!({"metadata": {"annotations": {REVISION: revision.to_string()}}});
    (!noted).then(|| Action::patch(&DEPLOYMENTS, &round.object, "", body()))
}
