//! A machine: its containers, which outlive the agent, and the agent, which loses its memory with every start.

mod agent;
mod heartbeat;
mod machine;
mod pod;
mod volumes;

pub use agent::Agent;
pub use heartbeat::RENEW;
pub use machine::{Ended, Machine};

use pods::{ProbeKind, Trouble};

/// Something the agent began on its machine has ended.
#[derive(Debug, Clone)]
pub enum Local {
    Prepared(Result<(), Trouble>),
    TornDown,
    Started {
        container: String,
        attempt: u32,
        image: String,
        result: Result<(), Trouble>,
    },
    Stopped {
        container: String,
        attempt: u32,
    },
    Probed {
        container: String,
        attempt: u32,
        kind: ProbeKind,
    },
    /// Time to look at the pod again.
    Look,
}
