//! Turning a wanted container into what the shim needs to make it.

pub mod capabilities;
pub mod cgroup;
pub mod launch;
pub mod netns;
pub mod oci;
pub mod overlay;
pub mod seccomp;
mod syscalls;
pub mod user;
