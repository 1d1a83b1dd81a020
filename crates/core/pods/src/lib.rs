//! A pod's life on its node: what is wanted and what is seen give what to do next and the status to show.
//!
//! Pure. [`Life::step`] is called after every event; the driver (`io/node`) carries out its actions and calls again.
//!
//! Invariants
//! - Actions are safe to repeat: a step that sees the same world asks for the same things.
//! - Nothing is asked of a container that is busy (being started or stopped).
//! - What a status needs and the runtime no longer knows is taken from the pod's previous status.
//!
//! Upstream: `pkg/kubelet/kubelet_pods.go`, `kuberuntime/kuberuntime_manager.go`, `prober/`, `status/generate.go`.

mod conditions;
mod life;
mod patch;
mod phase;
mod probe;
mod resize;
mod restart;
mod run;
mod seen;
mod shutdown;
mod status;
mod wanted;

#[cfg(test)]
mod tests;

pub use life::{Action, Life, Note, Step};
pub use patch::{status_body, status_patch};
pub use probe::{Outcome, ProbeKind};
pub use resize::{allocated, is_resized, taken};
pub use seen::{ContainerSeen, ContainerState, Exit, SandboxSeen, Seen, Trouble};
pub use wanted::{Item, Role, grace, items};
