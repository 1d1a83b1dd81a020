//! How many requests run at once; the others wait a little, then are asked to come back.
//!
//! Upstream: `server/filters/maxinflight.go` (`--max-requests-inflight` 400, `--max-mutating-requests-inflight` 200).

use super::RequestInfo;
use apimachinery::{ApiError, ApiResult, Reason};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const READING: usize = 400;
const MUTATING: usize = 200;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Limits {
    reading: Arc<Semaphore>,
    mutating: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { reading: Arc::new(Semaphore::new(READING)), mutating: Arc::new(Semaphore::new(MUTATING)) }
    }
}

impl Limits {
    /// How many requests of each kind run now, by upstream's name for it.
    pub fn running(&self) -> [(&'static str, u64); 2] {
        let taken = |pool: &Semaphore, size: usize| size.saturating_sub(pool.available_permits()) as u64;
        [("mutating", taken(&self.mutating, MUTATING)), ("readOnly", taken(&self.reading, READING))]
    }

    /// Keep the permit while the request runs. Long-running requests need none.
    ///
    /// # Errors
    /// 429 if there is none in time.
    pub async fn admit(&self, info: &RequestInfo) -> ApiResult<Option<OwnedSemaphorePermit>> {
        if info.is_long_running() || !info.is_resource {
            return Ok(None);
        }
        let pool = if info.is_mutating() { &self.mutating } else { &self.reading };
        if let Ok(permit) = pool.clone().try_acquire_owned() {
            return Ok(Some(permit));
        }
        match tokio::time::timeout(PATIENCE, pool.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            _ => {
                let text = "The apiserver is currently unable to handle more requests: too many requests, please try again later.";
                Err(ApiError::new(Reason::TooManyRequests, text).with_details(json!({"retryAfterSeconds": 1})))
            }
        }
    }
}
