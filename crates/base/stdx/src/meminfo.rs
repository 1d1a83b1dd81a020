//! What the kernel says of the machine's memory (proc_meminfo(5)).

/// Bytes of an entry such as `MemTotal`; 0 where there is none.
pub fn meminfo(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: u64 = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    kib * 1024
}

#[cfg(test)]
mod tests {
    use super::meminfo;

    #[test]
    fn a_machine_has_memory_and_not_all_of_it_is_free() {
        assert!(meminfo("MemTotal") > meminfo("MemFree") && meminfo("MemFree") > 0);
        assert_eq!(meminfo("MemTo"), 0);
    }
}
