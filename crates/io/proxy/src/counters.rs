//! Numbers that sessions of all threads add to and that statistics read: relaxed atomics, no lock.
//!
//! One structure for frontends, backends, servers and listeners: each uses what applies to it; the columns of
//! statistics say which (`balance::stats`).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts one more; how many there were before.
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed)
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Raises it to this value, where it is lower.
    pub fn raise(&self, value: u64) {
        if self.get() < value {
            self.0.fetch_max(value, Relaxed);
        }
    }
}

/// A number of things that are there now, with the highest it has been.
#[derive(Debug, Default)]
pub struct Gauge {
    now: AtomicU64,
    pub max: Counter,
}

impl Gauge {
    /// One more; returns how many there are with it.
    pub fn enter(&self) -> u64 {
        let now = self.now.fetch_add(1, Relaxed) + 1;
        self.max.raise(now);
        now
    }

    /// One less; returns how many are left.
    pub fn leave(&self) -> u64 {
        self.now.fetch_sub(1, Relaxed) - 1
    }

    pub fn get(&self) -> u64 {
        self.now.load(Relaxed)
    }
}

/// Events in the last second: what was counted in this one, and of the one before as much as still lies within.
#[derive(Debug, Default)]
pub struct Rate {
    /// Upper half: the second counted in. Lower half: events in it.
    current: AtomicU64,
    previous: AtomicU64,
    pub max: Counter,
}

impl Rate {
    /// Counts one event. `now_ms` is the engine's time in milliseconds.
    pub fn count(&self, now_ms: u64) {
        self.turn(now_ms);
        self.current.fetch_add(1, Relaxed);
        self.max.raise(self.get(now_ms));
    }

    /// Events a second.
    pub fn get(&self, now_ms: u64) -> u64 {
        let (second, gone) = (now_ms / 1000, now_ms % 1000);
        let current = self.current.load(Relaxed);
        match second.wrapping_sub(current >> 32) {
            0 => (current & COUNT) + self.previous.load(Relaxed) * (1000 - gone) / 1000,
            1 => (current & COUNT) * (1000 - gone) / 1000,
            _ => 0,
        }
    }

    /// Begins this second, if nobody has. Whoever loses the race counts in the second the winner began.
    fn turn(&self, now_ms: u64) {
        let second = now_ms / 1000;
        let current = self.current.load(Relaxed);
        let age = second.wrapping_sub(current >> 32);
        if age == 0 || age > u64::from(u32::MAX) / 2 {
            return;
        }
        let before = if age == 1 { current & COUNT } else { 0 };
        if self.current.compare_exchange(current, second << 32, Relaxed, Relaxed).is_ok() {
            self.previous.store(before, Relaxed);
        }
    }
}

/// The events in [`Rate::current`].
const COUNT: u64 = 0xffff_ffff;

/// A mean over the last [`Mean::SAMPLES`] or so, which old samples leave slowly. Milliseconds here.
#[derive(Debug, Default)]
pub struct Mean {
    sum: AtomicU64,
    pub max: Counter,
}

impl Mean {
    /// HAProxy's `TIME_STATS_SAMPLES`.
    const SAMPLES: u64 = 512;

    pub fn add(&self, value: u64) {
        self.max.raise(value);
        let sum = self.sum.load(Relaxed);
        if sum == 0 && value == 0 {
            return;
        }
        // A lost race loses one sample of hundreds.
        self.sum.store(sum - sum.div_ceil(Self::SAMPLES) + value, Relaxed);
    }

    /// Over at most [`Mean::SAMPLES`], or over as many as there were.
    pub fn get(&self, samples: u64) -> u64 {
        let count = samples.clamp(1, Self::SAMPLES);
        self.sum.load(Relaxed).div_ceil(count)
    }
}

/// What a frontend, a backend or a server counts.
#[derive(Debug, Default)]
pub struct Counters {
    /// Sessions there now (`scur`, `smax`).
    pub sessions: Gauge,
    /// Connections there now, whether or not they have become sessions.
    pub connections: Gauge,
    /// Waiting in the queue (`qcur`, `qmax`).
    pub queued: Gauge,
    /// Connections to it that wait for a request (`idle_conn_cur`).
    pub idle: Gauge,
    pub sessions_total: Counter,
    pub connections_total: Counter,
    pub requests_total: Counter,
    pub bytes_in: Counter,
    pub bytes_out: Counter,
    pub denied_connections: Counter,
    pub denied_sessions: Counter,
    pub denied_requests: Counter,
    pub denied_responses: Counter,
    /// Requests that were wrong or never complete (`ereq`).
    pub failed_requests: Counter,
    /// Connections to servers that could not be made (`econ`).
    pub failed_connections: Counter,
    /// Answers that were wrong or cut (`eresp`).
    pub failed_responses: Counter,
    pub retries: Counter,
    pub redispatches: Counter,
    /// Times a server was chosen (`lbtot`).
    pub balanced: Counter,
    pub client_aborts: Counter,
    pub server_aborts: Counter,
    /// Answered by rules or by the statistics page.
    pub intercepted: Counter,
    pub internal_errors: Counter,
    /// Header rewrites that failed (`wrew`).
    pub failed_rewrites: Counter,
    /// Connections made to servers (`connect`).
    pub connects: Counter,
    /// Requests on a connection that was there already (`reuse`).
    pub reuses: Counter,
    /// Responses by class: 1xx to 5xx, then all others.
    pub responses: [Counter; 6],
    pub compressed_in: Counter,
    pub compressed_out: Counter,
    pub compression_bypassed: Counter,
    pub compressed_responses: Counter,
    pub session_rate: Rate,
    pub connection_rate: Rate,
    pub request_rate: Rate,
    pub queue_time: Mean,
    pub connect_time: Mean,
    pub response_time: Mean,
    pub total_time: Mean,
    /// Engine's time of the last session, in milliseconds; 0 is never.
    pub last_session_ms: Counter,
}

impl Counters {
    /// Counts a response of this status.
    pub fn response(&self, status: u16) {
        let class = match status / 100 {
            class @ 1..=5 => usize::from(class) - 1,
            _ => 5,
        };
        self.responses[class].inc();
    }

    /// `clear counters`: highest values begin anew from what is there now.
    pub fn clear_max(&self) {
        for gauge in [&self.sessions, &self.connections, &self.queued] {
            gauge.max.set(gauge.get());
        }
        for rate in [&self.session_rate, &self.connection_rate, &self.request_rate] {
            rate.max.set(0);
        }
        for mean in [&self.queue_time, &self.connect_time, &self.response_time, &self.total_time] {
            mean.max.set(0);
        }
    }

    /// `clear counters all`: what grows begins at 0 too.
    pub fn clear_all(&self) {
        self.clear_max();
        let growing = [
            &self.sessions_total,
            &self.connections_total,
            &self.requests_total,
            &self.bytes_in,
            &self.bytes_out,
            &self.denied_connections,
            &self.denied_sessions,
            &self.denied_requests,
            &self.denied_responses,
            &self.failed_requests,
            &self.failed_connections,
            &self.failed_responses,
            &self.retries,
            &self.redispatches,
            &self.balanced,
            &self.client_aborts,
            &self.server_aborts,
            &self.intercepted,
            &self.internal_errors,
            &self.failed_rewrites,
            &self.connects,
            &self.reuses,
            &self.compressed_in,
            &self.compressed_out,
            &self.compression_bypassed,
            &self.compressed_responses,
        ];
        growing.into_iter().chain(&self.responses).for_each(|counter| counter.set(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_forgets_the_second_before_bit_by_bit() {
        let rate = Rate::default();
        for _ in 0..100 {
            rate.count(10_500);
        }
        assert_eq!(rate.get(10_900), 100);
        assert_eq!(rate.get(11_000), 100);
        assert_eq!(rate.get(11_750), 25);
        rate.count(11_750);
        assert_eq!(rate.get(11_750), 26);
        assert_eq!(rate.get(13_000), 0);
    }

    #[test]
    fn a_mean_of_few_samples_is_their_mean() {
        let mean = Mean::default();
        mean.add(100);
        mean.add(200);
        assert_eq!((mean.get(2), mean.max.get()), (150, 200));
    }

    #[test]
    fn the_highest_stays() {
        let gauge = Gauge::default();
        gauge.enter();
        gauge.enter();
        gauge.leave();
        assert_eq!((gauge.get(), gauge.max.get()), (1, 2));
    }
}
