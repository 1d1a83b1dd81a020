//! `exec`: a command in the container; 0 is success.

use pods::Outcome;
use runtime::{ContainerKey, Error, Sandbox};
use std::time::Duration;

/// Output kept for the event. Upstream: `maxReadLength`.
const MAX_OUTPUT: usize = 10 << 10;

pub(super) async fn run(sandbox: &Sandbox, key: &ContainerKey, command: &[String], timeout: Duration) -> Outcome {
    match sandbox.exec_sync(key, command, timeout).await {
        Ok(result) if result.exit_code == 0 => Outcome::Success,
        Ok(result) => {
            let kept = &result.output[..result.output.len().min(MAX_OUTPUT)];
            Outcome::Failure(String::from_utf8_lossy(kept).into_owned())
        }
        Err(Error::ExecTimeout { .. }) => {
            let (command, seconds) = (command.join(" "), timeout.as_secs());
            Outcome::Failure(format!("command timed out: \"{command}\" timed out after {seconds}s"))
        }
        Err(error) => Outcome::Unknown(stdx::chain(&error)),
    }
}
