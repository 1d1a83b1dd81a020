//! `apps/v1` ControllerRevision: a remembered state of a controller's spec.

use crate::KindDef;
use crate::cells::{AGE, NAME, column};
use crate::read::{flag, list, number, text};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    columns: &[
        NAME,
        column("Controller", "Controller of the object", |revision, _| controller(revision)),
        column("Revision", "Which of the controller's revisions this is.", |revision, _| {
            number(revision, "revision").into()
        }),
        AGE,
    ],
    ..KindDef::new(
        ("apps", "v1", "ControllerRevision"),
        ("controllerrevisions", "controllerrevision"),
        "io.k8s.api.apps.v1.ControllerRevision",
    )
};

/// `daemonset.apps/web`, or `<none>`.
fn controller(revision: &Value) -> Value {
    let owners = list(&revision["metadata"], "ownerReferences");
    let Some(owner) = owners.iter().find(|owner| flag(owner, "controller")) else { return "<none>".into() };
    let kind = text(owner, "kind").to_lowercase();
    let name = text(owner, "name");
    match text(owner, "apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}").into(),
        None => format!("{kind}/{name}").into(),
    }
}
