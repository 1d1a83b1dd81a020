//! `batch/v1` CronJob: starts jobs at given times.

use super::job::set_job_spec_defaults;
use super::rules;
use super::schedule::Schedule;
use crate::cells::{
    AGE, NAME, boolean, column, containers, images, integer, of_containers, or_none, selector, since, wide, yes_no,
};
use crate::checks::{annotations, labels, non_negative, one_of};
use crate::edit::{default, default_text, object_or_new};
use crate::path::Path;
use crate::read::{count, flag, has, text};
use crate::{Column, KindDef, Prepare, Subresource};
use apimachinery::{Problems, Value};
use jiff::tz::TimeZone;

pub const KIND: KindDef = KindDef {
    short_names: &["cj"],
    categories: &["all"],
    subresources: &[Subresource::Status],
    generation: true,
    prepare: Prepare::EMPTY_STATUS,
    set_defaults,
    columns: COLUMNS,
    validate,
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
    let Some(spec) = object_or_new(cron, "spec") else { return };
    default_text(spec, "concurrencyPolicy", "Allow");
    default(spec, "suspend", false);
    default(spec, "successfulJobsHistoryLimit", 3);
    default(spec, "failedJobsHistoryLimit", 1);
    if let Some(template) = object_or_new(spec, "jobTemplate") {
        default(template, "metadata", serde_json::Map::new());
        if let Some(job) = object_or_new(template, "spec") {
            set_job_spec_defaults(job);
        }
    }
}

const SPEC: Path = Path::new("spec");

/// The controller appends eleven characters to make names of jobs, and those have 63 at most.
const MAX_NAME: usize = 52;

pub fn validate(cron: &Value, problems: &mut Problems) {
    let (name, spec) = (text(&cron["metadata"], "name"), &cron["spec"]);
    if name.len() > MAX_NAME {
        problems.invalid("metadata.name", name, &format!("must be no more than {MAX_NAME} characters"));
    }
    schedule(spec, problems);
    time_zone(spec, problems);
    let counts = ["startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"];
    non_negative(spec, &counts, SPEC, problems);
    one_of(spec, "concurrencyPolicy", SPEC, &["Allow", "Forbid", "Replace"], problems);
    let at = SPEC.field("jobTemplate");
    let template = &spec["jobTemplate"];
    labels(&template["metadata"], "labels", at.field("metadata"), problems);
    annotations(&template["metadata"], "annotations", at.field("metadata"), problems);
    let (job, at) = (&template["spec"], at.field("spec"));
    rules::job_spec(job, at, problems);
    if has(job, "selector") {
        problems.invalid(at.field("selector"), job["selector"].clone(), "`selector` will be auto-generated");
    }
    if flag(job, "manualSelector") {
        problems.not_supported(at.field("manualSelector"), true, &["nil", "false"]);
    }
}

fn schedule(spec: &Value, problems: &mut Problems) {
    let at = SPEC.field("schedule");
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        return problems.required(at, "");
    }
    if schedule.contains("TZ") {
        let message = if has(spec, "timeZone") {
            "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        } else {
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        };
        return problems.invalid(at, schedule, message);
    }
    if let Err(why) = Schedule::parse(schedule) {
        problems.invalid(at, schedule, &why);
    }
}

fn time_zone(spec: &Value, problems: &mut Problems) {
    let Some(zone) = spec.get("timeZone").and_then(Value::as_str) else { return };
    let at = SPEC.field("timeZone");
    if zone.is_empty() {
        problems.invalid(at, zone, "timeZone must be nil or non-empty string");
    } else if zone.eq_ignore_ascii_case("local") {
        let message = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        problems.invalid(at, zone, message);
    } else if TimeZone::get(zone).is_err() {
        problems.invalid(at, zone, &format!("unknown time zone {zone}"));
    }
}
