//! `apps/v1` Deployment: rolls pods from one template to the next.

use super::rules;
use crate::cells::{AGE, NAME, SELECTOR, column, containers, images, integer, of_containers};
use crate::checks::{immutable_fields, number_or_percent, one_of};
use crate::corev1::pod::defaults::set_template_defaults;
use crate::corev1::pod::validate::selected_template;
use crate::edit::{default, default_text, object_or_new};
use crate::path::Path;
use crate::read::{has, number, text};
use crate::{KindDef, Prepare, Subresource};
use apimachinery::{Problems, Value};

pub const KIND: KindDef = KindDef {
    short_names: &["deploy"],
    categories: &["all"],
    subresources: &[
        Subresource::Scale {
            spec_replicas: "/spec/replicas",
            status_replicas: "/status/replicas",
            selector: "/spec/selector",
        },
        Subresource::Status,
    ],
    generation: true,
    prepare: Prepare::STATUS_AND_LABELS,
    set_defaults,
    columns: &[
        NAME,
        column("Ready", "Number of the pod with ready state", |deployment, _| {
            let (spec, status) = (&deployment["spec"], &deployment["status"]);
            format!("{}/{}", number(status, "readyReplicas"), number(spec, "replicas")).into()
        }),
        integer("Up-to-date", "Pods of the newest template.", |deployment, _| {
            number(&deployment["status"], "updatedReplicas").into()
        }),
        integer("Available", "Pods that have been ready for long enough.", |deployment, _| {
            number(&deployment["status"], "availableReplicas").into()
        }),
        AGE,
        containers(|deployment, _| of_containers(&deployment["spec"], "name")),
        images(|deployment, _| of_containers(&deployment["spec"], "image")),
        SELECTOR,
    ],
    validate,
    validate_update,
    ..KindDef::new(("apps", "v1", "Deployment"), ("deployments", "deployment"), "io.k8s.api.apps.v1.Deployment")
};

fn set_defaults(deployment: &mut Value) {
    let Some(spec) = object_or_new(deployment, "spec") else { return };
    default(spec, "replicas", 1);
    if let Some(strategy) = object_or_new(spec, "strategy") {
        default_text(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = object_or_new(strategy, "rollingUpdate")
        {
            default(rolling, "maxUnavailable", "25%");
            default(rolling, "maxSurge", "25%");
        }
    }
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "progressDeadlineSeconds", 600);
    set_template_defaults(spec);
}

fn validate(deployment: &Value, problems: &mut Problems) {
    let spec = &deployment["spec"];
    rules::counts(deployment, problems);
    selected_template(spec, problems);
    strategy(&spec["strategy"], rules::SPEC.field("strategy"), problems);
    let (deadline, ready) = (number(spec, "progressDeadlineSeconds"), number(spec, "minReadySeconds"));
    if has(spec, "progressDeadlineSeconds") && deadline <= ready {
        let at = rules::SPEC.field("progressDeadlineSeconds");
        problems.invalid(at, deadline, "must be greater than minReadySeconds");
    }
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    immutable_fields(&new["spec"], &old["spec"], &["selector"], rules::SPEC, problems);
}

fn strategy(strategy: &Value, at: Path, problems: &mut Problems) {
    one_of(strategy, "type", at, &["Recreate", "RollingUpdate"], problems);
    let rolling = &strategy["rollingUpdate"];
    match text(strategy, "type") {
        "Recreate" if rolling.is_object() => {
            problems.forbidden(at.field("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'");
        }
        "RollingUpdate" => rolling_update(rolling, at.field("rollingUpdate"), problems),
        _ => {}
    }
}

/// Something must be allowed to move: either fewer pods for a while, or more.
fn rolling_update(rolling: &Value, at: Path, problems: &mut Problems) {
    for field in ["maxUnavailable", "maxSurge"] {
        number_or_percent(&rolling[field], at.field(field), problems);
    }
    if number_of(&rolling["maxUnavailable"]) == 0 && number_of(&rolling["maxSurge"]) == 0 {
        let value = rolling["maxUnavailable"].clone();
        problems.invalid(at.field("maxUnavailable"), value, "may not be 0 when `maxSurge` is 0");
    }
    if number_of(&rolling["maxUnavailable"]) > 100 && rolling["maxUnavailable"].is_string() {
        let value = rolling["maxUnavailable"].clone();
        problems.invalid(at.field("maxUnavailable"), value, "must not be greater than 100%");
    }
}

fn number_of(value: &Value) -> i64 {
    match value {
        Value::String(percent) => percent.trim_end_matches('%').parse().unwrap_or(0),
        other => other.as_i64().unwrap_or(0),
    }
}
