//! `sim --seeds 10000` runs seeds on all cores; `sim --seed 7` replays one and prints its trace.

use clap::Parser;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

#[derive(Parser)]
#[command(about = "Runs what decides in a simulated cluster, by seeds")]
struct Args {
    /// Seeds to run, from `--from` on.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Replays this seed and prints its trace.
    #[arg(long)]
    seed: Option<u64>,
    /// Seeds run at the same time; as many as there are cores by default.
    #[arg(long)]
    jobs: Option<usize>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match args.seed {
        Some(seed) => replay(seed),
        None => run_all(&args),
    }
}

fn replay(seed: u64) -> ExitCode {
    match sim::run(seed, true) {
        Ok(report) => {
            println!("SIM_SEED={seed} is well: {report:?}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            print!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(args: &Args) -> ExitCode {
    let (next, begin) = (AtomicU64::new(args.from), Instant::now());
    let (failed, writes) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= args.from + args.seeds {
                return;
            }
            match sim::run(seed, false) {
                Ok(report) => _ = writes.fetch_add(report.writes, Ordering::Relaxed),
                Err(failure) => {
                    eprint!("{failure}");
                    failed.lock().expect("no thread panics with it").push(seed);
                }
            }
        }
    };
    let jobs = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    std::thread::scope(|scope| (0..jobs).for_each(|_| _ = scope.spawn(work)));
    let failed = failed.into_inner().expect("no thread panics with it");
    println!(
        "{} seeds, {} failed, {} writes, {:.1} s",
        args.seeds,
        failed.len(),
        writes.into_inner(),
        begin.elapsed().as_secs_f64()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
