//! Small extensions of std that everybody may use. No async, no logging.

pub mod atomic_file;
pub mod backoff;
pub mod chain;
pub mod clock;
pub mod meminfo;

pub use atomic_file::write_atomically;
pub use backoff::Backoff;
pub use chain::chain;
pub use clock::{Clock, SystemClock, Timestamp};
pub use meminfo::meminfo;
