//! What is on a machine whoever looks: sandboxes and containers.

use crate::agenda::{Agenda, Event};
use crate::rng::Rng;
use k8s_openapi::api::core::v1::Pod;
use pods::{ContainerSeen, ContainerState, Exit, SandboxSeen};
use std::collections::BTreeMap;
use std::time::Duration;
use stdx::Timestamp;

/// A container's process ended by itself.
#[derive(Debug, Clone)]
pub struct Ended {
    pub uid: String,
    pub container: String,
    pub attempt: u32,
    pub code: i32,
}

#[derive(Debug, Clone)]
pub struct Sandbox {
    pub state: SandboxSeen,
    pub containers: Vec<ContainerSeen>,
    pub ip: String,
}

#[derive(Debug)]
pub struct Machine {
    pub name: String,
    pub place: usize,
    /// Counts its starts: what a process of an earlier one would have done does not happen.
    pub boot: u32,
    pub is_on: bool,
    /// By the pod's uid; all that is left of pods on this machine.
    pub sandboxes: BTreeMap<String, Sandbox>,
    addresses: u32,
}

/// Chances of a container, in permille.
const CRASHES: u64 = 120;
const FAILS: u64 = 200;

impl Machine {
    pub fn new(place: usize) -> Self {
        let name = format!("node-{place}");
        Self { name, place, boot: 0, is_on: true, sandboxes: BTreeMap::new(), addresses: 1 }
    }

    pub fn address(&self) -> String {
        format!("192.168.0.{}", self.place + 1)
    }

    /// The power fails, or the kernel: nothing runs any more.
    pub fn crash(&mut self, now: Timestamp, rng: &mut Rng) {
        self.is_on = false;
        self.boot += 1;
        for sandbox in self.sandboxes.values_mut() {
            let keeps_records = rng.permille(500);
            sandbox.state = if keeps_records { SandboxSeen::Lost } else { SandboxSeen::Absent };
            if !keeps_records {
                sandbox.containers.clear();
            }
            for container in &mut sandbox.containers {
                end(container, 255, now);
            }
        }
    }

    pub fn prepare(&mut self, uid: &str) {
        self.addresses += 1;
        let ip = format!("10.{}.{}.{}", self.place + 1, self.addresses / 250, self.addresses % 250 + 2);
        let sandbox = Sandbox { state: SandboxSeen::Ready, containers: Vec::new(), ip };
        self.sandboxes.insert(uid.to_owned(), sandbox);
    }

    /// Runs an attempt, if the sandbox is there still. It ends by itself if its pod says so, or by mishap.
    pub fn start(
        &mut self,
        pod: &Pod,
        uid: &str,
        attempt: u32,
        name: &str,
        chance: (&mut Rng, bool),
        agenda: &mut Agenda,
    ) {
        let (rng, calm) = chance;
        let Some(sandbox) = self.sandboxes.get_mut(uid).filter(|sandbox| sandbox.state == SandboxSeen::Ready) else {
            return;
        };
        let image = image_of(pod, name);
        sandbox.containers.retain(|seen| seen.name != name || seen.attempt != attempt);
        sandbox.containers.push(ContainerSeen {
            name: name.to_owned(),
            attempt,
            id: format!("sim://{uid}/{name}/{attempt}"),
            image_id: image.clone(),
            image,
            state: ContainerState::Running { since: agenda.now },
            is_opening: false,
            resources: None,
            user: None,
        });
        let annotations = pod.metadata.annotations.as_ref();
        let runs = annotations.and_then(|all| all.get("sim/runs-for")).and_then(|text| text.parse().ok());
        let ends = match runs {
            Some(seconds) => Some((seconds, i32::from(!calm && rng.permille(FAILS)))),
            None if !calm && rng.permille(CRASHES) => Some((rng.range(1, 200), 1)),
            None => None,
        };
        if let Some((seconds, code)) = ends {
            let ended = Ended { uid: uid.to_owned(), container: name.to_owned(), attempt, code };
            agenda.after(
                Duration::from_secs(seconds) + rng.millis(0, 900),
                Event::Exit { node: self.place, boot: self.boot, ended },
            );
        }
    }

    /// True if it ran until now.
    pub fn end(&mut self, ended: &Ended, now: Timestamp) -> bool {
        let containers = self.sandboxes.get_mut(&ended.uid).map(|sandbox| &mut sandbox.containers);
        let seen =
            containers.into_iter().flatten().find(|seen| seen.name == ended.container && seen.attempt == ended.attempt);
        seen.is_some_and(|seen| end(seen, ended.code, now))
    }

    /// Pods of which something runs.
    pub fn running(&self) -> impl Iterator<Item = &String> {
        let runs = |sandbox: &&Sandbox| {
            sandbox.containers.iter().any(|seen| matches!(seen.state, ContainerState::Running { .. }))
        };
        self.sandboxes.iter().filter(move |(_, sandbox)| runs(sandbox)).map(|(uid, _)| uid)
    }
}

fn end(container: &mut ContainerSeen, code: i32, now: Timestamp) -> bool {
    let ContainerState::Running { since } = container.state else { return false };
    let reason = if code == 0 { "Completed" } else { "Error" };
    container.state = ContainerState::Exited(Exit {
        code,
        signal: None,
        reason: reason.to_owned(),
        message: String::new(),
        started_at: Some(since),
        finished_at: now,
    });
    true
}

pub fn image_of(pod: &Pod, container: &str) -> String {
    let items = pods::items(pod);
    items.iter().find(|item| item.name == container).map(|item| item.image.to_owned()).unwrap_or_default()
}
