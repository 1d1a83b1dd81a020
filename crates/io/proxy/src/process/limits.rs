//! What the process may use, where the command line says so. Descriptors are `crate::limits`.

use rustix::process::{Resource, Rlimit, setrlimit};

/// `-m`: memory for data, in megabytes.
///
/// # Errors
/// The system's.
pub fn memory(megabytes: u64) -> Result<(), String> {
    let bytes = Some(megabytes.saturating_mul(1 << 20));
    let limit = Rlimit { current: bytes, maximum: bytes };
    setrlimit(Resource::Data, limit)
        .map_err(|error| format!("[haproxy.main()] Cannot fix MEM limit to {megabytes} megs. ({error})"))
}
