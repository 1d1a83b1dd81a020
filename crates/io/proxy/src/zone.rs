//! The machine's difference to UTC. Asked for each log line, so it is remembered for as long as it cannot change.

use balance::sample::Now;
use jiff::tz::TimeZone;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// Differences change at full quarters of an hour only.
const QUARTER: i64 = 900;

/// Upper part: the quarter of an hour asked for last, plus one. Lower 20 bits: the difference, plus 2^19.
static LAST: AtomicI64 = AtomicI64::new(0);

const BITS: u32 = 20;

/// Read once: in a chroot there is nothing to read it from.
static ZONE: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);

/// Seconds that local time is ahead of UTC at this time (seconds since 1970).
pub fn offset(seconds: i64) -> i32 {
    let quarter = seconds.div_euclid(QUARTER) + 1;
    let last = LAST.load(Relaxed);
    if last >> BITS == quarter {
        return ((last & ((1 << BITS) - 1)) - (1 << (BITS - 1))) as i32;
    }
    let offset = jiff::Timestamp::from_second(seconds).map_or(0, |time| ZONE.to_offset(time).seconds());
    LAST.store(quarter << BITS | (i64::from(offset) + (1 << (BITS - 1))), Relaxed);
    offset
}

/// As log lines have it: `28/Nov/2026:11:33:35.280`.
pub fn date(now: Now) -> String {
    let local = now.micros + i64::from(now.offset) * 1_000_000;
    let time = jiff::Timestamp::from_microsecond(local).unwrap_or_default();
    format!("{}.{:03}", time.strftime("%d/%b/%Y:%H:%M:%S"), local.rem_euclid(1_000_000) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_is_what_was_asked() {
        let first = offset(1_700_000_000);
        assert_eq!(offset(1_700_000_001), first);
        assert_eq!(
            offset(1_700_000_000),
            jiff::tz::TimeZone::system().to_offset(jiff::Timestamp::from_second(1_700_000_000).unwrap()).seconds()
        );
    }
}
