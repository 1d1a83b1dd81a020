//! Leader election: of several processes that could do a work, one does it, held together by a Lease.
//!
//! Invariants
//! - The work of one has ended before another's begins, whatever breaks, as long as monotonic clocks run alike.
//! - Wall clocks decide nothing; they are only shown.
//! - Who ends in good order gives the lease back, so that the next need not wait for it to run out.
//!
//! Upstream: `client-go/tools/leaderelection`.

mod candidate;
mod record;
#[cfg(test)]
mod tests;

use crate::Api;
use candidate::Candidate;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Clock, SystemClock};
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long a leader is believed. `retry` < `renew_deadline` < `lease`, the last in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Others take over when the lease has not changed for this long. Default 15 s.
    pub lease: Duration,
    /// A leader that could not renew the lease for this long ends its work. Default 10 s.
    pub renew_deadline: Duration,
    /// Between two tries to get or to renew it. Default 2 s.
    pub retry: Duration,
}

impl Default for Timing {
    /// Upstream's.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { lease: seconds(15), renew_deadline: seconds(10), retry: seconds(2) }
    }
}

impl Timing {
    /// Work that was told to end and has not done so is killed this long after the last renewal: before others may
    /// begin, with a little left for the kill itself.
    fn kill_after(&self) -> Duration {
        self.lease - self.lease.saturating_sub(self.renew_deadline) / 5
    }

    /// One try of two that fit into the deadline, so that one hung request does not cost the lead.
    fn attempt(&self) -> Duration {
        self.renew_deadline / 2
    }
}

/// One process's part in an election.
pub struct Election {
    pub api: Arc<dyn Api>,
    /// The Lease's, in `kube-system`; the same for all who take part.
    pub name: String,
    /// Ours alone, also among earlier runs of this process on this host.
    pub identity: String,
    pub timing: Timing,
    /// What is written into the Lease for readers.
    pub clock: Arc<dyn Clock>,
}

enum End {
    /// The work ended by itself.
    Finished(Result<(), JoinError>),
    Stopped,
    Lost,
}

impl Election {
    /// With upstream's times and the machine's clock.
    pub fn new(api: Arc<dyn Api>, name: impl Into<String>, identity: impl Into<String>) -> Self {
        let (name, identity) = (name.into(), identity.into());
        Self { api, name, identity, timing: Timing::default(), clock: Arc::new(SystemClock) }
    }

    /// Takes part until `stop`, and has then ended the work and given the lease back. Each time we are elected, `work`
    /// is started; its token is cancelled when it has to end, and it is killed if it does not end in time. Work that
    /// ends by itself gives the lead away; we then take part again.
    pub async fn run<W, F>(self, stop: CancellationToken, mut work: W)
    where
        W: FnMut(CancellationToken) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let timing = self.timing;
        let mut candidate = Candidate::new(self);
        while let Some(won) = stop.run_until_cancelled(candidate.win()).await {
            tracing::info!(lease = candidate.name(), identity = candidate.identity(), "we lead");
            let token = CancellationToken::new();
            let task = AbortOnDropHandle::new(tokio::spawn(work(token.clone())));
            lead(&mut candidate, won, &stop, token, task).await;
            candidate.give_back().await;
            if stop.run_until_cancelled(tokio::time::sleep(timing.retry)).await.is_none() {
                break;
            }
        }
        // A try to get it may have been cut off.
        candidate.give_back().await;
    }
}

/// Renews while the work runs; returns when it runs no more. `renewed` is when the last renewal was asked for.
async fn lead(
    candidate: &mut Candidate,
    mut renewed: Instant,
    stop: &CancellationToken,
    token: CancellationToken,
    mut task: AbortOnDropHandle<()>,
) {
    let end = loop {
        tokio::select! {
            result = &mut task => break End::Finished(result),
            () = stop.cancelled() => break End::Stopped,
            kept = candidate.keep(renewed) => match kept {
                Some(at) => renewed = at,
                None => break End::Lost,
            },
        }
    };
    let (lease, identity) = (candidate.name(), candidate.identity());
    let result = match end {
        End::Finished(result) => {
            tracing::warn!(lease, identity, "the leader's work has ended by itself; somebody else may lead");
            result
        }
        End::Stopped | End::Lost => {
            if matches!(end, End::Lost) {
                tracing::warn!(lease, identity, "we lead no more: the lease is lost or could not be renewed");
            }
            token.cancel();
            finish(task, renewed + candidate.timing().kill_after(), lease).await
        }
    };
    if let Err(error) = result
        && error.is_panic()
    {
        tracing::error!(lease, identity, %error, "the leader's work panicked");
    }
}

/// Waits for work that was told to end; kills it at `last`.
async fn finish(mut task: AbortOnDropHandle<()>, last: Instant, lease: &str) -> Result<(), JoinError> {
    if let Ok(result) = tokio::time::timeout_at(last, &mut task).await {
        return result;
    }
    tracing::error!(lease, "the leader's work did not end in time and is killed");
    task.abort();
    task.await
}
