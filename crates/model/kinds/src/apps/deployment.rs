//! `apps/v1` Deployment: rolls pods from one template to the next.

use crate::cells::{AGE, NAME, SELECTOR, column, containers, images, integer, of_containers};
use crate::corev1::pod::defaults::set_template_defaults;
use crate::edit::{default, default_text, object, object_or_new};
use crate::read::{number, text};
use crate::{KindDef, Prepare, Subresource};
use apimachinery::Value;

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
    ..KindDef::new(("apps", "v1", "Deployment"), ("deployments", "deployment"), "io.k8s.api.apps.v1.Deployment")
};

fn set_defaults(deployment: &mut Value) {
    let Some(spec) = object(deployment, "spec") else { return };
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
