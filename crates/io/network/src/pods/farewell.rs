//! The last packets of a pod: who is connected to it has to hear that it has gone.
//!
//! What its processes had open the kernel closes when they end; that takes a packet there and one back. An interface that
//! goes first takes the packet along, as it may still be in a queue of the kernel, and a client that waits for an answer
//! waits for hours.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For clients that are gone themselves, and say nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// Returns when the other ends of all its TCP connections know that they are closed, or after half a second. Failure costs those
/// connections a timeout.
pub fn wait(netns: &Path) {
    let path = netns.to_owned();
    let thread = std::thread::Builder::new().name("farewell".to_owned()).spawn(move || watch(&path));
    if thread.map(std::thread::JoinHandle::join).is_err() {
        tracing::debug!(netns = %netns.display(), "no thread: connections of a deleted pod may stay until they expire");
    }
}

fn watch(netns: &PathBuf) {
    let inside = File::open(netns).is_ok_and(|file| setns(&file, CloneFlags::CLONE_NEWNET).is_ok());
    let began = Instant::now();
    while inside && has_unheard() && began.elapsed() < PATIENCE {
        std::thread::sleep(LOOK);
    }
}

fn has_unheard() -> bool {
    let tables = ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/thread-self/net/{table}")));
    tables.iter().flatten().any(|table| table.lines().any(is_unheard))
}

/// A line of `/proc/net/tcp` whose connection waits for the other end to confirm its end: `0: local remote 04 …`.
fn is_unheard(line: &str) -> bool {
    const FIN_WAIT1: &str = "04";
    const LAST_ACK: &str = "09";
    const CLOSING: &str = "0B";
    matches!(line.split_whitespace().nth(3), Some(FIN_WAIT1 | LAST_ACK | CLOSING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel() {
        let line = |state: &str| format!("   0: 0E00F40A:1791 0100F40A:F919 {state} 00000000:00000000 00:00000000 0 0");
        assert!(["04", "09", "0B"].iter().all(|state| is_unheard(&line(state))));
        assert!(!["01", "05", "06", "0A"].iter().any(|state| is_unheard(&line(state))), "open, heard, or nobody's");
        assert!(!is_unheard("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"));
    }
}
