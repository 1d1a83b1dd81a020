//! The shim: one tiny process per pod.

/// Call first in `main`, before anything else: when the process was started as a shim, runs it and never returns.
pub fn maybe_run_helper() {}
