//! When a container that ended, or could not be started, is tried again.
//!
//! Upstream: `client-go/util/flowcontrol/backoff.go` as the kubelet uses it: 10 s doubling to 5 min, forgotten when the
//! container ran for longer than twice the maximum.

use crate::seen::Trouble;
use std::time::Duration;
use stdx::Timestamp;

const FIRST: Duration = Duration::from_secs(10);
const MAX: Duration = Duration::from_secs(300);
const FORGET: Duration = Duration::from_secs(600);

/// A missing ConfigMap and the like: looked for again soon, since people mend it at once.
const CONFIG_FIRST: Duration = Duration::from_secs(2);
const CONFIG_MAX: Duration = Duration::from_secs(60);

/// How long a failed pull shows its error before it shows that it waits.
pub(crate) const SHOW_ERROR: Duration = Duration::from_secs(2);

/// The waits between one container's restarts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Restarts {
    wait: Option<Duration>,
    raised_at: Timestamp,
    /// The attempt whose end raised it: asking twice raises once.
    raised_for: Option<u32>,
    /// The attempt after whose end the waiting was told in an event.
    pub told: Option<u32>,
}

impl Restarts {
    /// How long after this attempt's end a container is held back; None: it may start.
    pub fn held_back(&self, attempt: u32, finished_at: Timestamp, now: Timestamp) -> Option<Duration> {
        let wait = self.wait_after(finished_at)?;
        (self.raised_for != Some(attempt) && now < finished_at + wait).then_some(wait)
    }

    /// A restart happens now: the next one waits longer.
    pub fn raise(&mut self, attempt: u32, finished_at: Timestamp, now: Timestamp) {
        if self.raised_for == Some(attempt) {
            return;
        }
        self.wait = Some(self.wait_after(finished_at).map_or(FIRST, |wait| (wait * 2).min(MAX)));
        self.raised_at = now;
        self.raised_for = Some(attempt);
    }

    fn wait_after(&self, finished_at: Timestamp) -> Option<Duration> {
        self.wait.filter(|_| finished_at.since(self.raised_at) <= FORGET)
    }
}

/// A container that cannot be started, and when it is tried again.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub trouble: Trouble,
    pub failures: u32,
    pub since: Timestamp,
    pub retry_at: Timestamp,
    /// The image it was about: another image is tried at once.
    pub image: String,
    /// The waiting was told in an event.
    pub told: bool,
}

impl Held {
    pub fn new(trouble: Trouble, image: &str, before: Option<&Self>, now: Timestamp) -> Self {
        let failures = before.filter(|before| before.image == image).map_or(0, |before| before.failures) + 1;
        let (first, max) = if is_pull(&trouble.reason) { (FIRST, MAX) } else { (CONFIG_FIRST, CONFIG_MAX) };
        let wait = first.saturating_mul(1 << (failures - 1).min(10)).min(max);
        Self { trouble, failures, since: now, retry_at: now + wait, image: image.to_owned(), told: false }
    }

    /// Shows that it waits, instead of the error itself.
    pub fn is_backing_off(&self, now: Timestamp) -> bool {
        self.trouble.reason == "ErrImagePull" && now >= self.since + SHOW_ERROR
    }

    /// What `state.waiting` says.
    pub fn shown(&self, now: Timestamp) -> Trouble {
        if !self.is_backing_off(now) {
            return self.trouble.clone();
        }
        let message =
            format!("Back-off pulling image \"{}\": {}: {}", self.image, self.trouble.reason, self.trouble.message);
        Trouble { reason: "ImagePullBackOff".to_owned(), message }
    }

    /// When [`Self::shown`] changes by itself.
    pub fn changes_at(&self, now: Timestamp) -> Timestamp {
        if self.trouble.reason == "ErrImagePull" && !self.is_backing_off(now) {
            return self.retry_at.min(self.since + SHOW_ERROR);
        }
        self.retry_at
    }
}

fn is_pull(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" | "ImageInspectError" | "RegistryUnavailable"
    )
}
