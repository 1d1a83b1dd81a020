//! From facts to parts. Pure: the time is an argument.

use super::report::{Part, State};
use jiff::Timestamp;
use kinds::read::{list, text};
use serde_json::Value;
use std::time::Duration;

/// Pods told of one by one; more would hide the rest.
const SHOWN: usize = 5;
/// A pod may be unready so long without a word.
const PATIENCE: Duration = Duration::from_secs(60);
/// Less free space than this, of a hundred parts, is told: the node begins to remove images soon after.
const SCARCE: u64 = 10;
/// Certificates are signed anew long before; one that is not by then has a reason.
const EXPIRY: Duration = Duration::from_secs(30 * 24 * 3600);

pub struct StoreFacts {
    pub revision: Result<u64, String>,
    /// Bytes on disk.
    pub size: u64,
    pub free: u64,
    pub total: u64,
    pub folder: String,
}

pub fn store(facts: &StoreFacts) -> Part {
    let StoreFacts { size, free, total, folder, .. } = facts;
    let disk = format!("{}, {} free", bytes(*size), bytes(*free));
    let part = match &facts.revision {
        Ok(revision) => Part::well("store", format!("revision {revision}, {disk}")),
        Err(error) => {
            let cure = "see the server's log: journalctl -u barque";
            Part::well("store", disk).with(State::Ill, format!("it cannot be read: {error}"), cure)
        }
    };
    if *total > 0 && free * 100 < total * SCARCE {
        let cause = format!("{folder} has {} of {} left", bytes(*free), bytes(*total));
        return part.with(State::Attention, cause, "free some space; barque image list tells what images take");
    }
    part
}

/// `tasks`: their names, and whether they still run.
pub fn tasks(name: &str, tasks: &[(&str, bool)], detail: String) -> Part {
    let ended = tasks.iter().filter(|(_, runs)| !runs);
    ended.fold(Part::well(name, detail), |part, (task, _)| {
        let cure = "restart the server, and report what its log says about a panic";
        part.with(State::Ill, format!("{task} has ended"), cure)
    })
}

/// `files`: certificates and when they expire.
pub fn certificates(files: &[(String, Timestamp)], now: Timestamp) -> Part {
    let Some((first, at)) = files.iter().min_by_key(|(_, at)| *at) else {
        let cure = "restart the server: it makes them anew";
        return Part::well("certificates", "").with(State::Ill, "there are none", cure);
    };
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    let date = at.strftime("%Y-%m-%d");
    let part = Part::well("certificates", format!("the first ({first}) expires on {date}, in {}", duration(left)));
    let soon = files
        .iter()
        .filter(|(_, at)| Duration::try_from(at.duration_since(now)).is_ok_and(|left| left < EXPIRY) || *at <= now);
    soon.fold(part, |part, (name, at)| {
        let state = if *at <= now { State::Ill } else { State::Attention };
        let cure = "restart the server: it signs them anew; if that fails its log says why";
        part.with(state, format!("{name} expires on {}", at.strftime("%Y-%m-%d")), cure)
    })
}

/// What its conditions say of a node; `part` is what the agent says of itself.
pub fn node(part: Part, nodes: &[Value], name: &str) -> Part {
    let Some(node) = nodes.iter().find(|node| text(&node["metadata"], "name") == name) else {
        return Part { detail: format!("{name} is not registered"), ..part };
    };
    let conditions = || list(&node["status"], "conditions").iter().filter(|it| text(it, "status") == "True");
    let ready = conditions().any(|condition| text(condition, "type") == "Ready");
    let mut part = Part { detail: format!("{name} is {}", if ready { "Ready" } else { "not ready" }), ..part };
    if node["spec"]["unschedulable"] == true {
        part = part.with(State::Attention, "it is closed to new pods", format!("kubectl uncordon {name}"));
    }
    for condition in conditions().filter(|condition| text(condition, "type").ends_with("Pressure")) {
        let what = match text(condition, "type") {
            "DiskPressure" => "its disk is nearly full",
            "MemoryPressure" => "its memory is nearly used up",
            _ => "it is short of process numbers",
        };
        let cause = format!("{what}: new pods wait and running ones may be evicted");
        part = part.with(State::Attention, cause, format!("free some; figures: kubectl describe node {name}"));
    }
    part
}

pub fn pods(pods: &[Value], now: Timestamp) -> Part {
    let (mut running, mut starting, mut ended) = (0, 0, 0);
    let mut failing = Vec::new();
    for pod in pods {
        match (why_failing(pod, now), text(&pod["status"], "phase")) {
            (Some((cause, cure)), _) => failing.push((cause, cure)),
            (None, "Running") => running += 1,
            (None, "Succeeded" | "Failed") => ended += 1,
            (None, _) => starting += 1,
        }
    }
    let counts = [(running, "running"), (starting, "starting"), (ended, "ended"), (failing.len(), "failing")];
    let told: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let mut part = Part::well("pods", if told.is_empty() { "none".to_owned() } else { told.join(", ") });
    let more = failing.len().saturating_sub(SHOWN);
    for (cause, cure) in failing.into_iter().take(SHOWN) {
        part = part.with(State::Attention, cause, cure);
    }
    if more > 0 {
        part = part.with(State::Attention, format!("{more} more fail"), "kubectl get pods -A");
    }
    part
}

/// What is wrong with a pod, and what to do.
fn why_failing(pod: &Value, now: Timestamp) -> Option<(String, String)> {
    let (metadata, status) = (&pod["metadata"], &pod["status"]);
    let (namespace, name) = (text(metadata, "namespace"), text(metadata, "name"));
    let at = format!("{namespace}/{name}");
    let describe = format!("kubectl describe pod -n {namespace} {name}");
    if !metadata["deletionTimestamp"].is_null() {
        return None;
    }
    let containers = ["initContainerStatuses", "containerStatuses"].into_iter().flat_map(|field| list(status, field));
    for container in containers {
        let waiting = &container["state"]["waiting"];
        let (reason, message) = (text(waiting, "reason"), text(waiting, "message"));
        if ["", "ContainerCreating", "PodInitializing"].contains(&reason) {
            continue;
        }
        let of = text(container, "name");
        let message = if message.is_empty() { String::new() } else { format!(" ({message})") };
        let cure = match reason {
            "CrashLoopBackOff" => format!("kubectl logs -n {namespace} {name} -c {of} --previous"),
            "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" => {
                format!("check the image's name and registry, or barque image import; {describe}")
            }
            _ => describe,
        };
        return Some((format!("{at}: container {of}: {reason}{message}"), cure));
    }
    let condition = |wanted: &str| list(status, "conditions").iter().find(|it| text(it, "type") == wanted);
    let is_old = |condition: &Value| {
        let since: Option<Timestamp> = text(condition, "lastTransitionTime").parse().ok();
        since.is_none_or(|since| Duration::try_from(now.duration_since(since)).is_ok_and(|age| age >= PATIENCE))
    };
    if let Some(scheduled) = condition("PodScheduled").filter(|it| text(it, "reason") == "Unschedulable") {
        return Some((format!("{at}: no node takes it: {}", text(scheduled, "message")), describe));
    }
    let ready = condition("Ready").filter(|it| text(it, "status") == "False" && text(status, "phase") == "Running");
    ready.filter(|it| is_old(it)).map(|it| (format!("{at}: not ready: {}", text(it, "message")), describe))
}

/// `how many` `what`, with an s where there is not one.
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// `3.4 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// The largest unit alone: `34 minutes`.
pub fn duration(of: Duration) -> String {
    let seconds = of.as_secs();
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "second"));
    count((seconds / size) as usize, unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: &str = "2026-01-01T00:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn shown(part: &Part) -> String {
        let problems = part.problems.iter().map(|it| format!("\n  {} -> {}", it.cause, it.cure));
        format!("{} {} {}{}", part.name, part.state.text(), part.detail, problems.collect::<String>())
    }

    fn pod(name: &str, phase: &str, status: Value) -> Value {
        let mut pod = json!({"metadata": {"namespace": "d", "name": name}, "status": status});
        pod["status"]["phase"] = phase.into();
        pod
    }

    #[test]
    fn pods_that_fail_are_named_with_what_to_do() {
        let waiting =
            |reason: &str| json!({"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": reason}}}]});
        let ready = |since: &str| {
            json!({"conditions": [
                {"type": "Ready", "status": "False", "lastTransitionTime": since, "message": "containers with unready status: [c]"},
            ]})
        };
        let unscheduled = json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"},
        ]});
        let all = [
            pod("a", "Running", json!({})),
            pod("b", "Running", waiting("CrashLoopBackOff")),
            pod("c", "Pending", waiting("ImagePullBackOff")),
            pod("d", "Pending", waiting("ContainerCreating")),
            pod("e", "Pending", unscheduled),
            pod("f", "Running", ready("2025-12-31T23:59:30Z")),
            pod("g", "Running", ready("2025-12-31T23:00:00Z")),
            pod("h", "Succeeded", json!({})),
        ];
        assert_eq!(
            shown(&pods(&all, now())),
            "pods attention 2 running, 1 starting, 1 ended, 4 failing\n  \
             d/b: container c: CrashLoopBackOff -> kubectl logs -n d b -c c --previous\n  \
             d/c: container c: ImagePullBackOff -> check the image's name and registry, or barque image import; \
             kubectl describe pod -n d c\n  \
             d/e: no node takes it: 0/1 nodes are available -> kubectl describe pod -n d e\n  \
             d/g: not ready: containers with unready status: [c] -> kubectl describe pod -n d g"
        );
        assert_eq!(shown(&pods(&[], now())), "pods well none");
        let many: Vec<Value> = (0..7).map(|n| pod(&n.to_string(), "Running", waiting("CrashLoopBackOff"))).collect();
        assert!(shown(&pods(&many, now())).ends_with("2 more fail -> kubectl get pods -A"));
    }

    #[test]
    fn a_node_tells_what_keeps_pods_away() {
        let condition = |kind: &str| json!({"type": kind, "status": "True"});
        let nodes = [json!({
            "metadata": {"name": "n"}, "spec": {"unschedulable": true},
            "status": {"conditions": [condition("Ready"), condition("DiskPressure")]},
        })];
        let part = Part::well("node", "");
        assert_eq!(
            shown(&node(part.clone(), &nodes, "n")),
            "node attention n is Ready\n  it is closed to new pods -> kubectl uncordon n\n  its disk is nearly full: new \
             pods wait and running ones may be evicted -> free some; figures: kubectl describe node n"
        );
        assert_eq!(shown(&node(part, &[], "n")), "node well n is not registered");
    }

    #[test]
    fn certificates_tell_the_first_to_expire() {
        let at = |name: &str, at: &str| (name.to_owned(), at.parse().unwrap());
        let fine = [at("ca.crt", "2036-01-01T00:00:00Z"), at("apiserver.crt", "2026-12-01T00:00:00Z")];
        assert_eq!(
            shown(&certificates(&fine, now())),
            "certificates well the first (apiserver.crt) expires on 2026-12-01, in 334 days"
        );
        assert_eq!(certificates(&[at("a", "2026-01-09T00:00:00Z")], now()).state, State::Attention);
        assert_eq!(certificates(&[at("a", "2025-12-31T00:00:00Z")], now()).state, State::Ill);
        assert_eq!(certificates(&[], now()).state, State::Ill);
    }

    #[test]
    fn the_store_tells_its_size_and_when_the_disk_is_nearly_full() {
        let facts = |revision: Result<u64, String>, free: u64| StoreFacts {
            revision,
            size: 3 << 20,
            free,
            total: 100 << 30,
            folder: "/var/lib/barque".to_owned(),
        };
        assert_eq!(shown(&store(&facts(Ok(7), 50 << 30))), "store well revision 7, 3.0 MiB, 50.0 GiB free");
        let scarce = shown(&store(&facts(Ok(7), 5 << 30)));
        assert!(scarce.contains("/var/lib/barque has 5.0 GiB of 100.0 GiB left"), "{scarce}");
        assert_eq!(store(&facts(Err("broken".to_owned()), 50 << 30)).state, State::Ill);
    }

    #[test]
    fn a_task_that_ended_is_told() {
        let part = tasks("controllers", &[("job", true), ("cronjob", false)], "2".to_owned());
        assert!(shown(&part).starts_with("controllers ill 2\n  cronjob has ended"), "{part:?}");
    }

    #[test]
    fn words() {
        assert_eq!(
            (bytes(5), bytes(2048), count(1, "pod"), count(0, "pod")),
            ("5 B".into(), "2.0 KiB".into(), "1 pod".into(), "0 pods".into())
        );
        assert_eq!(duration(Duration::from_secs(7200)), "2 hours");
        assert_eq!(duration(Duration::ZERO), "0 seconds");
    }
}
