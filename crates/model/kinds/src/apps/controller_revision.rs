//! `apps/v1` ControllerRevision: a remembered state of a controller's spec.

use crate::KindDef;

pub const KIND: KindDef = KindDef {
    ..KindDef::new(
        ("apps", "v1", "ControllerRevision"),
        ("controllerrevisions", "controllerrevision"),
        "io.k8s.api.apps.v1.ControllerRevision",
    )
};
