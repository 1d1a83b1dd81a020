//! `apps/v1` ControllerRevision: a remembered state of a controller's spec.

use crate::KindDef;
use crate::cells::{AGE, NAME, column};
use crate::checks::immutable;
use crate::path::Path;
use crate::read::{flag, list, number, text};
use apimachinery::{Problems, Value};

pub const KIND: KindDef = KindDef {
    columns: &[
        NAME,
        column("Controller", "Controller of the object", |revision, _| controller(revision)),
        column("Revision", "Which of the controller's revisions this is.", |revision, _| {
            number(revision, "revision").into()
        }),
        AGE,
    ],
    validate,
    validate_update,
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

fn validate(revision: &Value, problems: &mut Problems) {
    if number(revision, "revision") < 0 {
        problems.invalid("revision", number(revision, "revision"), "must be greater than or equal to 0");
    }
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    immutable(&new["data"], &old["data"], Path::new("data"), problems);
}
