//! Resource usage read from cgroups.

use crate::status::ContainerKey;

/// Usage of one cgroup. On cgroup v1 the numbers come from cpuacct, memory and pids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since the cgroup was made, nanoseconds.
    pub cpu_ns: u64,
    /// Of it, time in programs and in the kernel.
    pub cpu_user_ns: u64,
    pub cpu_system_ns: u64,
    /// CPU time per period, microseconds; 0 means no limit.
    pub cpu_quota_us: u64,
    pub cpu_period_us: u64,
    /// Periods in which it ran, those in which the limit stopped it, and for how long.
    pub cpu_periods: u64,
    pub cpu_throttled_periods: u64,
    pub cpu_throttled_ns: u64,
    /// Bytes charged, page cache included.
    pub memory_usage: u64,
    /// Usage without inactive file pages: what `kubectl top` shows and evictions look at.
    pub memory_working_set: u64,
    /// Anonymous memory, bytes.
    pub memory_rss: u64,
    /// Page cache, and what of it is mapped by programs, bytes.
    pub memory_cache: u64,
    pub memory_mapped_file: u64,
    pub memory_swap: u64,
    /// Bytes; 0 means no limit.
    pub memory_limit: u64,
    pub page_faults: u64,
    pub major_page_faults: u64,
    /// Tasks, threads counted.
    pub pids: u64,
}

/// Usage of a pod and of its running containers.
#[derive(Debug, Clone, Default)]
pub struct PodStats {
    pub pod: Usage,
    pub containers: Vec<(ContainerKey, Usage)>,
    /// Of the pod's own network; empty where it uses the host's.
    pub interfaces: Vec<Interface>,
}

/// What went through a network interface since it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub received: Traffic,
    pub sent: Traffic,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub bytes: u64,
    pub packets: u64,
    pub errors: u64,
    pub dropped: u64,
}

/// Interfaces of the network of a process, by its `/proc/<pid>/net/dev`; without the loopback.
pub(crate) fn interfaces(table: &str) -> Vec<Interface> {
    let parse = |line: &str| -> Option<Interface> {
        let (name, counts) = line.split_once(':')?;
        let counts: Vec<u64> = counts.split_whitespace().filter_map(|count| count.parse().ok()).collect();
        let traffic = |at: usize| {
            let [bytes, packets, errors, dropped] = *counts.get(at..at + 4)? else { return None };
            Some(Traffic { bytes, packets, errors, dropped })
        };
        Some(Interface { name: name.trim().to_owned(), received: traffic(0)?, sent: traffic(8)? })
    };
    table.lines().filter_map(parse).filter(|interface| interface.name != "lo").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_read_from_the_kernels_table() {
        let table = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1000001      12    3    4    0     0          0         0     2002      22    5    6    0     0       0          0
";
        let wanted = Interface {
            name: "eth0".into(),
            received: Traffic { bytes: 1_000_001, packets: 12, errors: 3, dropped: 4 },
            sent: Traffic { bytes: 2002, packets: 22, errors: 5, dropped: 6 },
        };
        assert_eq!(interfaces(table), [wanted]);
    }
}
