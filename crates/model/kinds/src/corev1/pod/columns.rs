//! What `kubectl get pods` shows, above all the status: the one word that says most about a pod.
//!
//! Upstream: `pkg/printers/internalversion/printers.go` (printPod).

use crate::cells::{self, column, human, seconds, wide};
use crate::def::{Column, Now};
use crate::read::{flag, has, list, number, text};
use apimachinery::Value;

pub const COLUMNS: &[Column] = &[
    cells::NAME,
    column("Ready", "The aggregate readiness state of this pod for accepting traffic.", |pod, _| {
        let seen = look(pod);
        format!("{}/{}", seen.ready, seen.containers).into()
    }),
    column("Status", "The aggregate status of the containers in this pod.", |pod, _| look(pod).status.into()),
    column(
        "Restarts",
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
        restarts,
    ),
    cells::AGE,
    wide("IP", "The first address of the pod, reachable at least within the cluster.", |pod, _| {
        cells::or_none(list(&pod["status"], "podIPs").first().unwrap_or(&Value::Null), "ip")
    }),
    wide("Node", "The node the pod runs on.", |pod, _| cells::or_none(&pod["spec"], "nodeName")),
    wide("Nominated Node", "The node on which room is being made for the pod.", |pod, _| {
        cells::or_none(&pod["status"], "nominatedNodeName")
    }),
    wide("Readiness Gates", "How many of the conditions that others must meet are true.", readiness_gates),
];

/// What the printer gathers in one walk over a pod.
struct Seen {
    status: String,
    ready: usize,
    containers: usize,
    restarts: i64,
    /// Seconds since 1970 at which a container was last seen to end before a restart.
    last_restart: Option<i64>,
}

impl Seen {
    fn count_restarts(&mut self, container: &Value) {
        self.restarts += number(container, "restartCount");
        self.last_restart = self.last_restart.max(seconds(&container["lastState"]["terminated"]["finishedAt"]));
    }
}

fn look(pod: &Value) -> Seen {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let sidecars = list(spec, "initContainers").iter().filter(|container| is_sidecar(container)).count();
    let mut seen = Seen {
        status: first_word(status).to_owned(),
        ready: 0,
        containers: list(spec, "containers").len() + sidecars,
        restarts: 0,
        last_restart: None,
    };
    let initializing = look_at_init_containers(pod, &mut seen);
    if !initializing || condition(status, "Initialized") {
        look_at_containers(pod, &mut seen);
    }
    if has(&pod["metadata"], "deletionTimestamp") {
        if text(status, "reason") == "NodeLost" {
            seen.status = "Unknown".to_owned();
        } else if !matches!(text(status, "phase"), "Succeeded" | "Failed") {
            seen.status = "Terminating".to_owned();
        }
    }
    seen
}

fn first_word(status: &Value) -> &str {
    let gated =
        |condition: &Value| text(condition, "type") == "PodScheduled" && text(condition, "reason") == "SchedulingGated";
    if list(status, "conditions").iter().any(gated) {
        return "SchedulingGated";
    }
    match text(status, "reason") {
        "" => text(status, "phase"),
        reason => reason,
    }
}

/// Finds the init container that holds the pod up; whether there is one.
fn look_at_init_containers(pod: &Value, seen: &mut Seen) -> bool {
    let specs = list(&pod["spec"], "initContainers");
    for (index, container) in list(&pod["status"], "initContainerStatuses").iter().enumerate() {
        seen.count_restarts(container);
        let sidecar = specs.iter().any(|spec| is_sidecar(spec) && text(spec, "name") == text(container, "name"));
        let (terminated, waiting) = (&container["state"]["terminated"], &container["state"]["waiting"]);
        if terminated.is_object() && number(terminated, "exitCode") == 0 {
            continue;
        }
        if sidecar && flag(container, "started") {
            seen.ready += usize::from(flag(container, "ready"));
            continue;
        }
        seen.status = if terminated.is_object() {
            format!("Init:{}", how_it_ended(terminated))
        } else if !matches!(text(waiting, "reason"), "" | "PodInitializing") {
            format!("Init:{}", text(waiting, "reason"))
        } else {
            format!("Init:{index}/{}", specs.len())
        };
        return true;
    }
    false
}

fn look_at_containers(pod: &Value, seen: &mut Seen) {
    forget_finished_init_containers(pod, seen);
    let mut running = false;
    for container in list(&pod["status"], "containerStatuses").iter().rev() {
        seen.count_restarts(container);
        let state = &container["state"];
        if !text(&state["waiting"], "reason").is_empty() {
            seen.status = text(&state["waiting"], "reason").to_owned();
        } else if state["terminated"].is_object() {
            seen.status = how_it_ended(&state["terminated"]);
        } else if flag(container, "ready") && state["running"].is_object() {
            running = true;
            seen.ready += 1;
        }
    }
    // One container is done, another still runs: the pod does run.
    if seen.status == "Completed" && running {
        let ready = condition(&pod["status"], "Ready");
        seen.status = if ready { "Running" } else { "NotReady" }.to_owned();
    }
}

/// Once a pod is initialized only the restarts of what still runs are told: of sidecars and containers.
fn forget_finished_init_containers(pod: &Value, seen: &mut Seen) {
    seen.restarts = 0;
    seen.last_restart = None;
    let specs = list(&pod["spec"], "initContainers");
    for container in list(&pod["status"], "initContainerStatuses") {
        if specs.iter().any(|spec| is_sidecar(spec) && text(spec, "name") == text(container, "name")) {
            seen.count_restarts(container);
        }
    }
}

fn how_it_ended(terminated: &Value) -> String {
    match (text(terminated, "reason"), number(terminated, "signal"), number(terminated, "exitCode")) {
        ("", 0, code) => format!("ExitCode:{code}"),
        ("", signal, _) => format!("Signal:{signal}"),
        (reason, ..) => reason.to_owned(),
    }
}

fn restarts(pod: &Value, now: &Now) -> Value {
    let seen = look(pod);
    match seen.last_restart {
        Some(last) if seen.restarts != 0 => format!("{} ({} ago)", seen.restarts, human(now.0 - last)).into(),
        _ => seen.restarts.to_string().into(),
    }
}

fn readiness_gates(pod: &Value, _: &Now) -> Value {
    let gates = list(&pod["spec"], "readinessGates");
    if gates.is_empty() {
        return "<none>".into();
    }
    let open = gates.iter().filter(|gate| condition(&pod["status"], text(gate, "conditionType"))).count();
    format!("{open}/{}", gates.len()).into()
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

fn condition(status: &Value, kind: &str) -> bool {
    list(status, "conditions").iter().any(|found| text(found, "type") == kind && text(found, "status") == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(pod: Value, row: &str) {
        let cells: Vec<String> = COLUMNS[1..4]
            .iter()
            .map(|column| (column.cell)(&pod, &Now(1_767_225_900)).as_str().unwrap_or("?").to_owned())
            .collect();
        assert_eq!(cells.join(" | "), row);
    }

    fn pod(status: Value) -> Value {
        json!({"metadata": {}, "spec": {"containers": [{}, {}]}, "status": status})
    }

    #[test]
    fn a_pod_is_what_its_containers_are() {
        check(pod(json!({"phase": "Pending"})), "0/2 | Pending | 0");
        check(pod(json!({"phase": "Failed", "reason": "Evicted"})), "0/2 | Evicted | 0");
        let gate = json!([{"type": "PodScheduled", "reason": "SchedulingGated"}]);
        check(pod(json!({"phase": "Pending", "conditions": gate})), "0/2 | SchedulingGated | 0");
        let running = json!({"ready": true, "state": {"running": {}}});
        let done = json!({"state": {"terminated": {"reason": "Completed"}}});
        check(pod(json!({"phase": "Running", "containerStatuses": [running, running]})), "2/2 | Running | 0");
        check(pod(json!({"phase": "Running", "containerStatuses": [running, done]})), "1/2 | NotReady | 0");
        let killed = json!({"state": {"terminated": {"signal": 9, "exitCode": 137}}});
        check(pod(json!({"phase": "Failed", "containerStatuses": [killed]})), "0/2 | Signal:9 | 0");
    }

    #[test]
    fn restarts_tell_when() {
        let looping = json!({
            "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"finishedAt": "2026-01-01T00:00:00Z"}},
        });
        check(pod(json!({"phase": "Running", "containerStatuses": [looping]})), "0/2 | CrashLoopBackOff | 3 (5m ago)");
    }

    #[test]
    fn init_containers_come_first() {
        let with_init = |statuses: Value| {
            let mut pod = pod(json!({"phase": "Pending", "initContainerStatuses": statuses}));
            pod["spec"]["initContainers"] = json!([{"name": "a"}, {"name": "side", "restartPolicy": "Always"}]);
            pod
        };
        check(with_init(json!([{"name": "a", "state": {"running": {}}}])), "0/3 | Init:0/2 | 0");
        let done = json!({"name": "a", "state": {"terminated": {"exitCode": 0}}});
        check(
            with_init(json!([done, {"name": "side", "state": {"waiting": {"reason": "PodInitializing"}}}])),
            "0/3 | Init:1/2 | 0",
        );
        check(
            with_init(json!([done, {"name": "side", "started": true, "ready": true, "restartCount": 2}])),
            "1/3 | Pending | 2",
        );
        check(with_init(json!([{"name": "a", "state": {"terminated": {"exitCode": 7}}}])), "0/3 | Init:ExitCode:7 | 0");
        check(
            with_init(json!([{"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff"}}}])),
            "0/3 | Init:ImagePullBackOff | 0",
        );
    }

    #[test]
    fn a_deleted_pod_is_terminating_unless_it_ended() {
        let deleted = |status| {
            let mut pod = pod(status);
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            pod
        };
        check(deleted(json!({"phase": "Running"})), "0/2 | Terminating | 0");
        check(deleted(json!({"phase": "Running", "reason": "NodeLost"})), "0/2 | Unknown | 0");
        check(deleted(json!({"phase": "Succeeded"})), "0/2 | Succeeded | 0");
    }
}
