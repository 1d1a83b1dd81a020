//! Events per period, over a window that slides.

/// Events of the running period and of the one before it. Times are milliseconds that wrap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// When the running period began.
    pub start: u32,
    pub current: u32,
    pub previous: u32,
}

impl Rate {
    pub fn add(&mut self, now: u32, period: u32, count: u32) {
        let period = period.max(1);
        let age = now.wrapping_sub(self.start);
        if age >= period {
            let missed = age - period >= period;
            self.previous = if missed { 0 } else { self.current };
            self.start = if missed { now } else { self.start.wrapping_add(period) };
            self.current = 0;
        }
        self.current = self.current.saturating_add(count);
    }

    /// Events per period: those of the running one, and of the one before as much as the window still covers.
    pub fn read(self, now: u32, period: u32) -> u32 {
        let period = period.max(1);
        let age = now.wrapping_sub(self.start);
        let (current, past, age) = match age / period {
            0 => (self.current, self.previous, age),
            1 => (0, self.current, age - period),
            _ => return 0,
        };
        if current == 0 && past <= 1 {
            // A single event counts for its whole period instead of flickering to zero.
            return past;
        }
        let left = u64::from(period - age);
        current.saturating_add((u64::from(past) * left / u64::from(period)) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides_over_two_periods() {
        let mut rate = Rate::default();
        for now in 100_000..100_010 {
            rate.add(now, 1000, 1);
        }
        let read: Vec<u32> =
            [100_010, 100_999, 101_000, 101_500, 101_900, 102_000].map(|now| rate.read(now, 1000)).into();
        assert_eq!(read, [10, 10, 10, 5, 1, 0]);
        rate.add(101_500, 1000, 4);
        assert_eq!((rate.read(101_500, 1000), rate.read(101_750, 1000)), (9, 6));
    }

    #[test]
    fn one_event_does_not_flicker() {
        let mut rate = Rate::default();
        rate.add(5000, 1000, 1);
        assert_eq!([5999, 6500, 6999, 7000].map(|now| rate.read(now, 1000)), [1, 1, 1, 0]);
    }

    #[test]
    fn the_clock_may_wrap() {
        let mut rate = Rate::default();
        rate.add(u32::MAX - 10, 1000, 3);
        rate.add(5, 1000, 3);
        assert_eq!(rate.read(20, 1000), 6);
    }
}
