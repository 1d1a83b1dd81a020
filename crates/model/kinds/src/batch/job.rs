//! `batch/v1` Job: runs pods until enough have succeeded.

use crate::corev1::pod::defaults::set_template_defaults;
use crate::edit::{default, default_text, each, object};
use crate::read::{has, is_empty};
use crate::{KindDef, Prepare, Subresource};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    categories: &["all"],
    subresources: &[Subresource::Status],
    selectable: &[("status.successful", "/status/successful")],
    generation: true,
    prepare: Prepare::STATUS,
    set_defaults,
    ..KindDef::new(("batch", "v1", "Job"), ("jobs", "job"), "io.k8s.api.batch.v1.Job")
};

fn set_defaults(job: &mut Value) {
    let labels = job["spec"]["template"]["metadata"]["labels"].clone();
    if labels.is_object()
        && is_empty(&job["metadata"], "labels")
        && let Some(metadata) = object(job, "metadata")
    {
        metadata["labels"] = labels;
    }
    if let Some(spec) = object(job, "spec") {
        // A work queue has no number of completions, but its parallelism is 1 unless written.
        if !has(spec, "completions") && !has(spec, "parallelism") {
            default(spec, "completions", 1);
        }
        default(spec, "parallelism", 1);
        set_job_spec_defaults(spec);
        default(spec, "completionMode", "NonIndexed");
        default(spec, "suspend", false);
        let per_index = has(spec, "backoffLimitPerIndex");
        default(spec, "backoffLimit", if per_index { i64::from(i32::MAX) } else { 6 });
        let with_policy = has(spec, "podFailurePolicy");
        default(spec, "podReplacementPolicy", if with_policy { "Failed" } else { "TerminatingOrFailed" });
        default(spec, "manualSelector", false);
    }
}

/// What the job template of a CronJob gets too.
pub fn set_job_spec_defaults(spec: &mut Value) {
    set_template_defaults(spec);
    if let Some(policy) = object(spec, "podFailurePolicy") {
        each(policy, "rules", |rule| {
            each(rule, "onPodConditions", |pattern| default_text(pattern, "status", "True"));
        });
    }
}
