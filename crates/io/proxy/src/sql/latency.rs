//! Durations in fixed buckets: to note one costs two additions, neither lock, nor allocation, nor a locked bus.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds in microseconds, each included; one more bucket has what is longer. Those of ProxySQL's command counters
/// are among them.
pub const BOUNDS: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

const BUCKETS: usize = BOUNDS.len() + 1;

/// Written by one thread, its worker's; read by any.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// Microseconds.
    sum: AtomicU64,
}

impl Histogram {
    pub fn note(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < microseconds);
        bump(&self.buckets[bucket], 1);
        bump(&self.sum, microseconds);
    }

    pub fn times(&self) -> Times {
        Times { buckets: std::array::from_fn(|bucket| self.buckets[bucket].load(Relaxed)), sum: self.sum.load(Relaxed) }
    }
}

/// Adds to a counter that only the calling thread writes: some twenty nanoseconds less than where others might.
pub fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

/// What a [`Histogram`] held at one moment; those of several threads are added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    pub buckets: [u64; BUCKETS],
    /// Microseconds.
    pub sum: u64,
}

impl Times {
    pub fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(own, more)| *own += more);
        self.sum += other.sum;
    }

    /// What came since `then`.
    #[must_use]
    pub fn since(&self, then: &Self) -> Self {
        Self {
            buckets: std::array::from_fn(|bucket| self.buckets[bucket].saturating_sub(then.buckets[bucket])),
            sum: self.sum.saturating_sub(then.sum),
        }
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many took at most this long; `microseconds` is one of [`BOUNDS`].
    pub fn within(&self, microseconds: u64) -> u64 {
        let until = BOUNDS.partition_point(|bound| *bound <= microseconds);
        self.buckets[..until].iter().sum()
    }

    /// Microseconds; 0 where nothing was noted.
    pub fn mean(&self) -> u64 {
        self.sum.checked_div(self.count()).unwrap_or_default()
    }

    /// The time that this share of all stayed within, in microseconds: in its bucket taken as evenly spread. Of the last
    /// bucket nothing but its beginning is known.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = self.count() as f64 * share;
        let mut before = 0.0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && before + count >= wanted {
                let low = bucket.checked_sub(1).map_or(0, |lower| BOUNDS[lower]);
                let high = BOUNDS.get(bucket).copied().unwrap_or(low);
                return low + ((high - low) as f64 * (wanted - before) / count) as u64;
            }
            before += count;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(microseconds: &[u64]) -> Times {
        let histogram = Histogram::default();
        microseconds.iter().for_each(|time| histogram.note(Duration::from_micros(*time)));
        histogram.times()
    }

    #[test]
    fn a_bound_is_in_its_bucket() {
        let times = of(&[0, 50, 51, 100, 10_000_000, 10_000_001]);
        assert_eq!((times.within(50), times.within(100), times.within(10_000_000), times.count()), (2, 4, 5, 6));
        assert_eq!(times.sum, 20_000_202);
    }

    #[test]
    fn shares_are_spread_over_their_bucket() {
        assert_eq!(of(&[]).quantile(0.95), 0);
        assert_eq!(of(&[200; 100]).quantile(0.5), 175);
        let mut mixed = vec![40; 95];
        mixed.extend([30_000_000; 5]);
        assert_eq!((of(&mixed).quantile(0.95), of(&mixed).quantile(0.99)), (50, 10_000_000));
        assert_eq!(of(&[100, 300]).mean(), 200);
    }

    #[test]
    fn what_came_since() {
        let (then, now) = (of(&[10, 3_000]), of(&[10, 3_000, 3_000]));
        assert_eq!((now.since(&then).count(), now.since(&then).sum), (1, 3_000));
        assert_eq!(now.since(&now), Times::default());
    }
}
