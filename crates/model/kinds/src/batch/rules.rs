//! What must hold of jobs, whether made by hand or from the template of a CronJob.
//!
//! Upstream: `pkg/apis/batch/validation/validation.go`.

use crate::checks::{in_range, non_negative, one_of, required};
use crate::corev1::pod::validate::template;
use crate::path::Path;
use crate::read::{has, is_empty, list, number, text};
use apimachinery::{Problems, Value};

/// Most completions of a job whose pods have indexes. Upstream: `maxParallelismForIndexedJob` and its like.
const MAX_INDEXED: i64 = 100_000;

/// A job's spec below `at`, but for its selector.
pub fn job_spec(spec: &Value, at: Path, problems: &mut Problems) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    non_negative(spec, &counts, at, problems);
    if has(spec, "completionMode") {
        one_of(spec, "completionMode", at, &["Indexed", "NonIndexed"], problems);
    }
    let indexed = text(spec, "completionMode") == "Indexed";
    if indexed {
        if !has(spec, "completions") {
            problems.required(at.field("completions"), "when completion mode is Indexed");
        }
        in_range(spec, "parallelism", at, i64::MIN..=MAX_INDEXED, problems);
    }
    for field in ["backoffLimitPerIndex", "successPolicy"].iter().filter(|field| has(spec, field) && !indexed) {
        problems.invalid(at.field(field), spec[*field].clone(), "requires indexed completion mode");
    }
    if has(spec, "maxFailedIndexes") && !has(spec, "backoffLimitPerIndex") {
        problems.required(at.field("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    }
    if has(spec, "podReplacementPolicy") {
        one_of(spec, "podReplacementPolicy", at, &["Failed", "TerminatingOrFailed"], problems);
    }
    failure_policy(spec, at, problems);
    let pods = at.field("template");
    template(&spec["template"], pods, problems);
    restart_policy(spec, pods.field("spec"), problems);
}

/// A job's pods must be able to end.
fn restart_policy(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("restartPolicy");
    match text(&spec["template"]["spec"], "restartPolicy") {
        "Always" => problems.required(at, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if has(spec, "podFailurePolicy") => {
            problems.invalid(at, "OnFailure", "only \"Never\" is supported when podFailurePolicy is specified");
        }
        _ => {}
    }
}

fn failure_policy(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("podFailurePolicy").field("rules").to_string();
    let rules = Path::new(&at);
    for (index, rule) in list(&spec["podFailurePolicy"], "rules").iter().enumerate() {
        let at = rules.index(index);
        one_of(rule, "action", at, &["Count", "FailIndex", "FailJob", "Ignore"], problems);
        let on_codes = has(rule, "onExitCodes");
        match (on_codes, !is_empty(rule, "onPodConditions")) {
            (true, true) => {
                problems.invalid(at, rule.clone(), "specifying both OnExitCodes and OnPodConditions is not supported")
            }
            (false, false) => {
                problems.invalid(at, rule.clone(), "specifying one of OnExitCodes and OnPodConditions is required");
            }
            _ => {}
        }
        if on_codes {
            let (codes, at) = (&rule["onExitCodes"], at.field("onExitCodes"));
            one_of(codes, "operator", at, &["In", "NotIn"], problems);
            if is_empty(codes, "values") {
                problems.invalid(at.field("values"), codes["values"].clone(), "at least one value is required");
            }
            if text(codes, "operator") == "In" && list(codes, "values").iter().any(|code| *code == 0) {
                problems.invalid(at.field("values"), 0, "must not be 0 for the In operator");
            }
        }
        let conditions = at.field("onPodConditions");
        for (index, condition) in list(rule, "onPodConditions").iter().enumerate() {
            let at = conditions.index(index);
            required(condition, "type", at, problems);
            one_of(condition, "status", at, &["False", "True", "Unknown"], problems);
        }
    }
}

/// Whether the job runs a fixed number of pods with indexes, which alone may change together.
pub fn is_elastic(new: &Value, old: &Value) -> bool {
    let equal = |spec: &Value| number(spec, "completions") == number(spec, "parallelism");
    text(new, "completionMode") == "Indexed" && equal(new) && equal(old)
}
