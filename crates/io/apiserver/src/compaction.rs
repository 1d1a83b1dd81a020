//! Forgets old states: what was true more than eight minutes ago can be listed no more.
//!
//! Clients are told (410) and lists of pages go on from the newest state. The store compacts by itself only when much has
//! gathered; without this a page's token would be good for days on a quiet cluster, which upstream's clients do not expect.
//!
//! Upstream: `apiserver/pkg/storage/etcd3/compact.go`.

use std::sync::Arc;
use std::time::Duration;
use store::{Revision, Store};
use tokio_util::sync::CancellationToken;

/// Upstream's `DefaultCompactInterval` is five minutes; its conformance test of chunked lists waits for two of them and
/// fails now and then for it. With four a state is surely forgotten by then.
const EVERY: Duration = Duration::from_secs(4 * 60);

pub async fn run(store: Arc<dyn Store>, stop: CancellationToken) {
    let mut before = 0;
    loop {
        match round(&store, before).await {
            Ok(now) => before = now,
            Err(error) => tracing::warn!(%error, "cannot compact the store"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// Forgets what was before the last round; returns where the store is now.
async fn round(store: &Arc<dyn Store>, before: Revision) -> Result<Revision, String> {
    let now = store.revision().await.map_err(|error| error.to_string())?;
    if before > 0 && before < now {
        store.compact(before).await.map_err(|error| error.to_string())?;
    }
    Ok(now)
}
