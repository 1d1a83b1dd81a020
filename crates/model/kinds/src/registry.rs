//! The table of built-in kinds.

use crate::*;

/// All built-in kinds. A kind more is one file and one line here.
pub const ALL: &[&KindDef] = &[
    &corev1::namespace::KIND,
    &corev1::node::KIND,
    &corev1::pod::KIND,
    &corev1::pod_template::KIND,
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
    &certificates::certificate_signing_request::KIND,
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
    &networking::network_policy::KIND,
    &metrics::node_metrics::KIND,
    &metrics::pod_metrics::KIND,
];

#[cfg(test)]
mod tests;
