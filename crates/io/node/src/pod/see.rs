//! What the node's side of a pod looks like now.

use super::Task;
use apimachinery::Quantity;
use client::Scope;
use k8s_openapi::api::core::v1::{ContainerUser, LinuxContainerUser, Pod};
use pods::{ContainerSeen, ContainerState as State, Exit, SandboxSeen, Seen};
use runtime::{ContainerState, ContainerStatus};
use std::collections::BTreeMap;
use std::path::Path;
use stdx::Timestamp;

/// Upstream: `MaxContainerTerminationMessageLength`, `...LogLength`, `...LogLines`.
const MAX_MESSAGE: usize = 4096;
const MAX_LOG: u64 = 2048;
const MAX_LOG_LINES: usize = 80;

/// Notes kept with a container: the file of its termination message, and whether its log may replace it.
pub(super) const MESSAGE_FILE: &str = "termination-message-file";
/// The resources it was started with, as JSON.
pub(super) const RESOURCES: &str = "resources";
pub(super) const MESSAGE_POLICY: &str = "termination-message-policy";

impl Task {
    pub(super) fn see(&mut self, pod: &Pod, is_gone: bool, now: Timestamp) -> Seen {
        self.open_at = None;
        let sandbox = self.agent.runtime.get(&self.key.uid);
        let state = match (&sandbox, &self.surroundings) {
            (Some(sandbox), _) if !sandbox.is_alive() => SandboxSeen::Lost,
            (Some(_), Some(_)) => SandboxSeen::Ready,
            _ => SandboxSeen::Absent,
        };
        let attempts = sandbox.map(|sandbox| sandbox.status().containers).unwrap_or_default();
        let containers: Vec<ContainerSeen> = attempts.into_iter().map(|status| self.seen(pod, status, now)).collect();
        let ips = self.surroundings.iter().flat_map(|surroundings| &surroundings.ips);
        Seen {
            sandbox: state,
            has_remains: self.has_remains,
            sandbox_busy: self.sandbox_busy,
            pod_ips: ips.map(ToString::to_string).collect(),
            host_ips: self.agent.config.addresses.iter().map(ToString::to_string).collect(),
            taken: if pods::is_resized(pod, &containers) { self.taken_by_others() } else { BTreeMap::new() },
            containers,
            starting: self.starting.keys().cloned().collect(),
            stopping: self.stopping.keys().cloned().collect(),
            resizing: self.resizing.clone(),
            allocatable: crate::node_object::allocatable(&self.agent),
            is_gone,
        }
    }

    /// What the node's other pods have been given, those that have ended aside.
    fn taken_by_others(&self) -> BTreeMap<String, Quantity> {
        let mut taken: BTreeMap<String, Quantity> = BTreeMap::new();
        let others = self.agent.pods.list(Scope::All).into_iter().filter(|pod| pod.head.uid != self.key.uid);
        for pod in others.filter_map(|pod| pod.decode::<Pod>().ok()) {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            if matches!(phase, Some("Succeeded" | "Failed")) {
                continue;
            }
            for (name, amount) in pods::taken(pod) {
                *taken.entry(name).or_default() += amount;
            }
        }
        taken
    }

    fn seen(&mut self, pod: &Pod, status: ContainerStatus, now: Timestamp) -> ContainerSeen {
        let is_opening = self.is_opening(pod, &status, now);
        let key = (status.key.name.clone(), status.key.attempt);
        let resized = self.resources.get(&key).cloned();
        let at_start = || serde_json::from_str(status.annotations.get(RESOURCES)?).ok();
        let resources = resized.or_else(at_start);
        ContainerSeen { resources, is_opening, ..seen(status, &mut self.messages) }
    }
}

fn seen(status: ContainerStatus, messages: &mut BTreeMap<(String, u32), String>) -> ContainerSeen {
    let state = match (&status.state, &status.exit) {
        (_, Some(exit)) => {
            let key = (status.key.name.clone(), status.key.attempt);
            let message = messages.entry(key).or_insert_with(|| termination_message(&status, exit));
            State::Exited(Exit {
                code: exit.code,
                signal: exit.signal,
                reason: exit.reason().to_owned(),
                message: message.clone(),
                started_at: status.started_at.map(timestamp),
                finished_at: timestamp(exit.finished_at),
            })
        }
        (ContainerState::Running, None) => {
            State::Running { since: timestamp(status.started_at.unwrap_or(status.created_at)) }
        }
        _ => State::Created,
    };
    ContainerSeen {
        name: status.key.name,
        attempt: status.key.attempt,
        id: format!("barque://{}", status.id),
        image: status.image,
        image_id: status.image_id,
        state,
        is_opening: false,
        resources: None,
        user: status.user.map(|user| ContainerUser {
            linux: Some(LinuxContainerUser {
                uid: user.uid.into(),
                gid: user.gid.into(),
                supplemental_groups: Some(user.groups.into_iter().map(i64::from).collect()),
            }),
        }),
    }
}

pub(super) fn timestamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp(std::time::Duration::from_nanos(u64::try_from(at.as_nanosecond()).unwrap_or(0)))
}

/// What the container wrote about its end; else, if its policy says so and it failed, the end of its log.
fn termination_message(status: &ContainerStatus, exit: &runtime::Exit) -> String {
    if !exit.message.is_empty() {
        return exit.message.clone();
    }
    let note = |name: &str| status.annotations.get(name).map(String::as_str).unwrap_or_default();
    let mut written = std::fs::read(note(MESSAGE_FILE)).unwrap_or_default();
    written.truncate(MAX_MESSAGE);
    if written.is_empty() && exit.code != 0 && note(MESSAGE_POLICY) == "FallbackToLogsOnError" {
        return status.log_path.as_deref().map(end_of_log).unwrap_or_default();
    }
    String::from_utf8_lossy(&written).into_owned()
}

/// The last lines without their CRI prefix (`<time> <stream> <tag> `).
fn end_of_log(path: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let mut text = Vec::new();
    let read = std::fs::File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        // Prefixes take room as well: twice the limit holds enough of the text.
        file.seek(SeekFrom::Start(length.saturating_sub(4 * MAX_LOG)))?;
        file.read_to_end(&mut text)
    });
    if read.is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&text);
    // `P`: a part of a line, or its begin when no more came.
    let entry = |line| {
        let mut fields = str::splitn(line, 4, ' ').skip(2);
        let end = if fields.next()? == "P" { "" } else { "\n" };
        Some([fields.next()?, end])
    };
    let lines: Vec<[&str; 2]> = text.lines().filter_map(entry).collect();
    let joined: String = lines[lines.len().saturating_sub(MAX_LOG_LINES)..].iter().flatten().copied().collect();
    let from = joined.len().saturating_sub(MAX_LOG as usize);
    let from = (from..joined.len()).find(|at| joined.is_char_boundary(*at)).unwrap_or(joined.len());
    joined[from..].to_owned()
}
