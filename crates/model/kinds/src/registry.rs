//! The table of built-in kinds.

use crate::*;

/// All built-in kinds. A kind more is one file and one line here.
pub const ALL: &[&KindDef] = &[
    &corev1::namespace::KIND,
    &corev1::node::KIND,
    &corev1::pod::KIND,
    &corev1::config_map::KIND,
    &corev1::secret::KIND,
    &corev1::service::KIND,
    &corev1::endpoints::KIND,
    &corev1::event::KIND,
    &corev1::service_account::KIND,
    &corev1::persistent_volume::KIND,
    &corev1::persistent_volume_claim::KIND,
    &apps::controller_revision::KIND,
    &apps::deployment::KIND,
    &apps::replica_set::KIND,
    &batch::cron_job::KIND,
    &batch::cron_job_v1beta1::KIND,
    &batch::job::KIND,
    &rbac::cluster_role::KIND,
    &rbac::cluster_role_binding::KIND,
    &rbac::role::KIND,
    &rbac::role_binding::KIND,
    &storage::storage_class::KIND,
    &scheduling::priority_class::KIND,
    &coordination::lease::KIND,
    &discovery::endpoint_slice::KIND,
    &events::event::KIND,
    &authentication::self_subject_review::KIND,
    &authentication::token_review::KIND,
    &authorization::local_subject_access_review::KIND,
    &authorization::self_subject_access_review::KIND,
    &authorization::self_subject_rules_review::KIND,
    &authorization::subject_access_review::KIND,
    &apiextensions::custom_resource_definition::KIND,
];

#[cfg(test)]
mod tests {
    use super::*;
    use apimachinery::Value;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_well_formed() {
        let mut kinds = BTreeSet::new();
        let mut resources = BTreeSet::new();
        for def in ALL {
            assert!(kinds.insert((def.group, def.version, def.kind)), "{} twice", def.kind);
            assert!(resources.insert((def.group, def.version, def.plural)), "{} twice", def.plural);
            assert_eq!(def.singular, def.kind.to_lowercase());
            assert!(def.verbs.is_sorted(), "verbs of {}", def.kind);
            assert!(def.schema.ends_with(&format!(".{}.{}", def.version, def.kind)), "{}", def.schema);
            let home = ALL.iter().any(|other| (other.group, other.plural, other.version) == def.stored_as);
            assert!(home, "{} {} is stored as a kind that is not served", def.version, def.kind);
        }
    }

    #[test]
    fn columns_bear_an_empty_object() {
        for def in ALL {
            for column in def.columns {
                let cell = (column.cell)(&json!({}), &Now(0));
                assert!(cell.is_string() || cell.is_number() || cell.is_boolean(), "{} {}", def.kind, column.name);
            }
            let names = def.columns.iter().filter(|column| column.format == "name").count();
            assert_eq!(names, 1, "{} has one name", def.kind);
        }
    }

    #[test]
    fn defaults_and_strategies_bear_any_shape() {
        let shapes = [Value::Null, json!([]), json!({}), json!({"metadata": 1, "spec": "x", "status": []})];
        for def in ALL {
            for shape in &shapes {
                (def.set_defaults)(&mut shape.clone());
            }
        }
    }
}
