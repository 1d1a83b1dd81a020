//! `batch/v1` Job: runs pods until enough have succeeded.

use super::rules;
use crate::cells::{AGE, NAME, SELECTOR, column, containers, human, images, of_containers, seconds};
use crate::checks::{immutable, immutable_fields, label_selector, selects};
use crate::corev1::pod::defaults::set_template_defaults;
use crate::def::Now;
use crate::edit::{default, default_text, each, object, object_or_new};
use crate::path::Path;
use crate::prepare::{empty_status, keep};
use crate::read::{flag, has, is_empty, list, number, text};
use crate::{KindDef, Prepare, Subresource};
use apimachinery::{Problems, Value};

pub const KIND: KindDef = KindDef {
    categories: &["all"],
    subresources: &[Subresource::Status],
    selectable: &[("status.successful", "/status/successful")],
    generation: true,
    prepare: Prepare { create, ..Prepare::EMPTY_STATUS },
    set_defaults,
    columns: &[
        NAME,
        column("Status", "Status of the job.", |job, _| status(job).into()),
        column("Completions", "Pods that succeeded, of those wanted.", |job, _| completions(job).into()),
        column("Duration", "Time required to complete the job.", |job, now| duration(&job["status"], *now).into()),
        AGE,
        containers(|job, _| of_containers(&job["spec"], "name")),
        images(|job, _| of_containers(&job["spec"], "image")),
        SELECTOR,
    ],
    validate,
    validate_update,
    ..KindDef::new(("batch", "v1", "Job"), ("jobs", "job"), "io.k8s.api.batch.v1.Job")
};

fn set_defaults(job: &mut Value) {
    take_labels_of_pods(job);
    if let Some(spec) = object_or_new(job, "spec") {
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

fn status(job: &Value) -> &'static str {
    /// The first of these conditions that is true is the job's state; a deletion stands between.
    const ENDED: [&str; 2] = ["Complete", "Failed"];
    const UNDER_WAY: [&str; 3] = ["Suspended", "FailureTarget", "SuccessCriteriaMet"];
    let conditions = list(&job["status"], "conditions");
    let holds = |kind: &&&str| {
        conditions.iter().any(|condition| text(condition, "type") == **kind && text(condition, "status") == "True")
    };
    if let Some(state) = ENDED.iter().find(holds) {
        return state;
    }
    if has(&job["metadata"], "deletionTimestamp") {
        return "Terminating";
    }
    UNDER_WAY.iter().find(holds).copied().unwrap_or("Running")
}

fn completions(job: &Value) -> String {
    let (spec, succeeded) = (&job["spec"], number(&job["status"], "succeeded"));
    let parallelism = number(spec, "parallelism");
    if has(spec, "completions") {
        format!("{succeeded}/{}", number(spec, "completions"))
    } else if parallelism > 1 {
        format!("{succeeded}/1 of {parallelism}")
    } else {
        format!("{succeeded}/1")
    }
}

fn duration(status: &Value, now: Now) -> String {
    match (seconds(&status["startTime"]), seconds(&status["completionTime"])) {
        (None, _) => String::new(),
        (Some(start), None) => human(now.0 - start),
        (Some(start), Some(end)) => human(end - start),
    }
}

/// Ties pods to their job, under a name of ours and the one of old.
pub const CONTROLLER_UID_LABELS: [&str; 2] = ["batch.kubernetes.io/controller-uid", "controller-uid"];
/// Tells pods' job by name, under a name of ours and the one of old.
pub const JOB_NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];

fn create(job: &mut Value) {
    empty_status(job);
    if !flag(&job["spec"], "manualSelector") {
        select_own_pods(job);
        take_labels_of_pods(job);
    }
}

/// A job without labels has those of its pods.
fn take_labels_of_pods(job: &mut Value) {
    let labels = job["spec"]["template"]["metadata"]["labels"].clone();
    if labels.is_object()
        && is_empty(&job["metadata"], "labels")
        && let Some(metadata) = object(job, "metadata")
    {
        metadata["labels"] = labels;
    }
}

/// Makes the selector and the labels of the pods from the job's uid. What the client wrote stays; validation
/// refuses what does not fit.
fn select_own_pods(job: &mut Value) {
    let name = text(&job["metadata"], "name").to_owned();
    let uid = text(&job["metadata"], "uid").to_owned();
    let Some(spec) = object(job, "spec") else { return };
    if let Some(labels) = object_or_new(spec, "template")
        .and_then(|template| object_or_new(template, "metadata"))
        .and_then(|metadata| object_or_new(metadata, "labels"))
    {
        JOB_NAME_LABELS.iter().for_each(|label| default(labels, label, name.as_str()));
        CONTROLLER_UID_LABELS.iter().for_each(|label| default(labels, label, uid.as_str()));
    }
    if let Some(matching) = object_or_new(spec, "selector").and_then(|selector| object_or_new(selector, "matchLabels"))
    {
        default(matching, CONTROLLER_UID_LABELS[0], uid);
    }
}

const SPEC: Path = Path::new("spec");

fn validate(job: &Value, problems: &mut Problems) {
    let spec = &job["spec"];
    rules::job_spec(spec, SPEC, problems);
    if !has(spec, "selector") {
        problems.required(SPEC.field("selector"), "");
    }
    label_selector(&spec["selector"], SPEC.field("selector"), problems);
    let labels = &spec["template"]["metadata"]["labels"];
    let at = Path::new("spec.template.metadata.labels");
    if has(spec, "selector") && !selects(&spec["selector"], labels) {
        problems.invalid(at, labels.clone(), "`selector` does not match template `labels`");
    }
    if !flag(spec, "manualSelector") {
        let (name, uid) = (text(&job["metadata"], "name"), text(&job["metadata"], "uid"));
        CONTROLLER_UID_LABELS.iter().for_each(|label| must_be(labels, label, uid, at, problems));
        JOB_NAME_LABELS.iter().for_each(|label| must_be(labels, label, name, at, problems));
        if text(&spec["selector"]["matchLabels"], CONTROLLER_UID_LABELS[0]) != uid
            && text(&spec["selector"]["matchLabels"], CONTROLLER_UID_LABELS[1]) != uid
        {
            problems.invalid(SPEC.field("selector"), spec["selector"].clone(), "`selector` not auto-generated");
        }
    }
}

/// A label that the server sets and nobody else.
fn must_be(labels: &Value, label: &str, value: &str, at: Path, problems: &mut Problems) {
    let message = format!("must be '{value}'");
    match labels.get(label).and_then(Value::as_str) {
        None => problems.required(at.key(label), &message),
        Some(found) if found != value => problems.invalid(at.key(label), found, &message),
        Some(_) => {}
    }
}

fn validate_update(new: &Value, old: &Value, problems: &mut Problems) {
    let (new_spec, old_spec) = (&new["spec"], &old["spec"]);
    if !rules::is_elastic(new_spec, old_spec) {
        immutable_fields(new_spec, old_spec, &["completions"], SPEC, problems);
    }
    let fixed =
        ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"];
    immutable_fields(new_spec, old_spec, &fixed, SPEC, problems);
    let mut template = new_spec["template"].clone();
    // As long as no pod was started, whoever queues the job may say where its pods go.
    if flag(old_spec, "suspend") && !has(&old["status"], "startTime") {
        let old = &old_spec["template"];
        for field in ["labels", "annotations"] {
            keep(&mut template["metadata"], &old["metadata"], field);
        }
        for field in ["nodeSelector", "affinity", "tolerations", "schedulingGates"] {
            keep(&mut template["spec"], &old["spec"], field);
        }
    }
    immutable(&template, &old_spec["template"], SPEC.field("template"), problems);
}
