//! Several machines on one: each a set of namespaces (network, mounts, names, processes) with folders of its own, joined
//! by a switch. What `barque` writes to /etc, /var/lib and /run stays inside.

mod five;
mod footprint;
mod forming;
mod machine;
mod member;
mod remote;
mod switch;

pub use five::Five;
pub use forming::form;
pub use machine::Machine;
pub use member::{join_line, ready_nodes};
pub use remote::administrator;
pub use switch::Switch;
