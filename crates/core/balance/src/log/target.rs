//! Which lines a `log` directive takes, and how bad it calls them.

use super::{Facility, Framing, Level};
use crate::config::model::{LogFormat, LogLevel, LogTarget};

impl LogTarget {
    /// The severity a line is sent with; `None`: it is not sent.
    pub fn severity(&self, level: Level) -> Option<Level> {
        let level = LEVELS[level as usize];
        let (_, named) = level;
        (named <= self.level).then(|| LEVELS[named.max(self.minlevel) as usize].0)
    }

    /// Whether the line of this number, counted from 0 over all lines that were bad enough, is in the sample.
    pub fn samples(&self, number: u64) -> bool {
        let Some((ranges, size)) = &self.sample else { return true };
        let place = number % u64::from((*size).max(1)) + 1;
        ranges.iter().any(|(first, last)| (u64::from(*first)..=u64::from(*last)).contains(&place))
    }

    pub fn framing(&self) -> Framing {
        match self.format {
            LogFormat::Local => Framing::Local,
            LogFormat::Rfc3164 => Framing::Rfc3164,
            LogFormat::Rfc5424 => Framing::Rfc5424,
            LogFormat::Priority => Framing::Priority,
            LogFormat::Short => Framing::Short,
            LogFormat::Timed => Framing::Timed,
            LogFormat::Iso => Framing::Iso,
            LogFormat::Raw => Framing::Raw,
        }
    }

    pub fn facility(&self) -> Facility {
        Facility(self.facility.0)
    }
}

/// By number.
const LEVELS: [(Level, LogLevel); 8] = [
    (Level::Emerg, LogLevel::Emerg),
    (Level::Alert, LogLevel::Alert),
    (Level::Crit, LogLevel::Crit),
    (Level::Err, LogLevel::Err),
    (Level::Warning, LogLevel::Warning),
    (Level::Notice, LogLevel::Notice),
    (Level::Info, LogLevel::Info),
    (Level::Debug, LogLevel::Debug),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{Facility, LogAddress};

    fn target(level: LogLevel, minlevel: LogLevel) -> LogTarget {
        LogTarget {
            address: LogAddress::Stdout,
            len: 1024,
            format: LogFormat::Raw,
            sample: None,
            facility: Facility(16),
            level,
            minlevel,
        }
    }

    #[test]
    fn takes_what_is_bad_enough_and_tones_it_down() {
        let target = target(LogLevel::Info, LogLevel::Err);
        assert_eq!(target.severity(Level::Alert), Some(Level::Err));
        assert_eq!(target.severity(Level::Info), Some(Level::Info));
        assert_eq!(target.severity(Level::Debug), None);
    }

    #[test]
    fn samples_ranges() {
        let mut target = target(LogLevel::Debug, LogLevel::Emerg);
        target.sample = Some((vec![(1, 1), (3, 4)], 5));
        let taken: Vec<u64> = (0..10).filter(|number| target.samples(*number)).collect();
        assert_eq!(taken, [0, 2, 3, 5, 7, 8]);
    }
}
