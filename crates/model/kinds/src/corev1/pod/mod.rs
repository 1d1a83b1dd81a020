//! `v1` Pod: containers that live and die together.

pub mod columns;
pub mod defaults;
pub mod facts;
pub mod resources;
pub mod strategy;
pub mod template_hash;
pub mod validate;
pub mod volume_defaults;

use crate::def::Part;
use crate::{KindDef, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["po"],
    categories: &["all"],
    subresources: &[
        Subresource::Special { name: "attach", kind: ("", "v1", "PodAttachOptions"), verbs: &["create", "get"] },
        Subresource::Special { name: "binding", kind: ("", "v1", "Binding"), verbs: &["create"] },
        Subresource::Special {
            name: "ephemeralcontainers",
            kind: ("", "v1", "Pod"),
            verbs: &["get", "patch", "update"],
        },
        Subresource::Special { name: "eviction", kind: ("policy", "v1", "Eviction"), verbs: &["create"] },
        Subresource::Special { name: "exec", kind: ("", "v1", "PodExecOptions"), verbs: &["create", "get"] },
        Subresource::Special { name: "log", kind: ("", "v1", "Pod"), verbs: &["get"] },
        Subresource::Special {
            name: "portforward",
            kind: ("", "v1", "PodPortForwardOptions"),
            verbs: &["create", "get"],
        },
        Subresource::Special {
            name: "proxy",
            kind: ("", "v1", "PodProxyOptions"),
            verbs: &["create", "delete", "get", "patch", "update"],
        },
        Subresource::Special { name: "resize", kind: ("", "v1", "Pod"), verbs: &["get", "patch", "update"] },
        Subresource::Status,
    ],
    selectable: &[
        ("spec.nodeName", "/spec/nodeName"),
        ("spec.restartPolicy", "/spec/restartPolicy"),
        ("spec.schedulerName", "/spec/schedulerName"),
        ("spec.serviceAccountName", "/spec/serviceAccountName"),
        ("spec.hostNetwork", "/spec/hostNetwork"),
        ("status.phase", "/status/phase"),
        ("status.podIP", "/status/podIP"),
        ("status.nominatedNodeName", "/status/nominatedNodeName"),
    ],
    generation: true,
    prepare: strategy::PREPARE,
    set_defaults: defaults::set_defaults,
    columns: columns::COLUMNS,
    validate: validate::validate,
    validate_update: validate::validate_update,
    parts: &[
        Part {
            name: "ephemeralcontainers",
            prepare: strategy::keep_all_but_ephemeral_containers,
            validate_update: validate::validate_ephemeral_containers_update,
        },
        Part { name: "resize", prepare: strategy::keep_all_but_resources, validate_update: validate::validate_resize },
    ],
    ..KindDef::new(("", "v1", "Pod"), ("pods", "pod"), "io.k8s.api.core.v1.Pod")
};
