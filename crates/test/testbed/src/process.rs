//! What the system tells of processes, and what it lets this one have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// Memory of a process that is in use, in bytes: `VmRSS` now, `VmHWM` at most so far.
#[track_caller]
pub fn memory(pid: u32, field: &str) -> u64 {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_else(|| panic!("{path} has no {field}")) * 1024
}

/// As many descriptors as the system lets this process have; how many.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // Without it what needs them says what it lacks.
    _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
