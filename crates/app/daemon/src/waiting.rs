//! Waiting for what another process does and nobody tells us of.

use std::time::{Duration, Instant};

/// Between two questions: not felt by a person, and cheap.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks until it is so.
///
/// # Errors
/// What was said last, if it is not so after `limit`.
pub async fn until(limit: Duration, mut ask: impl AsyncFnMut() -> Result<(), String>) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        match ask().await {
            Err(why) if begin.elapsed() > limit => return Err(why),
            Err(_) => tokio::time::sleep(PAUSE).await,
            Ok(()) => return Ok(()),
        }
    }
}
