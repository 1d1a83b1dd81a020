//! Which lines a `log` directive takes, and how bad it calls them.

use super::Level;
use crate::config::model::LogTarget;

impl LogTarget {
    /// The severity a line is sent with; `None`: it is not sent.
    pub fn severity(&self, level: Level) -> Option<Level> {
        (level <= self.level).then(|| level.max(self.minlevel))
    }

    /// Whether the line of this number, counted from 0 over all lines that were bad enough, is in the sample.
    pub fn samples(&self, number: u64) -> bool {
        let Some((ranges, size)) = &self.sample else { return true };
        let place = number % u64::from((*size).max(1)) + 1;
        ranges.iter().any(|(first, last)| (u64::from(*first)..=u64::from(*last)).contains(&place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::LogAddress;
    use crate::log::{Facility, Framing};

    fn target(level: Level, minlevel: Level) -> LogTarget {
        LogTarget {
            address: LogAddress::Stdout,
            len: 1024,
            format: Framing::Raw,
            sample: None,
            facility: Facility(16),
            level,
            minlevel,
        }
    }

    #[test]
    fn takes_what_is_bad_enough_and_tones_it_down() {
        let target = target(Level::Info, Level::Err);
        assert_eq!(target.severity(Level::Alert), Some(Level::Err));
        assert_eq!(target.severity(Level::Info), Some(Level::Info));
        assert_eq!(target.severity(Level::Debug), None);
    }

    #[test]
    fn samples_ranges() {
        let mut target = target(Level::Debug, Level::Emerg);
        target.sample = Some((vec![(1, 1), (3, 4)], 5));
        let taken: Vec<u64> = (0..10).filter(|number| target.samples(*number)).collect();
        assert_eq!(taken, [0, 2, 3, 5, 7, 8]);
    }
}
