//! Several machines on one: each a set of namespaces (network, mounts, names, processes) with folders of its own, joined
//! by a switch. What `barque` writes to /etc, /var/lib and /run stays inside.

mod five;
mod machine;
mod switch;

pub use five::{Five, join_line};
pub use machine::Machine;
pub use switch::Switch;
