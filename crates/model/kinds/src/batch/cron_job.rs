//! `batch/v1` CronJob: starts jobs at given times.

use super::job::set_job_spec_defaults;
use crate::cells::{
    AGE, NAME, boolean, column, containers, images, integer, of_containers, or_none, selector, since, wide, yes_no,
};
use crate::edit::{default, default_text, object};
use crate::read::{count, text};
use crate::{Column, KindDef, Prepare, Subresource};
use apimachinery::Value;

pub const KIND: KindDef = KindDef {
    short_names: &["cj"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    generation: true,
    prepare: Prepare::EMPTY_STATUS,
    set_defaults,
    columns: COLUMNS,
    ..KindDef::new(("batch", "v1", "CronJob"), ("cronjobs", "cronjob"), "io.k8s.api.batch.v1.CronJob")
};

pub const COLUMNS: &[Column] = &[
    NAME,
    column("Schedule", "When jobs are started, in cron format.", |cron, _| text(&cron["spec"], "schedule").into()),
    column("Timezone", "The time zone of the schedule.", |cron, _| or_none(&cron["spec"], "timeZone")),
    boolean("Suspend", "Whether no further jobs are started.", |cron, _| yes_no(&cron["spec"]["suspend"])),
    integer("Active", "Jobs that run now.", |cron, _| count(&cron["status"], "active").into()),
    column("Last Schedule", "When a job was last started.", |cron, now| {
        let last = &cron["status"]["lastScheduleTime"];
        if last.is_null() { "<none>".into() } else { since(last, *now).into() }
    }),
    AGE,
    containers(|cron, _| of_containers(&cron["spec"]["jobTemplate"]["spec"], "name")),
    images(|cron, _| of_containers(&cron["spec"]["jobTemplate"]["spec"], "image")),
    wide("Selector", "Which pods belong to the jobs.", |cron, _| {
        selector(&cron["spec"]["jobTemplate"]["spec"]["selector"]).into()
    }),
];

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
