//! Threads: workers that serve clients.

use super::listener::{self, Opened};
use super::server::pool::{IDLE, Share};
use super::shared::Shared;
use super::worker::Worker;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at idle connections.
const SWEEP: Duration = Duration::from_secs(1);

/// Tasks that run before the kernel is asked for more of them.
const EVENT_INTERVAL: u32 = 200;

/// Starts a worker with its sockets.
///
/// # Errors
/// Where the system gives no thread.
pub fn start_worker(shared: Arc<Shared>, share: Share, sockets: Vec<Opened>) -> io::Result<()> {
    let name = format!("sql-{}", share.worker);
    std::thread::Builder::new().name(name).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .build()
            .expect("the system gives an epoll to a new thread");
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, serve(shared, share, sockets));
    })?;
    Ok(())
}

async fn serve(shared: Arc<Shared>, share: Share, sockets: Vec<Opened>) {
    let worker = Rc::new(Worker::new(shared, share));
    for socket in sockets {
        let worker = worker.clone();
        tokio::task::spawn_local(async move {
            if let Err(error) = listener::accept(worker, socket).await {
                super::log::error(&format!("a listener ended: {error}"));
            }
        });
    }
    let mut swept = Instant::now();
    let mut pause = SWEEP;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = worker.shared.hungry.notified() => {}
        }
        pause = if worker.feed_others() { IDLE } else { SWEEP };
        if swept.elapsed() < SWEEP {
            continue;
        }
        swept = Instant::now();
        let tuning = worker.shared.tuning.load_full();
        while worker.reclaim_after(SWEEP) {}
        worker.pool.sweep(tuning.idle_connection, tuning.connection_max_age);
        if share.worker == 0 {
            worker.shared.cache.purge_some(worker.shared.micros());
        }
    }
}
