//! One round: from what is wanted and seen to what is done next.

use crate::probe::{Outcome, ProbeKind, Probes};
use crate::restart::{Held, Restarts};
use crate::run::Round;
use crate::seen::{Seen, Trouble};
use crate::{status, wanted};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use std::collections::BTreeMap;
use std::time::Duration;
use stdx::Timestamp;

/// What the driver is asked to do. It tells the result by the next [`Seen`] and by the methods of [`Life`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Mount volumes, plug the network, make the sandbox (removing a lost one first).
    Prepare,
    /// Pull, create, start, run the postStart hook. A record of this attempt that never ran is replaced.
    Start {
        container: String,
        attempt: u32,
    },
    /// Run the preStop hook, ask the container to stop, kill it when `grace` is over. Cancels a start under way.
    Stop {
        container: String,
        attempt: u32,
        grace: Duration,
        message: String,
    },
    Probe {
        container: String,
        attempt: u32,
        kind: ProbeKind,
    },
    /// Give the running container the limits its spec now has.
    Resize {
        container: String,
        attempt: u32,
    },
    /// Remove what is left of an older attempt; its log stays until the one after it.
    Forget {
        container: String,
        attempt: u32,
    },
    /// Remove sandbox, network, volumes. No container runs.
    Teardown,
    /// Write the status and delete the pod's object with a grace of zero.
    Delete,
}

/// An event to tell, about a container or the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub container: Option<String>,
    pub warning: bool,
    pub reason: &'static str,
    pub message: String,
}

/// What a round comes to.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub actions: Vec<Action>,
    /// None: the pod has ended, its status stays as it is.
    pub status: Option<PodStatus>,
    pub notes: Vec<Note>,
    /// Call again at this time, if nothing happens before.
    pub wake: Option<Timestamp>,
}

/// What must be remembered of a pod between rounds. A fresh one takes over a running pod from its status.
#[derive(Debug, Clone, Default)]
pub struct Life {
    pub(crate) probes: Probes,
    pub(crate) restarts: BTreeMap<String, Restarts>,
    pub(crate) held: BTreeMap<String, Held>,
    /// Why the pod was ended before its time.
    pub(crate) ended: Option<Ended>,
    /// The status last computed: newer than the API's, which comes back to us later.
    pub(crate) last: Option<PodStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub reason: String,
    pub message: String,
}

/// The key of what holds up the pod as a whole.
pub(crate) const POD: &str = "";

impl Life {
    /// Decides. Call after every event, and at [`Step::wake`].
    pub fn step(&mut self, pod: &Pod, seen: &Seen, now: Timestamp) -> Step {
        // Others may end a pod too, when its node was thought to be gone: an end is for good.
        let ended = pod.status.as_ref().filter(|status| status::is_terminal(status));
        let before = match self.last.take() {
            Some(last) if ended.is_none() || status::is_terminal(&last) => last,
            _ => pod.status.clone().unwrap_or_default(),
        };
        let is_over = status::is_terminal(&before);
        let mut round = Round::new(self, pod, seen, &before, now);
        round.check_deadline();
        let is_stopping = is_over || round.must_stop();
        if is_stopping {
            round.shut_down();
        } else {
            round.run();
        }
        let (actions, notes, wake) = round.finish();
        if is_over {
            self.last = Some(before);
            return Step { actions, status: None, notes, wake };
        }
        let status = status::build(&status::View { life: self, pod, seen, before: &before, is_stopping, now });
        self.last = Some(status.clone());
        let wake = if status::is_terminal(&status) { Some(now) } else { wake };
        Step { actions, status: Some(status), notes, wake }
    }

    /// The container runs, its postStart hook is done.
    pub fn started(&mut self, container: &str) {
        self.held.remove(container);
    }

    /// The container could not be started; it is tried again later.
    pub fn start_failed(&mut self, container: &str, image: &str, trouble: Trouble, now: Timestamp) {
        let held = Held::new(trouble, image, self.held.get(container), now);
        self.held.insert(container.to_owned(), held);
    }

    /// The pod's surroundings are ready.
    pub fn prepared(&mut self) {
        self.held.remove(POD);
    }

    /// The surroundings could not be made; tried again later.
    pub fn prepare_failed(&mut self, trouble: Trouble, now: Timestamp) {
        self.start_failed(POD, "", trouble, now);
    }

    /// Something that was missing may be there now: what waits for configuration is tried again at once.
    pub fn nudge(&mut self, now: Timestamp) {
        for held in self.held.values_mut().filter(|held| !matches!(&*held.trouble.reason, "ErrImagePull")) {
            held.retry_at = now;
        }
    }

    /// Takes in what a probe found, and says what to tell.
    pub fn probed(
        &mut self,
        pod: &Pod,
        container: &str,
        attempt: u32,
        kind: ProbeKind,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Option<Note> {
        let item = wanted::items(pod).into_iter().find(|item| item.name == container)?;
        self.probes.take(&item, attempt, kind, outcome, now);
        let (reason, message) = match outcome {
            Outcome::Success => return None,
            Outcome::Warning(output) => ("ProbeWarning", format!("{} probe warning: {output}", kind.title())),
            Outcome::Failure(output) => ("Unhealthy", format!("{} probe failed: {output}", kind.title())),
            Outcome::Unknown(error) => {
                ("Unhealthy", format!("{} probe errored and resulted in unknown state: {error}", kind.title()))
            }
        };
        Some(Note { container: Some(container.to_owned()), warning: true, reason, message })
    }

    /// Ends the pod: its containers are stopped and it becomes `Failed` for this reason (`Evicted`, ...).
    pub fn end(&mut self, reason: &str, message: &str) {
        self.ended.get_or_insert_with(|| Ended { reason: reason.to_owned(), message: message.to_owned() });
    }
}
