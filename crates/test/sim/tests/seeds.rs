//! Some seeds at every test run; `cargo run -p sim --release -- --seeds 10000` runs many.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Without optimisation each takes ten times as long.
const SEEDS: u64 = if cfg!(debug_assertions) { 32 } else { 300 };

#[test]
fn every_seed_comes_to_rest_as_its_objects_say() {
    let (next, failures) = (AtomicU64::new(0), Mutex::new(String::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return;
            }
            if let Err(failure) = sim::run(seed, false) {
                *failures.lock().unwrap() += &failure.to_string();
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..workers).for_each(|_| _ = scope.spawn(work)));
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures}\nreplay one with `cargo run -p sim -- --seed N`");
}

#[test]
fn a_seed_does_the_same_each_time() {
    let run = |seed| sim::run(seed, false).map_err(|failure| failure.to_string()).unwrap();
    for seed in [1, 3, 5] {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1).hash, run(3).hash);
}
