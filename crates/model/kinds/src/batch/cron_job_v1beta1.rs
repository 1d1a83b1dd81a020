//! `batch/v1beta1` CronJob: the same under its former version.

use super::cron_job;
use crate::{Deprecated, KindDef, Prepare, Subresource};

pub const KIND: KindDef = KindDef {
    short_names: &["cj"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    stored_as: ("batch", "cronjobs", "v1"),
    generation: true,
    prepare: Prepare::EMPTY_STATUS,
    to_stored: |cron| cron["apiVersion"] = "batch/v1".into(),
    from_stored: |cron| cron["apiVersion"] = "batch/v1beta1".into(),
    deprecated: Some(Deprecated { since: "v1.21", removed: "v1.25", replacement: "batch/v1 CronJob" }),
    set_defaults: cron_job::set_defaults,
    columns: cron_job::COLUMNS,
    validate: cron_job::validate,
    ..KindDef::new(("batch", "v1beta1", "CronJob"), ("cronjobs", "cronjob"), "io.k8s.api.batch.v1beta1.CronJob")
};
