//! Holds a new pod back until the rules of its policies are there: its first packet must already meet them.

use netplan::PodKey;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a pod waits, at most. Its rules take some milliseconds; a pod that nobody can look up (it is not in the API)
/// must start all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// A pod's uid and address: one that is plugged anew under its name, or even its uid, is another.
pub type Plugged = (String, Ipv4Addr);

/// Shared by who plugs and who writes rules. Clone it freely.
#[derive(Clone)]
pub struct Gate {
    state: Arc<watch::Sender<State>>,
    /// Counts plugged and unplugged pods.
    local: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Policies were not read yet.
    Unknown,
    /// There are none, or they cannot be read.
    Open,
    /// These pods have their rules.
    Only(BTreeSet<Plugged>),
}

impl Gate {
    pub fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(State::Unknown)), local: Arc::default() }
    }

    /// Tells that a pod was plugged or unplugged.
    pub fn touch(&self) {
        self.local.send_modify(|count| *count += 1);
    }

    pub fn touches(&self) -> watch::Receiver<u64> {
        self.local.subscribe()
    }

    pub fn open(&self) {
        self.state.send_replace(State::Open);
    }

    pub fn only(&self, pods: BTreeSet<Plugged>) {
        self.state.send_replace(State::Only(pods));
    }

    /// Until the pod's rules are there, or it is clear that there are none.
    pub async fn pass(&self, pod: &PodKey, ip: Ipv4Addr) {
        let plugged = (pod.uid.clone(), ip);
        let mut state = self.state.subscribe();
        let passed = state.wait_for(|state| match state {
            State::Unknown => false,
            State::Open => true,
            State::Only(pods) => pods.contains(&plugged),
        });
        if tokio::time::timeout(PATIENCE, passed).await.is_ok() {
            return;
        }
        tracing::warn!(%pod, waited = ?PATIENCE, "the pod starts although its network policies are not in force yet");
        // Whoever comes next need not wait as long for what does not answer.
        self.state.send_if_modified(|state| {
            let unknown = *state == State::Unknown;
            if unknown {
                *state = State::Open;
            }
            unknown
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const IP: Ipv4Addr = Ipv4Addr::new(10, 42, 0, 2);

    fn pod(uid: &str) -> PodKey {
        PodKey { namespace: "d".into(), name: "n".into(), uid: uid.into() }
    }

    #[tokio::test]
    async fn a_pod_passes_with_its_rules_and_all_pass_without_policies() {
        let gate = Gate::new();
        let held = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass(&pod("a"), IP).await }
        });
        gate.only([("a".to_owned(), Ipv4Addr::LOCALHOST), ("b".to_owned(), IP)].into());
        gate.pass(&pod("b"), IP).await;
        assert!(!held.is_finished());
        gate.only([("a".to_owned(), IP)].into());
        held.await.unwrap();
        gate.open();
        gate.pass(&pod("c"), IP).await;
    }

    #[tokio::test]
    async fn policies_that_nobody_can_read_hold_up_one_pod_only() {
        let gate = Gate::new();
        gate.pass(&pod("a"), IP).await;
        let start = Instant::now();
        gate.pass(&pod("b"), IP).await;
        assert!(start.elapsed() < PATIENCE);
    }
}
