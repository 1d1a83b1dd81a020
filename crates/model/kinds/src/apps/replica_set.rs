//! `apps/v1` ReplicaSet: keeps a number of identical pods running.

use super::rules;
use crate::cells::{AGE, NAME, SELECTOR, containers, images, integer, of_containers};
use crate::checks::immutable_fields;
use crate::corev1::pod::defaults::set_template_defaults;
use crate::corev1::pod::validate::selected_template;
use crate::edit::{default, object_or_new};
use crate::read::number;
use crate::{KindDef, Prepare, Subresource};
use apimachinery::{Problems, Value};
use serde_json::json;

pub const KIND: KindDef = KindDef {
    short_names: &["rs"],
    categories: &["all"],
    subresources: &[
        Subresource::Scale {
            spec_replicas: "/spec/replicas",
            status_replicas: "/status/replicas",
            selector: "/spec/selector",
        },
        Subresource::Status,
    ],
    selectable: &[("status.replicas", "/status/replicas")],
    generation: true,
    prepare: Prepare { create: |set| set["status"] = json!({"replicas": 0}), ..Prepare::STATUS },
    set_defaults,
    columns: &[
        NAME,
        integer("Desired", "Pods wanted.", |set, _| number(&set["spec"], "replicas").into()),
        integer("Current", "Pods there are.", |set, _| number(&set["status"], "replicas").into()),
        integer("Ready", "Pods that are ready.", |set, _| number(&set["status"], "readyReplicas").into()),
        AGE,
        containers(|set, _| of_containers(&set["spec"], "name")),
        images(|set, _| of_containers(&set["spec"], "image")),
        SELECTOR,
    ],
    validate,
    validate_update,
    ..KindDef::new(("apps", "v1", "ReplicaSet"), ("replicasets", "replicaset"), "io.k8s.api.apps.v1.ReplicaSet")
};

fn set_defaults(set: &mut Value) {
    if let Some(spec) = object_or_new(set, "spec") {
        default(spec, "replicas", 1);
        set_template_defaults(spec);
    }
}

fn validate(set: &Value, problems: &mut Problems) {
    rules::counts(set, problems);
    selected_template(&set["spec"], problems);
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    immutable_fields(&new["spec"], &old["spec"], &["selector"], rules::SPEC, problems);
}
