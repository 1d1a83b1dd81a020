//! Calls that were sent while a leader reigned who is gone: the member has passed them on to it, and goes on waiting for
//! an answer that cannot come any more, for 7 s (upstream: `ReqTimeout`).
//!
//! Each leader has its term, and every answer names the one it was given in. So a call that takes long asks its member,
//! beside, for the term: a later one than when the call was sent tells that it need not be waited for.

use super::client::{Client, exchanged};
use super::connection::Endpoint;
use super::grpc::{CallError, framed};
use super::{admin, proto};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A call that has taken so long is looked after, and again after as long. Most take less than a hundredth of it.
const LOOK: Duration = Duration::from_millis(400);
/// What the old leader had passed on before it went may still come.
const GRACE: Duration = Duration::from_millis(300);

/// Our words for it, in place of etcd's, which come too late. What was to be done may have been done.
pub const DEPOSED: &str = "etcd's leader went before it answered";
const UNAVAILABLE: u32 = 14;

/// The newest term that any answer named.
#[derive(Default)]
pub struct Term(AtomicU64);

impl Term {
    pub fn learn(&self, header: Option<&proto::Header>) {
        self.0.fetch_max(header.map_or(0, |header| header.raft_term), Relaxed);
    }

    /// 0: none is known.
    pub fn newest(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Client {
    /// Waits until the member at `endpoint` follows a later leader than that of `term`.
    pub async fn deposed(&self, endpoint: &Arc<Endpoint>, term: u64) -> CallError {
        if term == 0 {
            std::future::pending::<()>().await;
        }
        loop {
            sleep(LOOK).await;
            let status = async {
                let connection = self.connection(endpoint, || true).await?;
                exchanged::<admin::Status>(endpoint, connection, admin::STATUS, framed(&admin::Empty {}), LOOK).await
            };
            // Without an answer nothing is known: the call's own time limit decides.
            let Ok(Ok(status)) = timeout(LOOK, status).await else { continue };
            let now = status.header.as_ref().map_or(0, |header| header.raft_term);
            if status.leader != 0 && now > term {
                sleep(GRACE).await;
                return CallError::Status { code: UNAVAILABLE, message: DEPOSED.to_owned() };
            }
        }
    }
}
