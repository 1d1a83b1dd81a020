//! How fast the embedded store writes, and how much of the disk a small write costs.
//!
//! `cargo run --release -p store --example bench_store [FOLDER] [SECONDS]`; the folder's disk is what is measured.

use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::{Embedded, Op, Options, Outcome, Store as _};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".into());
    let seconds = arguments.next().map_or(3, |text| text.parse().expect("SECONDS is a number"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir_in(folder).expect("a folder to write in");
    for writers in [1, 8, 32, 128] {
        runtime.block_on(puts(folder.path(), writers, Duration::from_secs(seconds)));
    }
    runtime.block_on(lease(folder.path()));
}

async fn puts(folder: &Path, writers: usize, time: Duration) {
    let store = Embedded::open(Options::new(folder.join(format!("{writers}.db")))).expect("the store opens");
    let value = Bytes::from(vec![b'x'; 1024]);
    let slowest = Arc::new(AtomicU64::new(0));
    let (start, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (store, value, slowest) = (store.clone(), value.clone(), slowest.clone());
            tokio::spawn(async move {
                let mut count = 0u64;
                while start.elapsed() < time {
                    let began = Instant::now();
                    let key = format!("/registry/pods/default/web-{writer}-{}", count % 300);
                    put(&store, &key, value.clone()).await;
                    slowest.fetch_max(began.elapsed().as_micros() as u64, Ordering::Relaxed);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.expect("the writer ends");
    }
    println!(
        "{writers:3} writers of 1 KiB: {:6.0} puts/s, {:3} us CPU each, slowest {:.1} ms",
        count as f64 / start.elapsed().as_secs_f64(),
        (cpu_time() - cpu).as_micros() as u64 / count,
        slowest.load(Ordering::Relaxed) as f64 / 1000.0
    );
}

/// An idle cluster's write: one object of 400 bytes, again and again.
async fn lease(folder: &Path) {
    const WRITES: u64 = 10_000;
    let store = Embedded::open(Options::new(folder.join("lease.db"))).expect("the store opens");
    put(&store, "/registry/leases/kube-node-lease/node-1", Bytes::from(vec![b'x'; 400])).await;
    let before = bytes_written();
    for _ in 0..WRITES {
        put(&store, "/registry/leases/kube-node-lease/node-1", Bytes::from(vec![b'x'; 400])).await;
    }
    println!("a lease rewritten: {} bytes written each (WAL and database)", (bytes_written() - before) / WRITES);
}

async fn put(store: &Embedded, key: &str, value: Bytes) {
    let outcome = store.txn(vec![], vec![Op::put(key, value)]).await.expect("the write works");
    assert!(matches!(outcome, Outcome::Done { .. }));
}

/// Of this process, user and system.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Bytes this process gave to write calls.
fn bytes_written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").expect("/proc is mounted");
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: ")).expect("as proc(5) says");
    line.parse().expect("a number")
}
