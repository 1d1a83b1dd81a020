//! What clients may take of this process: descriptors, and memory for long statements.
//!
//! The budget: 25 MB for the process, 8 kB for a client that is idle, [`LONG`] thrice for one that sends a statement, a piece
//! of 256 kB for one that gets an answer, and [`LONG_STATEMENTS`] for longer statements of all clients together. Beyond
//! that these wait, except where something is open that others may wait for: so many more as servers have connections.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A statement, or another command, of more bytes is taken in only where there is room for it.
pub const LONG: usize = 1 << 20;

/// Bytes for long statements that are at hand at the same time.
pub const LONG_STATEMENTS: usize = 256 << 20;

/// A statement is in memory as it comes, whole, and as it goes to a server; what allocators hold back is as much again.
const COPIES: usize = 4;

/// Descriptors that are none of clients: runtimes, listeners, files, administrators, the monitor.
const OURS: u64 = 150;

/// Room for long statements.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

/// Gives the room back.
pub type Taken = OwnedSemaphorePermit;

const KILOBYTE: usize = 1024;

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LONG_STATEMENTS / KILOBYTE)))
    }
}

impl Room {
    /// Waits until there is room for a statement of so many bytes. One that is larger than all of it takes all.
    pub async fn take(&self, bytes: usize) -> Option<Taken> {
        self.0.clone().acquire_many_owned(units(bytes)).await.ok()
    }

    /// What must not wait: with room if there is, else without.
    pub fn take_at_once(&self, bytes: usize) -> Option<Taken> {
        self.0.clone().try_acquire_many_owned(units(bytes)).ok()
    }
}

fn units(bytes: usize) -> u32 {
    bytes.saturating_mul(COPIES).min(LONG_STATEMENTS).div_ceil(KILOBYTE) as u32
}

/// Raises the process's limit of descriptors as far as the system lets it, and says how many clients that is enough for, with
/// `servers` connections to servers beside them: these get at most a third.
pub fn clients(servers: u64) -> u32 {
    room_for(crate::limits::raise(u64::MAX), servers)
}

fn room_for(descriptors: u64, servers: u64) -> u32 {
    let free = descriptors.saturating_sub(OURS);
    u32::try_from(free - servers.min(free / 3)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_take_their_part() {
        assert_eq!(room_for(20_000, 200), 19_650);
        assert_eq!(room_for(1_024, 10_000), 583);
        assert_eq!(room_for(100, 10), 1);
    }

    #[test]
    fn nothing_is_larger_than_all() {
        assert_eq!(units(1 << 20), 4 * 1024);
        assert_eq!(units(usize::MAX), 256 * 1024);
    }
}
