//! What the statistics socket keeps for the whole process.

use balance::cli::{Captured, Limit, SocketFacts};
use balance::config::Env;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Of a limit that nobody set: the configuration's counts.
const UNSET: u32 = u32::MAX;

/// Looks at the processor's time closer together than this give the same answer.
const SAMPLE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Desk {
    rates: [AtomicU32; 4],
    sockets: Mutex<Vec<SocketFacts>>,
    errors: Mutex<Errors>,
    /// What was said while starting.
    startup: Mutex<String>,
    environment: Mutex<Env>,
    idle: Mutex<Sample>,
    /// Somebody wants the configuration read anew.
    pub reload: Notify,
    pub reloads: AtomicU32,
    pub failed_reloads: AtomicU32,
}

/// Invalid messages: how many there were, and the last request and response of each proxy.
#[derive(Debug, Default)]
struct Errors {
    count: u64,
    kept: Vec<Captured>,
}

/// How much time the process had spent at an instant, and how idle it was up to it.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    busy: Duration,
    percent: u32,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            rates: std::array::from_fn(|_| AtomicU32::new(UNSET)),
            sockets: Mutex::default(),
            errors: Mutex::default(),
            startup: Mutex::default(),
            environment: Mutex::default(),
            idle: Mutex::new(Sample { at: Instant::now(), busy: busy(), percent: 100 }),
            reload: Notify::new(),
            reloads: AtomicU32::new(0),
            failed_reloads: AtomicU32::new(0),
        }
    }
}

fn place(limit: Limit) -> Option<usize> {
    match limit {
        Limit::Maxconn => None,
        Limit::ConnectionRate => Some(0),
        Limit::SessionRate => Some(1),
        Limit::SslRate => Some(2),
        Limit::CompressionRate => Some(3),
    }
}

impl Desk {
    /// A limit a second, where the socket set one; else what the configuration says. 0 is none.
    pub fn rate(&self, limit: Limit, configured: Option<u32>) -> u32 {
        let set = place(limit).map_or(UNSET, |place| self.rates[place].load(Relaxed));
        if set == UNSET { configured.unwrap_or(0) } else { set }
    }

    pub fn set_rate(&self, limit: Limit, value: u32) {
        if let Some(place) = place(limit) {
            self.rates[place].store(value.min(UNSET - 1), Relaxed);
        }
    }

    pub fn sockets(&self) -> Vec<SocketFacts> {
        lock(&self.sockets).clone()
    }

    pub fn set_sockets(&self, sockets: Vec<SocketFacts>) {
        *lock(&self.sockets) = sockets;
    }

    /// Warnings of the start, a line each.
    pub fn startup(&self) -> String {
        lock(&self.startup).clone()
    }

    pub fn set_startup(&self, text: String) {
        *lock(&self.startup) = text;
    }

    /// Variables as the configuration sees them.
    pub fn environment(&self) -> Env {
        lock(&self.environment).clone()
    }

    pub fn set_environment(&self, environment: Env) {
        *lock(&self.environment) = environment;
    }

    /// How many invalid messages there were, and those that are kept.
    pub fn errors(&self) -> (u64, Vec<Captured>) {
        let errors = lock(&self.errors);
        (errors.count, errors.kept.clone())
    }

    /// Keeps an invalid message in the place of the one before of the same proxy and side.
    pub fn capture(&self, mut message: Captured) {
        let mut errors = lock(&self.errors);
        message.event = errors.count;
        errors.count += 1;
        errors.kept.retain(|other| (other.proxy_id, other.request) != (message.proxy_id, message.request));
        errors.kept.push(message);
        errors.kept.sort_by_key(|message| (message.proxy_id, !message.request));
    }

    /// Percent of the time since the last look that this many threads did not work.
    pub fn idle_percent(&self, threads: usize) -> u32 {
        let mut last = lock(&self.idle);
        let now = Instant::now();
        let elapsed = now.duration_since(last.at);
        if elapsed >= SAMPLE {
            let worked = busy().saturating_sub(last.busy);
            let share = worked.as_secs_f64() / (elapsed.as_secs_f64() * threads.max(1) as f64);
            let percent = 100 - (share * 100.0).round().clamp(0.0, 100.0) as u32;
            *last = Sample { at: now, busy: busy(), percent };
        }
        last.percent
    }
}

/// Milliseconds of a tick in `/proc/self/stat`: the kernel's unit for programs, whatever its own is.
const TICK: u64 = 10;

/// Time this process has worked, all threads together.
fn busy() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold blanks; user and system time are the 12th and 13th fields behind it.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |at: usize| fields.split(' ').nth(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * TICK)
}

/// Whole values are put into these locks, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_set_counts_before_the_configuration() {
        let desk = Desk::default();
        assert_eq!(desk.rate(Limit::SessionRate, Some(7)), 7);
        desk.set_rate(Limit::SessionRate, 0);
        assert_eq!(desk.rate(Limit::SessionRate, Some(7)), 0);
        assert_eq!(desk.rate(Limit::SslRate, None), 0);
    }
}
