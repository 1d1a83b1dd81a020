//! The process as Prometheus' client libraries describe it: `process_*`.

use crate::exposition::{Exposition, Kind};
use std::fs::read_to_string;

/// The kernel tells times to programs in these, on every machine there is.
const TICKS: f64 = 100.0;

/// Adds what the kernel says of this process now.
pub fn describe(text: &mut Exposition) {
    let read = |path: &str| read_to_string(path).unwrap_or_default();
    let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let facts = Facts::parse(&read("/proc/self/stat"), &read("/proc/stat"), &read("/proc/self/status"));
    let limit = read("/proc/self/limits");
    let limit = limit.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
    let mut add = |name, kind, help, value: Option<f64>| {
        if let Some(value) = value {
            text.family(name, kind, help).add(&[], value, None);
        }
    };
    let help = "Total user and system CPU time spent in seconds.";
    add("process_cpu_seconds_total", Kind::Counter, help, facts.cpu_seconds);
    let help = "Maximum number of open file descriptors.";
    add("process_max_fds", Kind::Gauge, help, limit.and_then(|limit| limit.parse().ok()));
    add("process_open_fds", Kind::Gauge, "Number of open file descriptors.", Some(open_files as f64));
    add("process_resident_memory_bytes", Kind::Gauge, "Resident memory size in bytes.", facts.resident_bytes);
    let help = "Start time of the process since unix epoch in seconds.";
    add("process_start_time_seconds", Kind::Gauge, help, facts.started_at);
    add("process_virtual_memory_bytes", Kind::Gauge, "Virtual memory size in bytes.", facts.virtual_bytes);
}

#[derive(Debug, Default, PartialEq)]
struct Facts {
    cpu_seconds: Option<f64>,
    /// Seconds since 1970.
    started_at: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
}

impl Facts {
    /// From `/proc/<pid>/stat`, `/proc/stat` and `/proc/<pid>/status`; proc(5).
    fn parse(own: &str, machine: &str, status: &str) -> Self {
        // The program's name is in brackets and may hold anything; what follows it is counted from the third field.
        let fields: Vec<&str> = own.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |field: usize| Some(fields.get(field - 3)?.parse::<f64>().ok()? / TICKS);
        let booted_at = machine.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
        let bytes = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            Some(rest.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
        };
        Self {
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| user + system),
            started_at: ticks(22).zip(booted_at).map(|(after, booted_at)| booted_at + after),
            resident_bytes: bytes("VmRSS"),
            virtual_bytes: bytes("VmSize"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_as_the_kernel_writes_them() {
        let own = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0 12345 1000000 77 18446744073709551615 1";
        let facts = Facts::parse(own, "cpu 1 2\nbtime 1700000000\n", "Name:\ta\nVmSize:\t 200 kB\nVmRSS:\t  10 kB\n");
        let wanted = Facts {
            cpu_seconds: Some(3.0),
            started_at: Some(1_700_000_123.45),
            resident_bytes: Some(10_240.0),
            virtual_bytes: Some(204_800.0),
        };
        assert_eq!(facts, wanted);
        assert_eq!(Facts::parse("", "", ""), Facts::default());
    }

    #[test]
    fn this_process_is_described() {
        let mut text = Exposition::default();
        describe(&mut text);
        let text = text.finish();
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name}\n{text}"))
        };
        assert!(value("process_open_fds") >= 3.0 && value("process_max_fds") >= value("process_open_fds"));
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert!(value("process_start_time_seconds") > 1_700_000_000.0);
    }
}
