//! Security contexts of pods and containers.

use crate::checks::{descending_path, one_of};
use crate::path::Path;
use crate::read::{flag, has, list, text};
use apimachinery::validate::{is_valid_group_id, is_valid_user_id};
use apimachinery::{Problems, Value};

/// A kernel setting: `net.ipv4.ip_forward`, or with slashes.
const SYSCTL_MAX: usize = 253;

pub fn pod(spec: &Value, at: Path, problems: &mut Problems) {
    let context = &spec["securityContext"];
    let at_context = at.field("securityContext");
    ids(context, at_context, problems);
    if let Some(group) = context.get("fsGroup").and_then(Value::as_i64) {
        id(group, at_context.field("fsGroup"), is_valid_group_id, problems);
    }
    let groups = at_context.field("supplementalGroups");
    for (index, group) in list(context, "supplementalGroups").iter().enumerate() {
        id(group.as_i64().unwrap_or(-1), groups.index(index), is_valid_group_id, problems);
    }
    if has(context, "fsGroupChangePolicy") {
        one_of(context, "fsGroupChangePolicy", at_context, &["Always", "OnRootMismatch"], problems);
    }
    sysctls(context, spec, at_context.field("sysctls"), problems);
    profiles(context, at_context, problems);
    if flag(spec, "shareProcessNamespace") && flag(spec, "hostPID") {
        let message = "ShareProcessNamespace and HostPID cannot both be enabled";
        problems.invalid(at.field("shareProcessNamespace"), true, message);
    }
    if spec.get("hostUsers").and_then(Value::as_bool) == Some(false) {
        for field in ["hostPID", "hostIPC"].iter().filter(|field| flag(spec, field)) {
            problems.forbidden(at.field(field), "when `hostUsers` is false");
        }
    }
}

pub fn container(container: &Value, spec: &Value, at: Path, problems: &mut Problems) {
    let context = &container["securityContext"];
    if !context.is_object() {
        return;
    }
    ids(context, at, problems);
    profiles(context, at, problems);
    if has(context, "procMount") {
        one_of(context, "procMount", at, &["Default", "Unmasked"], problems);
        if text(context, "procMount") == "Unmasked" && spec.get("hostUsers").and_then(Value::as_bool) != Some(false) {
            let message = "`hostUsers` must be false to use `Unmasked`";
            problems.invalid(at.field("procMount"), "Unmasked", message);
        }
    }
    if context.get("allowPrivilegeEscalation").and_then(Value::as_bool) != Some(false) {
        return;
    }
    if flag(context, "privileged") {
        let message = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        problems.invalid(at, context.clone(), message);
    }
    if list(&context["capabilities"], "add").iter().any(|capability| capability == "CAP_SYS_ADMIN") {
        let message = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        problems.invalid(at, context.clone(), message);
    }
}

fn ids(context: &Value, at: Path, problems: &mut Problems) {
    if let Some(user) = context.get("runAsUser").and_then(Value::as_i64) {
        id(user, at.field("runAsUser"), is_valid_user_id, problems);
    }
    if let Some(group) = context.get("runAsGroup").and_then(Value::as_i64) {
        id(group, at.field("runAsGroup"), is_valid_group_id, problems);
    }
}

fn id(id: i64, at: Path, rule: fn(i64) -> Vec<String>, problems: &mut Problems) {
    for message in rule(id) {
        problems.invalid(at, id, &message);
    }
}

/// Seccomp and AppArmor: a profile of the node's own needs a name, others must have none.
fn profiles(context: &Value, at: Path, problems: &mut Problems) {
    for field in ["seccompProfile", "appArmorProfile"].iter().filter(|field| has(context, field)) {
        let (profile, at) = (&context[*field], at.field(field));
        one_of(profile, "type", at, &["Localhost", "RuntimeDefault", "Unconfined"], problems);
        let local = text(profile, "type") == "Localhost";
        let name = text(profile, "localhostProfile");
        match (local, has(profile, "localhostProfile")) {
            (true, false) => problems.required(
                at.field("localhostProfile"),
                if *field == "seccompProfile" {
                    "must be set when seccomp type is Localhost"
                } else {
                    "must be set when AppArmor type is Localhost"
                },
            ),
            (true, true) if *field == "seccompProfile" => descending_path(name, at.field("localhostProfile"), problems),
            (false, true) if *field == "seccompProfile" => {
                problems.invalid(at.field("localhostProfile"), name, "can only be set when seccomp type is Localhost")
            }
            (false, true) => {
                problems.invalid(at.field("localhostProfile"), name, "can only be set when type is Localhost")
            }
            _ => {}
        }
    }
}

fn sysctls(context: &Value, spec: &Value, at: Path, problems: &mut Problems) {
    let all = list(context, "sysctls");
    for (index, sysctl) in all.iter().enumerate() {
        let at = at.index(index);
        let name = text(sysctl, "name");
        if name.is_empty() {
            problems.required(at.field("name"), "");
        } else if !is_sysctl(name) {
            let message = format!(
                "must have at most {SYSCTL_MAX} characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
            );
            problems.invalid(at.field("name"), name, &message);
        } else if all[..index].iter().any(|other| text(other, "name") == name) {
            problems.duplicate(at.field("name"), name);
        }
        let host_wide = [("hostNetwork", "net.", "net/"), ("hostIPC", "kernel.shm", "kernel/shm")];
        for (field, dotted, slashed) in host_wide {
            if flag(spec, field) && (name.starts_with(dotted) || name.starts_with(slashed)) {
                let message = format!("may not be specified when '{field}' is true");
                problems.invalid(at.field("name"), name, &message);
            }
        }
    }
}

fn is_sysctl(name: &str) -> bool {
    let part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        part.bytes().all(inner) && edge(part.bytes().next()) && edge(part.bytes().last())
    };
    name.len() <= SYSCTL_MAX && name.split(['.', '/']).all(part)
}
