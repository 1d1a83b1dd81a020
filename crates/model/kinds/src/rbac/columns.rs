//! Columns of role bindings.

use crate::cells::{AGE, NAME, column, wide};
use crate::def::Column;
use crate::read::{list, text};
use apimachinery::Value;

pub const BINDING: &[Column] = &[
    NAME,
    column("Role", "The role that is given.", |binding, _| {
        let role = &binding["roleRef"];
        format!("{}/{}", text(role, "kind"), text(role, "name")).into()
    }),
    AGE,
    wide("Users", "Users in the roleBinding", |binding, _| subjects(binding, "User")),
    wide("Groups", "Groups in the roleBinding", |binding, _| subjects(binding, "Group")),
    wide("ServiceAccounts", "ServiceAccounts in the roleBinding", |binding, _| subjects(binding, "ServiceAccount")),
];

fn subjects(binding: &Value, kind: &str) -> Value {
    let found = list(binding, "subjects").iter().filter(|subject| text(subject, "kind") == kind);
    let shown = found.map(|subject| match text(subject, "namespace") {
        namespace if kind == "ServiceAccount" && !namespace.is_empty() => {
            format!("{namespace}/{}", text(subject, "name"))
        }
        _ => text(subject, "name").to_owned(),
    });
    shown.collect::<Vec<_>>().join(", ").into()
}
