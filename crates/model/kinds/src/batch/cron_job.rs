//! `batch/v1` CronJob: starts jobs at given times.

use super::job::set_job_spec_defaults;
use crate::edit::{default, default_text, object};
use crate::{KindDef, Prepare, Subresource};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["cj"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    generation: true,
    prepare: Prepare::STATUS,
    set_defaults,
    ..KindDef::new(("batch", "v1", "CronJob"), ("cronjobs", "cronjob"), "io.k8s.api.batch.v1.CronJob")
};

pub fn set_defaults(cron: &mut Value) {
    let Some(spec) = object(cron, "spec") else { return };
    default_text(spec, "concurrencyPolicy", "Allow");
    default(spec, "suspend", false);
    default(spec, "successfulJobsHistoryLimit", 3);
    default(spec, "failedJobsHistoryLimit", 1);
    if let Some(template) = object(spec, "jobTemplate") {
        default(template, "metadata", serde_json::Map::new());
        if let Some(job) = object(template, "spec") {
            set_job_spec_defaults(job);
        }
    }
}
