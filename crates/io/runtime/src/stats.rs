//! Resource usage read from cgroups.

use crate::status::ContainerKey;

/// Usage of one cgroup. On cgroup v1 the numbers come from cpuacct, memory and pids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since the cgroup was made, nanoseconds.
    pub cpu_ns: u64,
    /// Bytes charged, page cache included.
    pub memory_usage: u64,
    /// Usage without inactive file pages: what `kubectl top` shows and evictions look at.
    pub memory_working_set: u64,
    /// Anonymous memory, bytes.
    pub memory_rss: u64,
    /// Bytes; 0 means no limit.
    pub memory_limit: u64,
    pub page_faults: u64,
    pub major_page_faults: u64,
    pub pids: u64,
}

/// Usage of a pod and of its running containers.
#[derive(Debug, Clone, Default)]
pub struct PodStats {
    pub pod: Usage,
    pub containers: Vec<(ContainerKey, Usage)>,
}
