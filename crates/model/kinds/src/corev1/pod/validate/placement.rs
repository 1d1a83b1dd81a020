//! Where a pod may run: tolerations, spreading, gates.

use super::affinity::topology_key;
use crate::checks::{follows, label_selector, one_of, optional_one_of};
use crate::path::Path;
use crate::read::{has, is_empty, list, number, text};
use apimachinery::validate::{is_qualified_name, is_valid_label_value};
use apimachinery::{Problems, Value};

pub fn tolerations(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("tolerations");
    for (index, toleration) in list(spec, "tolerations").iter().enumerate() {
        let at = at.index(index);
        let (key, operator) = (text(toleration, "key"), text(toleration, "operator"));
        if !key.is_empty() {
            follows(key, at.field("key"), is_qualified_name, problems);
        } else if operator != "Exists" {
            let message = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            problems.invalid(at.field("operator"), operator, message);
        }
        if has(toleration, "tolerationSeconds") && text(toleration, "effect") != "NoExecute" {
            let message = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            problems.invalid(at.field("effect"), text(toleration, "effect"), message);
        }
        match operator {
            "" | "Equal" => follows(text(toleration, "value"), at.field("operator"), is_valid_label_value, problems),
            "Exists" if !is_empty(toleration, "value") => {
                problems.invalid(
                    at.field("operator"),
                    toleration.clone(),
                    "value must be empty when `operator` is 'Exists'",
                );
            }
            "Exists" => {}
            unknown => problems.not_supported(at.field("operator"), unknown, &["Equal", "Exists"]),
        }
        optional_one_of(toleration, "effect", at, &["NoExecute", "NoSchedule", "PreferNoSchedule"], problems);
    }
}

pub fn topology_spread(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("topologySpreadConstraints");
    let all = list(spec, "topologySpreadConstraints");
    for (index, constraint) in all.iter().enumerate() {
        let at = at.index(index);
        let skew = number(constraint, "maxSkew");
        if skew <= 0 {
            problems.invalid(at.field("maxSkew"), skew, "must be greater than zero");
        }
        topology_key(constraint, at, problems);
        let action = text(constraint, "whenUnsatisfiable");
        one_of(constraint, "whenUnsatisfiable", at, &["DoNotSchedule", "ScheduleAnyway"], problems);
        let same = |other: &Value| {
            text(other, "topologyKey") == text(constraint, "topologyKey") && text(other, "whenUnsatisfiable") == action
        };
        if all[..index].iter().any(same) {
            let pair = format!("{{{}, {action}}}", text(constraint, "topologyKey"));
            problems.duplicate(at.field("{topologyKey, whenUnsatisfiable}"), pair);
        }
        if let Some(domains) = constraint.get("minDomains").and_then(Value::as_i64) {
            if domains <= 0 {
                problems.invalid(at.field("minDomains"), domains, "must be greater than zero");
            }
            if action != "DoNotSchedule" {
                let message = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
                problems.invalid(at.field("minDomains"), domains, &message);
            }
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"].iter().filter(|policy| has(constraint, policy)) {
            one_of(constraint, policy, at, &["Honor", "Ignore"], problems);
        }
        label_selector(&constraint["labelSelector"], at.field("labelSelector"), problems);
    }
}

pub fn readiness_gates(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("readinessGates");
    for (index, gate) in list(spec, "readinessGates").iter().enumerate() {
        follows(text(gate, "conditionType"), at.index(index).field("conditionType"), is_qualified_name, problems);
    }
}

pub fn scheduling_gates(spec: &Value, at: Path, problems: &mut Problems) {
    let at = at.field("schedulingGates");
    let gates = list(spec, "schedulingGates");
    for (index, gate) in gates.iter().enumerate() {
        let name = text(gate, "name");
        follows(name, at.index(index), is_qualified_name, problems);
        if gates[..index].iter().any(|other| text(other, "name") == name) {
            problems.duplicate(at.index(index), name);
        }
    }
}
