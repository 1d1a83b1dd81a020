//! Everything that decides - controllers, scheduler, garbage collector, the nodes' pods - in one process with a
//! virtual clock, where messages are lost, late and doubled, and machines die: all of it by one seed.
//!
//! A run has a storm, in which users act and everything fails that can, and a calm, in which nothing fails any more
//! and the cluster has to become what its objects say. The same seed does the same, to the last write.

mod actor;
mod agenda;
mod api;
mod controller;
mod ctx;
mod garbage;
mod namespaces;
mod node;
mod queue;
mod rng;
mod scheduling;
mod script;
mod settled;
mod trace;
mod user;
mod view;
mod world;

use std::time::Duration;
use world::World;

/// No seed needs so many; one that does runs in a circle.
const MOST_EVENTS: u64 = 3_000_000;
/// Virtual time from the storm's end until which everything must have settled.
const MOST_TIME: Duration = Duration::from_secs(4 * 3600);
/// Without a write for so long, all that was to happen soon has happened: now it is looked whether it is right.
const QUIET: Duration = Duration::from_secs(45);
/// Longer than any timer: what is wrong then stays wrong.
const DEAD: Duration = Duration::from_secs(900);

/// A run that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Of the whole trace.
    pub hash: u64,
    pub events: u64,
    pub writes: u64,
    /// Virtual time.
    pub lasted: Duration,
}

/// What went wrong with a seed.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    /// Virtual time.
    pub at: Duration,
    pub problems: Vec<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "SIM_SEED={} failed after {:.3} s of its time:", self.seed, self.at.as_secs_f64())?;
        self.problems.iter().try_for_each(|problem| writeln!(f, "  {problem}"))
    }
}

impl std::error::Error for Failure {}

/// Runs a seed; `shown` prints its trace.
///
/// # Errors
/// If a rule was broken at any moment, or the cluster did not settle as its objects say.
pub fn run(seed: u64, shown: bool) -> Result<Report, Box<Failure>> {
    let ran = std::panic::catch_unwind(|| run_to_rest(seed, shown));
    ran.unwrap_or_else(|_| {
        let problems = vec!["something panicked; the message stands above".to_owned()];
        Err(Box::new(Failure { seed, at: Duration::ZERO, problems }))
    })
}

fn run_to_rest(seed: u64, shown: bool) -> Result<Report, Box<Failure>> {
    let mut world = World::new(seed, shown);
    world.begin();
    let storm = world.plot.storm;
    // Looking costs as much as a hundred events.
    let mut look_at = Duration::ZERO;
    loop {
        let went_on = world.step().is_some();
        let elapsed = world.ctx.agenda.elapsed();
        let fail = |problems| Err(Box::new(Failure { seed, at: elapsed, problems }));
        if let Some(broken) = world.ctx.api.broken.take() {
            return fail(vec![broken]);
        }
        let quiet = world.ctx.now().since(world.last_write);
        if world.ctx.calm && quiet >= QUIET && elapsed >= look_at {
            look_at = elapsed + QUIET;
            let problems = settled::problems(&world);
            if problems.is_empty() {
                return Ok(report(&world));
            }
            if quiet >= DEAD {
                return fail(problems);
            }
        }
        if !went_on || world.ctx.agenda.count() > MOST_EVENTS || elapsed > storm + MOST_TIME {
            let mut problems = settled::problems(&world);
            problems.push("it does not come to rest".to_owned());
            return fail(problems);
        }
    }
}

fn report(world: &World) -> Report {
    Report {
        hash: world.ctx.trace.hash(),
        events: world.ctx.agenda.count(),
        writes: world.ctx.api.revision(),
        lasted: world.ctx.agenda.elapsed(),
    }
}
